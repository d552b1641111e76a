/**
 * Makes the `minifo.json` of a local directory: walk, hash, write. The tree is left as it was, its root's mtime too, but
 * for that one file, which appears at once and whole. Run again on the same tree it writes the same bytes.
 */
import { createHash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  chunkBytes,
  FsError,
  isErrorCode,
  type ManifestEntry,
  manifestName,
  maxEntries,
  maxManifestBytes,
  type Time,
  writeManifest,
} from "../../src/index.ts";
import { type FoundObject, type LeftOut, placeAt, walkTree } from "./tree-walk.ts";

/** How far the hashing has come. */
export interface IndexProgress {
  readonly files: number;
  readonly filesInAll: number;
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface IndexOptions {
  /** Called after each MiB and each file. */
  readonly progress?: (progress: IndexProgress) => void;
  /** Called with a sentence about a file whose entry may be wrong. */
  readonly warn?: (message: string) => void;
}

/** A manifest and what it is of. */
export interface IndexedTree {
  /** The manifest's own bytes. */
  readonly bytes: Uint8Array;
  readonly summary: IndexSummary;
}

/** What was written. */
export interface IndexSummary {
  /** Path of the manifest. */
  readonly manifest: string;
  readonly entries: number;
  /** Bytes of all files. */
  readonly bytes: number;
  readonly manifestBytes: number;
  readonly leftOut: readonly LeftOut[];
}

/** Files are read again this often when they change under the reading. */
const readings = 3;

/**
 * Writes `minifo.json` into `directory`. Synchronous, in memory that grows with the number of files only.
 * @throws ENOENT, ENOTDIR, EACCES, EROFS, ENOSPC … the tree cannot be read or written to; no manifest was changed
 * @throws EFBIG the tree has more entries than a manifest can hold; no manifest was changed
 */
export function indexTree(directory: string, options: IndexOptions = {}): IndexSummary {
  const { bytes, summary } = manifestOf(directory, options);
  try {
    replace(summary.manifest, bytes);
  } catch (error) {
    throw translated(error, directory);
  }
  return summary;
}

/**
 * The manifest that `indexTree` would write; nothing is written.
 * @throws ENOENT, ENOTDIR, EACCES, EFBIG … as `indexTree`
 */
export function manifestOf(directory: string, options: IndexOptions = {}): IndexedTree {
  try {
    const root = realpathSync.native(directory);
    const manifest = placeAt(root, manifestName);
    const found = walkTree(root, isOurs);
    if (found.objects[0]?.type !== "directory" || !found.objects[0].stat.isDirectory()) {
      throw new FsError("ENOTDIR", { syscall: "index", path: directory });
    }
    if (found.objects.length > maxEntries) throw tooLarge(directory, `${maxEntries} entries`);
    const leftOut = [...found.leftOut];
    const entries = new Hashing(root, found.objects, options).entries(leftOut);
    const text = writeManifest(entries, { omitted: leftOut.length });
    const bytes = Buffer.from(text);
    if (bytes.length > maxManifestBytes) throw tooLarge(directory, `${maxManifestBytes} bytes`);
    const summary = {
      manifest,
      entries: entries.length - 1,
      bytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
      manifestBytes: bytes.length,
      leftOut,
    };
    return { bytes, summary };
  } catch (error) {
    throw translated(error, directory);
  }
}

/** Whether a name in the root is of our making: the manifest, or one that was being written. */
function isOurs(name: string): boolean {
  return name === manifestName || /^\.minifo\.json\.\d+\.tmp$/.test(name);
}

/** Turns what the walk found into entries, reading every file once per inode. */
class Hashing {
  readonly #root: string;
  readonly #objects: readonly FoundObject[];
  readonly #options: IndexOptions;
  readonly #buffer = Buffer.allocUnsafe(chunkBytes);
  /** What was read of files with several names, by device and inode. */
  readonly #linked = new Map<string, FileReading>();
  readonly #filesInAll: number;
  readonly #bytesInAll: number;
  #files = 0;
  #bytes = 0;

  constructor(root: string, objects: readonly FoundObject[], options: IndexOptions) {
    this.#root = root;
    this.#objects = objects;
    this.#options = options;
    const files = objects.filter(({ type }) => type === "file");
    this.#filesInAll = files.length;
    this.#bytesInAll = files.reduce((sum, { stat }) => sum + Number(stat.size), 0);
  }

  /** All entries; files that turn out unreadable are added to `leftOut` instead. */
  entries(leftOut: LeftOut[]): ManifestEntry[] {
    const entries: ManifestEntry[] = [];
    for (const object of this.#objects) {
      const { path, type, stat, target } = object;
      const mode = Number(stat.mode) & 0o7777;
      const mtime = path === "" ? toMicroseconds(timeOf(stat.mtimeNs)) : timeOf(stat.mtimeNs);
      const link = stat.nlink > 1n ? { link: `${stat.dev}:${stat.ino}` } : {};
      if (type === "directory") entries.push({ path, type, mode, mtime });
      else if (type === "symlink") {
        entries.push({ path, type, mode, mtime, target: target as string, ...link });
      } else {
        const reading = this.#read(object);
        this.#files += 1;
        this.#report();
        if ("why" in reading) leftOut.push({ path, why: reading.why });
        else entries.push({ path, type, mode, ...reading, ...link });
      }
    }
    return entries;
  }

