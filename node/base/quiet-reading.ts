/**
 * Reads local files for an index or a pack, in chunks, and again where they changed meanwhile: what is told of a file is
 * what it was at one moment, and its mtime the one of that moment.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { chunkBytes, type Time } from "../../src/index.ts";

/** Files are read again this often when they change under the reading. */
const readings = 3;

/** What a file was when it was read. */
export interface FileMoment {
  readonly size: number;
  readonly mtime: Time;
}

/** Takes a file's chunks. */
export interface ChunkTaker {
  /** The file is read from its beginning, again maybe. */
  begin(): void;
  /** The next chunk: 1 MiB but for the last one. It is overwritten by the next. */
  take(chunk: Buffer): void;
}

/**
 * Reads the file at `place` until it did not change during a reading. `unquiet` is called if it never holds still; what
 * was read last counts then. Throws Node's errors; ELOOP if it is a symlink by now, ENOENT if it is anything else but a file.
 */
export function readQuietly(place: string, taker: ChunkTaker, unquiet: () => void): FileMoment {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  // A fifo in its place would wait for a writer.
  const descriptor = openSync(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) {
      const message = `ENOENT: there is no file any more, open '${place}'`;
      throw Object.assign(new Error(message), { code: "ENOENT" });
    }
    for (let reading = 1; ; reading += 1) {
      const before = fstatSync(descriptor, { bigint: true });
      taker.begin();
      const size = readChunks(descriptor, taker);
      const after = fstatSync(descriptor, { bigint: true });
      const isQuiet = before.mtimeNs === after.mtimeNs && Number(after.size) === size;
      if (!isQuiet && reading < readings) continue;
      if (!isQuiet) unquiet();
      return { size, mtime: timeOf(after.mtimeNs) };
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The words for a warning about a file that never held still. */
export function unquietWarning(path: string): string {
  return `'${path}' changed while it was read, ${readings} times over; its entry may be out of date: do it again later`;
}

/** Why a file is left out that could not be read; undefined if the error is none of the file's alone. */
export function whyUnreadable(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ELOOP") return "it vanished while the tree was read";
  if (code === "EACCES" || code === "EPERM") return "it cannot be read (permission denied)";
  return undefined;
}

/** A moment in nanoseconds since 1970 as a `Time`. */
export function timeOf(time_ns: bigint): Time {
  let seconds = time_ns / 1_000_000_000n;
  if (seconds * 1_000_000_000n > time_ns) seconds -= 1n;
  return { seconds: Number(seconds), nanoseconds: Number(time_ns - seconds * 1_000_000_000n) };
}

const buffer = Buffer.allocUnsafe(chunkBytes);

function readChunks(descriptor: number, taker: ChunkTaker): number {
  let size = 0;
  for (;;) {
    const length = fill(descriptor, size);
    if (length === 0) return size;
    taker.take(buffer.subarray(0, length));
    size += length;
    if (length < chunkBytes) return size;
  }
}

/** Reads a whole chunk from `offset` on, less at the end of the file only. */
function fill(descriptor: number, offset: number): number {
  let length = 0;
  while (length < chunkBytes) {
    const count = readSync(descriptor, buffer, length, chunkBytes - length, offset + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
