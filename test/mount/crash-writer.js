/**
 * A program that writes into a directory until it is stopped or the directory's mount is gone, and tells on stdout what
 * it was told is safe: a line for each fsync that returned, after it did.
 */
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

const [directory, first] = process.argv.slice(2);

/** What version `n` of a file holds: its number, then as many bytes as the number asks for, all telling it. */
function contentOf(n) {
  return Buffer.from(`${n}\n`.repeat(1 + ((n * 7919) % 30_000)));
}

function synced(path, flags, bytes) {
  const file = openSync(path, flags);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A rename is safe once its directory was synced. */
function syncDirectory() {
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

// What is told has to be told at once, and in order: a pipe's writes are synchronous.
const tell = (line) => writeSync(1, `${line}\n`);

try {
  for (let n = Number(first); ; n += 1) {
    const name = `file-${n % 7}`;
    synced(join(directory, "temporary"), "w", contentOf(n));
    renameSync(join(directory, "temporary"), join(directory, name));
    syncDirectory();
    tell(`replaced ${n}`);
    synced(join(directory, "log"), "a", `${n}\n`);
    tell(`logged ${n}`);
    if (n % 5 === 0) {
      synced(join(directory, `gone-${n}`), "w", "short-lived");
      unlinkSync(join(directory, `gone-${n}`));
      syncDirectory();
      tell(`unlinked ${n}`);
    }
  }
} catch (error) {
  // The mount was cut off under us, as it should be; anything else is a failure of its own.
  if (!["ENOTCONN", "ECONNABORTED", "EIO", "ENODEV"].includes(error.code)) throw error;
}
