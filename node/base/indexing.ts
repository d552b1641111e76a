/**
 * Makes the `minifo.json` of a local directory: walk, hash, write. The tree is left as it was, its root's mtime too, but
 * for that one file, which appears at once and whole, and, where the index is large, for the objects in
 * `minifo.objects` that it is spread over. Run again on the same tree it writes the same bytes.
 */
import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readFileSync, realpathSync, utimesSync } from "node:fs";
import {
  chunkBytes,
  FsError,
  isErrorCode,
  type ManifestEntry,
  manifestName,
  maxManifestBytes,
  objectPath,
  objectsNames,
  type Pointer,
  reachableObjects,
  readPointer,
  runSync,
  type Time,
  writeManifest,
} from "../../src/index.ts";
import { PublishLock } from "./publish-lock.ts";
import { isTemporary, ObjectDirectory, objectsAt, replaceFile } from "./publishing.ts";
import { readQuietly, timeOf, unquietWarning, whyUnreadable } from "./quiet-reading.ts";
import { type SealedObject, seal } from "./sealing.ts";
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
  /** The objects that its index is spread over, by their paths beside the manifest; none if it is small. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
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
  /** Objects that a large index is spread over, and their bytes. */
  readonly indexObjects: number;
  readonly indexObjectBytes: number;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Writes `minifo.json` into `directory`. In memory that grows with the number of files only.
 * @throws ENOENT, ENOTDIR, EACCES, EROFS, ENOSPC … the tree cannot be read or written to; no manifest was changed
 * @throws EFBIG the tree has more entries than a manifest can hold; no manifest was changed
 * @throws EBUSY somebody else indexes it; no manifest was changed
 */
export async function indexTree(
  directory: string,
  options: IndexOptions = {},
): Promise<IndexSummary> {
  const { bytes, sealed, summary, root } = indexOf(directory, options);
  const before = lstatSync(root, { bigint: true });
  let lock: PublishLock | undefined;
  try {
    lock = PublishLock.take(root, "index");
    const old = pointerAt(root);
    const objects = new ObjectDirectory(placeAt(root, objectsNames.tree));
    for (const object of sealed.values()) await objects.put(object);
    objects.sync();
    replaceFile(summary.manifest, bytes);
    // Whoever has the manifest before this one open may still need its leaves.
    if (old || sealed.size > 0) {
      objects.prune(new Set([...sealed.keys(), ...(old ? neededBy(root, old) : [])]));
    }
  } catch (error) {
    throw translated(error, directory);
  } finally {
    lock?.release();
    restoreTimes(root, before);
  }
  return summary;
}

/**
 * The manifest that `indexTree` would write; nothing is written.
 * @throws ENOENT, ENOTDIR, EACCES, EFBIG … as `indexTree`
 */
export function manifestOf(directory: string, options: IndexOptions = {}): IndexedTree {
  const { bytes, sealed, summary } = indexOf(directory, options);
  const objects = new Map<string, Uint8Array>();
  for (const [sha256, object] of sealed) objects.set(objectPath("tree", sha256), object.bytes);
  return { bytes, objects, summary };
}

function indexOf(directory: string, options: IndexOptions) {
  try {
    const root = realpathSync.native(directory);
    const manifest = placeAt(root, manifestName);
    const found = walkTree(root, isOfIndex);
    if (found.objects[0]?.type !== "directory" || !found.objects[0].stat.isDirectory()) {
      throw new FsError("ENOTDIR", { syscall: "index", path: directory });
    }
    const leftOut = [...found.leftOut];
    const entries = new Hashing(root, found.objects, options).entries(leftOut);
    const sealed = new Map<string, SealedObject>();
    const put = (plain: Uint8Array): string => {
      const object = seal(plain);
      sealed.set(object.sha256, object);
      return object.reference;
    };
    const text = writeManifest(entries, { omitted: leftOut.length, put });
    const bytes = Buffer.from(text);
    if (bytes.length > maxManifestBytes) throw tooLarge(directory);
    let indexObjectBytes = 0;
    for (const object of sealed.values()) indexObjectBytes += object.bytes.length;
    const summary: IndexSummary = {
      manifest,
      entries: entries.length - 1,
      bytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
      manifestBytes: bytes.length,
      indexObjects: sealed.size,
      indexObjectBytes,
      leftOut,
    };
    return { bytes, sealed, summary, root };
  } catch (error) {
    throw translated(error, directory);
  }
}

/** Whether a name in the root of an indexed tree is the index's, or was to become so. */
export function isOfIndex(name: string): boolean {
  return name === manifestName || name === objectsNames.tree || isTemporary(name);
}

/** The manifest that is there; undefined if there is none, or none that can be read, which it is no worse for. */
function pointerAt(root: string): Pointer | undefined {
  try {
    return readPointer(JSON.parse(readFileSync(placeAt(root, manifestName), "utf8")));
  } catch {
    // Whatever is there is about to be replaced, as a file that was never ours would be.
    return undefined;
  }
}

/** The objects of an index that is there. */
function neededBy(root: string, pointer: Pointer): Iterable<string> {
  try {
    return runSync(reachableObjects(pointer, objectsAt(root, "tree")));
  } catch {
    // An index that is incomplete cannot be used by anybody; what is left of it may go.
    return [];
  }
}

/** Turns what the walk found into entries, reading every file once per inode. */
class Hashing {
  readonly #root: string;
  readonly #objects: readonly FoundObject[];
  readonly #options: IndexOptions;
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
    const content = new HashedContent((bytes) => {
      this.#bytes += bytes;
      if (bytes === chunkBytes) this.#report();
    });
    try {
      const moment = readQuietly(placeAt(this.#root, object.path), content, () =>
        this.#options.warn?.(unquietWarning(object.path)),
      );
      const reading = { ...moment, ...content.digests };
      if (inode !== undefined) this.#linked.set(inode, reading);
      return reading;
    } catch (error) {
      const why = whyUnreadable(error);
      if (why === undefined) throw error;
      return { why };
    }
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

/** Hashes a content as it comes. */
class HashedContent {
  readonly #taken: (bytes: number) => void;
  #whole = createHash("sha256");
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(taken: (bytes: number) => void) {
    this.#taken = taken;
  }

  /** Of all that was taken since `begin`. */
  get digests(): Pick<FileReading, "sha256" | "chunks"> {
    const sha256 = this.#whole.digest();
    return this.#size > chunkBytes ? { sha256, chunks: Buffer.concat(this.#chunks) } : { sha256 };
  }

  begin(): void {
    this.#whole = createHash("sha256");
    this.#chunks = [];
    this.#size = 0;
  }

  take(chunk: Buffer): void {
    this.#whole.update(chunk);
    // Of a file of one chunk, its digest is the file's.
    if (this.#size > 0 || chunk.length === chunkBytes) {
      this.#chunks.push(createHash("sha256").update(chunk).digest());
    }
    this.#size += chunk.length;
    this.#taken(chunk.length);
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

function tooLarge(directory: string): FsError {
  const reason = `a minifo.json has at most ${maxManifestBytes} bytes; index its subdirectories one by one`;
  return new FsError("EFBIG", { syscall: "index", path: directory, reason });
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
