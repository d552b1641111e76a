/**
 * The system calls that take paths and change nothing, as operations over an overlay: each walks its path, then does one
 * thing to the inode it found. Nothing here knows how a program calls, or adds paths to errors; see reading.ts. Those that
 * change something are in system-calls.ts and names.ts.
 */
import type { FileType, Stat } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Handle } from "../overlay/handle.ts";
import type { Inode } from "../overlay/inode.ts";
import type { Listing } from "../overlay/listing.ts";
import type { ReadableOverlay } from "../overlay/readable.ts";
import type { OpenIntent } from "./open-flags.ts";
import { find, Walk } from "./path.ts";

/** What open gives: an inode, and a handle unless it is a directory. */
export interface Opened {
  readonly inode: Inode;
  readonly handle: Handle | undefined;
  readonly intent: OpenIntent;
}

/** An entry, and the path of the directory it lies in. */
export interface Entry {
  readonly directory: string;
  readonly name: string;
  readonly type: FileType;
}

/** Bytes moved in one piece: what a long copy holds in memory, and how often it lets others in. */
export const pieceLength = 2 ** 20;

/** As flag "r". */
export const forReading: OpenIntent = {
  read: true,
  write: false,
  append: false,
  truncate: false,
  create: false,
  exclusive: false,
  noFollow: false,
  directory: false,
  synchronous: false,
};

export function* stat(overlay: ReadableOverlay, path: string, follow: boolean): Operation<Stat> {
  return yield* overlay.getattr(yield* find(overlay, path, follow));
}

/** @throws EINVAL it is no symlink */
export function* readlink(overlay: ReadableOverlay, path: string): Operation<string> {
  return yield* overlay.readlink(yield* find(overlay, path, false));
}

export function* realpath(overlay: ReadableOverlay, path: string): Operation<string> {
  const walk = new Walk(overlay);
  yield* walk.go(path, true);
  return walk.path;
}

/** @throws ENOTDIR it is no directory */
export function* opendir(overlay: ReadableOverlay, path: string): Operation<Listing> {
  const inode = yield* find(overlay, path, true);
  if (inode.type !== "directory") throw new FsError("ENOTDIR");
  return yield* overlay.opendir(inode);
}

/**
 * What the directory at `path` holds, sorted by name.
 * @throws ENOTDIR it is no directory
 */
export function* entriesIn(overlay: ReadableOverlay, path: string): Operation<Entry[]> {
  const listing = yield* opendir(overlay, path);
  const entries = Array.from({ length: listing.length }, (_, at) => listing.entry(at));
  return entries
    .map(({ name, type }) => ({ directory: path, name, type }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The path of `entry` from the directory `top` on, below which it was found. */
export function relativeName({ directory, name }: Entry, top: string): string {
  const below = directory.slice(top.length).replace(/^\/+/, "");
  return below === "" ? name : `${below}/${name}`;
}

/**
 * Opens what is there.
 * @throws EISDIR, ELOOP, ENOTDIR, ENXIO as open(2)
 */
export function* openInode(
  overlay: ReadableOverlay,
  inode: Inode,
  intent: OpenIntent,
): Operation<Opened> {
  if (inode.type === "symlink") throw new FsError("ELOOP");
  if (inode.type === "directory") {
    if (intent.write || intent.create || intent.truncate) throw new FsError("EISDIR");
    overlay.retain(inode);
    return { inode, handle: undefined, intent };
  }
  if (intent.directory) throw new FsError("ENOTDIR");
  if (inode.type !== "file") throw new FsError("ENXIO");
  return { inode, handle: yield* overlay.open(inode, intent), intent };
}

/** Gives up what `open` gave. */
export function* close(overlay: ReadableOverlay, opened: Opened): Operation<void> {
  if (opened.handle) yield* overlay.release(opened.handle);
  else overlay.forget(opened.inode, 1);
}
