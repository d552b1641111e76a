/**
 * `minifo pack`: makes a packed base image of a local directory. Objects come first, each whole and durable; then the
 * pointer, `minifo.json`, is swapped at once. Whoever reads the generation before it goes on doing so: its objects stay
 * until somebody prunes. The same tree gives the same objects.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import {
  FsError,
  isErrorCode,
  manifestName,
  maxManifestBytes,
  objectsNames,
  type Pointer,
  reachableObjects,
  readPointer,
  runSync,
  writeManifest,
} from "../../src/index.ts";
import { PackedContents, type PackProgress } from "./packed-contents.ts";
import { PublishLock } from "./publish-lock.ts";
import {
  ensureDirectory,
  isTemporary,
  ObjectDirectory,
  objectsAt,
  replaceFile,
  type StoredCounts,
  storedObject,
} from "./publishing.ts";
import { type SealedObject, seal, sealedAsIs } from "./sealing.ts";
import { type LeftOut, walkTree } from "./tree-walk.ts";

export interface PackOptions {
  /** Earlier generations that stay readable; default 1. */
  readonly keep?: number;
  /** Remove the objects that no kept generation needs. */
  readonly prune?: boolean;
  /** Called after each MiB and each file. */
  readonly progress?: (progress: PackProgress) => void;
  /** Called with a sentence about a file whose entry may be wrong. */
  readonly warn?: (message: string) => void;
}

/** What was published. */
export interface PackSummary extends StoredCounts {
  /** Path of the pointer. */
  readonly manifest: string;
  readonly generation: number;
  /**
   * Whether the tree was what it was at the last publication, so that nothing was written, but for a pointer that no
   * longer names generations that were pruned.
   */
  readonly unchanged: boolean;
  readonly entries: number;
  /** Bytes of all files. */
  readonly bytes: number;
  readonly manifestBytes: number;
  readonly packs: number;
  readonly chunks: number;
  /** Leaves, pages and lists of chunks. */
  readonly indexObjects: number;
  readonly pruned: { readonly removed: number; readonly bytesRemoved: number };
  readonly leftOut: readonly LeftOut[];
}

/** Earlier generations that are kept unless told otherwise. */
const defaultKeep = 1;

/**
 * Publishes the tree below `directory` in `out`, which is made if it is missing.
 * @throws EINVAL one directory lies in the other, or `out` holds something else; nothing was written
 * @throws EBUSY somebody else publishes there
 * @throws ENOENT, ENOTDIR, EACCES, ENOSPC … what is published there already stays as it was
 */
