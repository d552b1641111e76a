/**
 * Files that appear at once and whole: written beside their place, synced, renamed. And the objects below a directory,
 * which are named by their content, so that one that is there already is the one that is meant.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  FsError,
  hexOfDigest,
  isCompressed,
  isErrorCode,
  objectPath,
  type Pointer,
} from "../../src/index.ts";
import type { SealedObject } from "./sealing.ts";

/** Opens no file that is there, and follows no symlink that somebody who may write here has put in its place. */
const onlyNew = "wx";

/** Puts `bytes` at `place`, durably. On failure what was there stays. */
export function replaceFile(place: string, bytes: Uint8Array): void {
  const temporary = temporaryFor(place);
  rmSync(temporary, { force: true });
  try {
    const descriptor = openSync(temporary, onlyNew, 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(place));
}

/** Whether `name` is one that `replaceFile` and `ObjectDirectory` write to before they rename. */
export function isTemporary(name: string): boolean {
  return /^\.minifo\..*\.tmp$/.test(name);
}

function temporaryFor(place: string): string {
  return join(dirname(place), `.minifo.${basename(place).slice(0, 12)}.${process.pid}.tmp`);
}

function syncDirectory(place: string): void {
  const descriptor = openSync(place, "r");
  try {
    fsyncSync(descriptor);
  } catch (error) {
    // Some file systems know no such thing for directories.
    if (!isErrorCode((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** What came of storing objects. */
export interface StoredCounts {
  /** Objects that were not there yet, and their bytes. */
  readonly written: number;
  readonly bytesWritten: number;
  /** Objects that were there already. */
  readonly reused: number;
}

/** The objects below one directory: `ab/<62 hex digits>.bin`. Stores each once, durably after `sync`. */
export class ObjectDirectory {
  readonly #place: string;
  /** Digests of what is there, by this run or before it. */
  readonly #known = new Set<string>();
  readonly #touched = new Set<string>();
  readonly #sizes = new Map<string, number>();
  #written = 0;
  #bytesWritten = 0;
  #reused = 0;

  /** @throws ELOOP `place` is a symlink: a tree that nobody vouches for could lead us to the objects of another one */
  constructor(place: string) {
    refuseSymlink(place);
    this.#place = place;
    for (const { sha256, bytes } of objectsIn(place)) this.#sizes.set(sha256, bytes);
  }

  get counts(): StoredCounts {
    return { written: this.#written, bytesWritten: this.#bytesWritten, reused: this.#reused };
  }

  /** Stores an object, unless it is there. Its bytes are on disk when this resolves, its name after `sync`. */
  async put({ sha256, bytes }: SealedObject): Promise<void> {
    if (this.#known.has(sha256)) return;
    this.#known.add(sha256);
    // One of another length was torn by a crash of a file system, or damaged; it is replaced.
    if (this.#sizes.get(sha256) === bytes.length) {
      this.#reused += 1;
      return;
    }
    const place = join(this.#place, sha256.slice(0, 2), `${sha256.slice(2)}.bin`);
    refuseSymlink(dirname(place));
    await mkdir(dirname(place), { recursive: true });
    const temporary = temporaryFor(place);
    await rm(temporary, { force: true });
    try {
      const file = await open(temporary, onlyNew, 0o644);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, place);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    this.#touched.add(dirname(place));
    this.#written += 1;
    this.#bytesWritten += bytes.length;
  }

  /** Makes the names of all that was stored durable. */
  sync(): void {
    if (this.#touched.size === 0) return;
    for (const place of this.#touched) syncDirectory(place);
    syncDirectory(this.#place);
    this.#touched.clear();
  }

  /** Removes every object but those in `needed`, and what a run that was killed left behind; nothing else. */
  prune(needed: ReadonlySet<string>): { readonly removed: number; readonly bytesRemoved: number } {
    let [removed, bytesRemoved] = [0, 0];
    for (const { sha256, bytes, place } of objectsIn(this.#place)) {
      if (needed.has(sha256)) continue;
      rmSync(place);
      removed += 1;
      bytesRemoved += bytes;
    }
    for (const folder of foldersIn(this.#place)) {
      for (const name of readdirSync(folder)) if (isTemporary(name)) rmSync(join(folder, name));
    }
    return { removed, bytesRemoved };
  }
}

/**
 * The bytes of the object below `root` that is named by this digest.
 * @throws ENOENT …; an Error that says so if it is damaged: such a one may be silent about objects that are needed
 */
export function storedObject(root: string, layout: Pointer["layout"], sha256: string): Buffer {
  const bytes = readFileSync(join(root, objectPath(layout, sha256)));
  if (createHash("sha256").update(bytes).digest("hex") === sha256) return bytes;
  throw new Error(`the object ${sha256} is damaged`);
}

/** Reads the index objects below `root` by their references. */
export function objectsAt(root: string, layout: Pointer["layout"]) {
  return function* (reference: string, maxBytes: number) {
    const bytes = storedObject(root, layout, hexOfDigest(reference));
    return isCompressed(reference) ? gunzipSync(bytes, { maxOutputLength: maxBytes }) : bytes;
  };
}

/** Makes the directory at `place`, and those above it. */
export function ensureDirectory(place: string): void {
  mkdirSync(place, { recursive: true });
}

function refuseSymlink(place: string): void {
  if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const reason = "objects are not written or removed through a symlink; remove it";
  throw new FsError("ELOOP", { syscall: "open", path: place, reason });
}

interface StoredObject {
  readonly sha256: string;
  readonly bytes: number;
  readonly place: string;
}

function* objectsIn(directory: string): Generator<StoredObject> {
  for (const folder of foldersIn(directory)) {
    for (const name of readdirSync(folder)) {
      const rest = /^([0-9a-f]{62})\.bin$/.exec(name)?.[1];
      if (rest === undefined) continue;
      const place = join(folder, name);
      yield { sha256: folder.slice(-2) + rest, bytes: statSync(place).size, place };
    }
  }
}

function foldersIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    const folders = entries.filter(
      (entry) => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name),
    );
    return folders.map(({ name }) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return [];
  }
}
