/**
 * Removing a tree: what rm with `recursive` does. Directories are emptied from snapshots of their listings, on a stack of
 * our own, and the overlay commits on the way, so that memory is bounded by the depth and not by the number of files.
 */
import type { FileType } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Inode } from "../overlay/inode.ts";
import type { Listing } from "../overlay/listing.ts";
import { rmdir, unlink } from "../overlay/namespace.ts";
import { checkSignal } from "./abort.ts";
import { during } from "./during.ts";
import { find, isSpecial, locate } from "./path.ts";
import { TreeError } from "./tree-error.ts";

/** rm: removes what is at `path`; with `force`, nothing there is no error. */
export function* remove(
  overlay: OverlayFiles,
  path: string,
  recursive: boolean,
  force: boolean,
  signal?: AbortSignal,
): Operation<void> {
  let type: FileType;
  try {
    ({ type } = yield* find(overlay, path, false));
  } catch (error) {
    if (force && error instanceof FsError && error.code === "ENOENT") return;
    throw error;
  }
  if (type === "directory" && !recursive) {
    throw new TreeError("ERR_FS_EISDIR", "rm", path, "is a directory");
  }
  const syscall = type === "directory" ? "rmdir" : "unlink";
  yield* during({ syscall, path }, removeTree(overlay, path, signal));
}

/** rmdir with `recursive`: as `remove`, for directories only. */
export function* removeDirectory(overlay: OverlayFiles, path: string): Operation<void> {
  const { type } = yield* find(overlay, path, false);
  if (type !== "directory") throw new FsError("ENOTDIR");
  yield* removeTree(overlay, path);
}

/** Removed names between two commits of a long removal: what bounds the records that wait in memory. */
const namesPerCommit = 1024;

/**
 * Removes `path` and all below it, in one pass over each directory. What appears in a directory while it is emptied
 * makes the whole fail with ENOTEMPTY. After a failure a part may be gone.
 */
function* removeTree(overlay: OverlayFiles, path: string, signal?: AbortSignal): Operation<void> {
  const place = yield* locate(overlay, path);
  if (place.name === "") throw new FsError("EBUSY");
  if (isSpecial(place)) throw new FsError("EINVAL");
  const top = yield* overlay.lookup(place.parent, place.name);
  if (top.type !== "directory") {
    if (place.slash) throw new FsError("ENOTDIR");
    yield* unlink(overlay.layers, place.parent, place.name);
    return;
  }
  const open: Emptying[] = [];
  let removed = 0;
  try {
    open.push(yield* beginToEmpty(overlay, place.parent, place.name, top));
    for (let current = open.at(-1); current; current = open.at(-1)) {
      checkSignal(signal);
      const { directory, listing } = current;
      if (current.next < listing.length) {
        const { name } = listing.entry(current.next);
        const inode = yield* overlay.listed(listing, current.next);
        current.next += 1;
        if (!inode) continue;
        if (inode.type === "directory") {
          open.push(yield* beginToEmpty(overlay, directory, name, inode));
          continue;
        }
        yield* unlink(overlay.layers, directory, name);
      } else {
        yield* rmdir(overlay.layers, current.parent, current.name);
        open.pop();
        overlay.forget(directory, 1);
      }
      removed += 1;
      if (removed % namesPerCommit === 0) yield* overlay.commit("relaxed");
    }
  } finally {
    for (const { directory } of open) overlay.forget(directory, 1);
  }
}

/** A directory on its way to be removed. */
interface Emptying {
  readonly parent: Inode;
  readonly name: string;
  readonly directory: Inode;
  readonly listing: Listing;
  next: number;
}

function* beginToEmpty(
  overlay: OverlayFiles,
  parent: Inode,
  name: string,
  directory: Inode,
): Operation<Emptying> {
  const listing = yield* overlay.opendir(directory);
  overlay.retain(directory);
  return { parent, name, directory, listing, next: 0 };
}
