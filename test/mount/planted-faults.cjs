/**
 * Loaded into the mounting process before everything else, to have happen in the serving thread what no caller can bring
 * about: on a lookup of "make-the-thread-die" reading the device throws, on one of "make-a-bad-reply" a reply goes out
 * that the kernel rejects.
 */
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const { isMainThread } = require("node:worker_threads");

const headerLength = 40;

if (!isMainThread) {
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