export async function packTree(
  directory: string,
  out: string,
  options: PackOptions = {},
): Promise<PackSummary> {
  try {
    const root = realpathSync.native(directory);
    if (!statSync(root).isDirectory()) {
      throw new FsError("ENOTDIR", { syscall: "pack", path: directory });
    }
    const place = realPlaceOf(resolve(out));
    refuseNesting(root, place);
    ensureDirectory(place);
    refuseForeign(place);
    const lock = PublishLock.take(place, "pack");
    try {
      return await publish(root, place, options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw translated(error, directory);
  }
}

async function publish(root: string, out: string, options: PackOptions): Promise<PackSummary> {
  const { keep = defaultKeep, prune = false, progress, warn } = options;
  const published = pointerAt(out);
  const objects = new ObjectDirectory(join(out, objectsNames.packed));
  const found = walkTree(root, (name) => name === manifestName || isTemporary(name));
  const contents = new PackedContents(root, objects, {
    ...(progress && { progress }),
    ...(warn && { warn }),
  });
  const { entries, leftOut: unread } = await contents.take(found.objects);
  const leftOut = [...found.leftOut, ...unread];
  const indexObjects = new Map<string, SealedObject>();
  const put = (plain: Uint8Array): string => {
    const object = seal(plain);
    indexObjects.set(object.sha256, object);
    return object.reference;
  };
  const previous = published
    ? [published.sha256, ...published.pointer.previous].slice(0, keep)
    : [];
  const generation = (published?.pointer.generation ?? 0) + 1;
  const make = (generation: number, previous: readonly string[]): StoredPointer => {
    const totals = {
      omitted: leftOut.length,
      layout: "packed",
      put,
      generation,
      previous,
    } as const;
    const bytes = Buffer.from(writeManifest(entries, totals));
    if (bytes.length > maxManifestBytes) throw new Error("bug: the pointer is too long");
    return { bytes, pointer: readPointer(JSON.parse(bytes.toString())) };
  };
  const made = make(generation, previous);
  for (const object of indexObjects.values()) await objects.put(object);
  const unchanged = published !== undefined && isSame(published.pointer, made.pointer);
  let current: StoredPointer = unchanged ? published : made;
  if (unchanged && prune && published.pointer.previous.length > keep) {
    // The pointer must not name what is about to go.
    const { generation, previous } = published.pointer;
    current = make(generation, previous.slice(0, keep));
  }
  if (published && !unchanged) await objects.put(sealedAsIs(published.bytes));
  objects.sync();
  if (current !== published) replaceFile(join(out, manifestName), current.bytes);
  return {
    manifest: join(out, manifestName),
    generation: current.pointer.generation,
    unchanged,
    entries: current.pointer.entries,
    bytes: current.pointer.bytes,
    manifestBytes: current.bytes.length,
    packs: contents.packs,
    chunks: contents.chunks,
    indexObjects: indexObjects.size,
    ...objects.counts,
    pruned: prune
      ? objects.prune(neededBy(out, current.pointer, keep))
      : { removed: 0, bytesRemoved: 0 },
    leftOut,
  };
}

/** A pointer as it is stored. */
interface StoredPointer {
  readonly pointer: Pointer;
  readonly bytes: Uint8Array;
}

/** What is published at a place. */
interface Published extends StoredPointer {
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
}

function pointerAt(out: string): Published | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(out, manifestName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  let pointer: Pointer;
  try {
    pointer = readPointer(JSON.parse(bytes.toString()));
  } catch (cause) {
    const reason = `its ${manifestName} is none: ${(cause as Error).message}; publish elsewhere, or remove it`;
    throw new FsError("EINVAL", { syscall: "pack", path: out, reason, cause });
  }
  if (pointer.layout === "packed") return { pointer, bytes, sha256 };
  const reason = `its ${manifestName} describes the files beside it (minifo index made it); publish elsewhere`;
  throw new FsError("EINVAL", { syscall: "pack", path: out, reason });
}

/** Whether two pointers show the same tree. */
function isSame(a: Pointer, b: Pointer): boolean {
  const tree = ({ entries, bytes, omitted, root, index }: Pointer): string =>
    JSON.stringify([entries, bytes, omitted, root, index]);
  return tree(a) === tree(b);
}

/** Every object that `pointer`, and the latest `keep` generations before it, need. Throws if that cannot be told. */
function neededBy(out: string, pointer: Pointer, keep: number): Set<string> {
  const read = objectsAt(out, "packed");
  const previous = pointer.previous.slice(0, keep);
  const needed = new Set<string>(previous);
  try {
    const pointers = previous.map((sha256) =>
      readPointer(JSON.parse(storedObject(out, "packed", sha256).toString())),
    );
    for (const one of [pointer, ...pointers]) {
      for (const sha256 of runSync(reachableObjects(one, read))) needed.add(sha256);
    }
  } catch (cause) {
    const reason =
      `what is published there was updated, but nothing was pruned, for it cannot be told what a kept generation ` +
      `needs: ${(cause as Error).message}; publish with --keep 0 to give the earlier ones up`;
    throw new FsError("EIO", { syscall: "prune", path: out, reason, cause });
  }
  return needed;
}

/** The absolute path of `place` without symlinks, as far as it exists. */
function realPlaceOf(place: string): string {
  try {
    return realpathSync.native(place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(place) === place) throw error;
    return join(realPlaceOf(dirname(place)), basename(place));
  }
}

function refuseNesting(root: string, out: string): void {
  const isInside = (a: string, b: string): boolean =>
    a === b || a.startsWith(b.endsWith(sep) ? b : b + sep);
  if (!isInside(out, root) && !isInside(root, out)) return;
  const reason = "the image and the directory it is made of must not lie in each other";
  throw new FsError("EINVAL", { syscall: "pack", path: out, reason });
}

/** Nothing that is not ours is written beside, lest a prune or a web server takes one for the other. */
function refuseForeign(out: string): void {
  const ours = new Set<string>([manifestName, objectsNames.packed]);
  const foreign = readdirSync(out).find((name) => !ours.has(name) && !isTemporary(name));
  if (foreign === undefined || readdirSync(out).includes(manifestName)) return;
  const reason = `it holds '${foreign}' and no ${manifestName}; give a directory that is empty or does not exist`;
  throw new FsError("EINVAL", { syscall: "pack", path: out, reason });
}

function translated(error: unknown, directory: string): unknown {
  if (error instanceof FsError || !(error instanceof Error)) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (!isErrorCode(code)) return error;
  return new FsError(code, { syscall: "pack", path: path ?? directory, cause: error });
}
