/**
 * Loaded into the mounting process before everything else, to have happen in it what no caller can bring about: in the
 * serving thread, on a lookup of "make-the-thread-die" reading the device throws, on one of "make-a-bad-reply" a reply goes
 * out that the kernel rejects; in the main thread, on SIGUSR2, the process reads PLANTED_FILE, and waits for itself if that
 * lies in its mount.
 */
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const { isMainThread } = require("node:worker_threads");

const headerLength = 40;

if (isMainThread) {
  // Past the page cache, for whose pages a killed thread does not go on waiting.
  const flag = fs.constants.O_RDONLY | fs.constants.O_DIRECT;
  process.on("SIGUSR2", () => fs.readFile(process.env.PLANTED_FILE, { flag }, () => {}));
} else {
  const { readSync, writeSync } = fs;
  let crooked;
  fs.readSync = (descriptor, bytes, ...rest) => {
    const length = readSync(descriptor, bytes, ...rest);
    const asked = Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1", headerLength);
    if (asked.startsWith("make-the-thread-die")) throw new Error("planted: the thread dies");
    if (asked.startsWith("make-a-bad-reply")) crooked = Buffer.from(bytes.subarray(8, 16));
    return length;
  };
  fs.writeSync = (descriptor, bytes, ...rest) => {
    if (crooked && Buffer.compare(crooked, bytes.subarray(8, 16)) === 0) {
      crooked = undefined;
      const reply = Buffer.alloc(24);
      reply.writeUInt32LE(reply.length);
      bytes.copy(reply, 8, 8, 16);
      return writeSync(descriptor, reply, 0, reply.length);
    }
    return writeSync(descriptor, bytes, ...rest);
  };
  syncBuiltinESMExports();
}