  #read(object: FoundObject): FileReading | { why: string } {
    const { stat } = object;
    const inode = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const known = inode === undefined ? undefined : this.#linked.get(inode);
    if (known) return known;
    let reading: FileReading;
    try {
      reading = this.#readUntilQuiet(object);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ELOOP")
        return { why: "it vanished while the tree was read" };
      if (code === "EACCES" || code === "EPERM")
        return { why: "it cannot be read (permission denied)" };
      throw error;
    }
    if (inode !== undefined) this.#linked.set(inode, reading);
    return reading;
  }

  /** Reads until the file did not change during a reading; warns if it never holds still. */
  #readUntilQuiet({ path }: FoundObject): FileReading {
    const { O_RDONLY, O_NOFOLLOW } = constants;
    const descriptor = openSync(placeAt(this.#root, path), O_RDONLY | O_NOFOLLOW);
    try {
      for (let reading = 1; ; reading += 1) {
        const before = fstatSync(descriptor, { bigint: true });
        const content = this.#hash(descriptor);
        const after = fstatSync(descriptor, { bigint: true });
        const isQuiet = before.mtimeNs === after.mtimeNs && Number(after.size) === content.size;
        if (isQuiet) return { ...content, mtime: timeOf(after.mtimeNs) };
        if (reading < readings) continue;
        this.#options.warn?.(
          `'${path}' changed while it was read, ${readings} times over; its entry may be out of date: index again later`,
        );
        return { ...content, mtime: timeOf(after.mtimeNs) };
      }
    } finally {
      closeSync(descriptor);
    }
  }

  #hash(descriptor: number): Omit<FileReading, "mtime"> {
    const whole = createHash("sha256");
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const length = this.#fill(descriptor, size);
      if (length === 0) break;
      const chunk = this.#buffer.subarray(0, length);
      whole.update(chunk);
      if (size > 0 || length === chunkBytes) {
        chunks.push(createHash("sha256").update(chunk).digest());
      }
      size += length;
      this.#bytes += length;
      if (length === chunkBytes) this.#report();
    }
    const sha256 = whole.digest();
    return size > chunkBytes ? { size, sha256, chunks: Buffer.concat(chunks) } : { size, sha256 };
  }

  /** Reads a whole chunk from `offset` on, less at the end of the file only. */
  #fill(descriptor: number, offset: number): number {
    let length = 0;
    while (length < chunkBytes) {
      const count = readSync(
        descriptor,
        this.#buffer,
        length,
        chunkBytes - length,
        offset + length,
      );
      if (count === 0) break;
      length += count;
    }
    return length;
  }

  #report(): void {
    this.#options.progress?.({
      files: this.#files,
      filesInAll: this.#filesInAll,
      bytes: this.#bytes,
      bytesInAll: this.#bytesInAll,
    });
  }
}

/** What a file was when it was read. */
interface FileReading {
  readonly size: number;
  readonly mtime: Time;
  readonly sha256: Uint8Array;
  readonly chunks?: Uint8Array;
}

/** Puts the manifest in its place at once, then gives the directory its mtime back. */
function replace(manifest: string, bytes: Uint8Array): void {
  const directory = dirname(manifest);
  const temporary = placeAt(directory, `.minifo.json.${process.pid}.tmp`);
  const before = lstatSync(directory, { bigint: true });
  try {
    const descriptor = openSync(temporary, "w", 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, manifest);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    restoreTimes(directory, before);
  }
}

/**
 * Sets a directory's times. A number of seconds, which is all that Node takes, holds no nanoseconds: so the moment is
 * aimed at the middle of its microsecond, and `toMicroseconds` of it is the same ever after.
 */
function restoreTimes(directory: string, { atimeNs, mtimeNs }: BigIntStats): void {
  const times = [atimeNs, mtimeNs].map((time) => middleOfMicrosecond(timeOf(time)));
  try {
    utimesSync(directory, times[0] as number, times[1] as number);
  } catch (error) {
    // Only a directory's owner may set its times. Then its mtime is that of the manifest, which does no harm.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

function middleOfMicrosecond({ seconds, nanoseconds }: Time): number | Date {
  // A Date, for Node takes a negative number for "now".
  if (seconds < 0) return new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6));
  return seconds + (Math.floor(nanoseconds / 1000) + 0.5) / 1e6;
}

function toMicroseconds({ seconds, nanoseconds }: Time): Time {
  return { seconds, nanoseconds: nanoseconds - (nanoseconds % 1000) };
}

function timeOf(time_ns: bigint): Time {
  let seconds = time_ns / 1_000_000_000n;
  if (seconds * 1_000_000_000n > time_ns) seconds -= 1n;
  return { seconds: Number(seconds), nanoseconds: Number(time_ns - seconds * 1_000_000_000n) };
}

function tooLarge(directory: string, limit: string): FsError {
  return new FsError("EFBIG", {
    syscall: "index",
    path: directory,
    reason: `a manifest holds at most ${limit}; index its subdirectories one by one`,
  });
}

function translated(error: unknown, directory: string): unknown {
  if (error instanceof FsError || !(error instanceof Error)) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (!isErrorCode(code)) return error;
  const reason =
    code === "EROFS" || code === "EACCES"
      ? "minifo.json is written beside the files, and this place cannot be written to or read"
      : undefined;
  return new FsError(code, { syscall: "index", path: path ?? directory, reason, cause: error });
}
