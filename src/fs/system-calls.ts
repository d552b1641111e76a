/**
 * The system calls that take paths and may change what is there, as operations over an overlay, like those of
 * reading-calls.ts; and those that ask what of that may be done. Those that change names are in names.ts. Nothing here
 * commits, knows how a program calls, or adds paths to errors; see promises.ts.
 */
import type { AttributeChanges } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Handle } from "../overlay/handle.ts";
import type { Context } from "../overlay/make.ts";
import { constants } from "./constants.ts";
import { during } from "./during.ts";
import { type OpenIntent, openIntentOf } from "./open-flags.ts";
import { find, isSpecial, lookupIfAny, type Place, Walk } from "./path.ts";
import { close, type Opened, openInode, pieceLength } from "./reading-calls.ts";
import type { StatFs, Volume } from "./stats.ts";

export function* setattr(
  overlay: OverlayFiles,
  path: string,
  follow: boolean,
  changes: AttributeChanges,
): Operation<void> {
  yield* overlay.setattr(yield* find(overlay, path, follow), changes);
}

/** @throws EACCES, EROFS it cannot be used as `mode` asks, as far as bits tell; see `constants` */
export function* access(overlay: OverlayFiles, path: string, mode: number): Operation<void> {
  const inode = yield* find(overlay, path, true);
  if (mode & constants.W_OK && overlay.readOnly) throw new FsError("EROFS");
  if (!(mode & constants.X_OK) || inode.type === "directory") return;
  const stat = yield* overlay.getattr(inode);
  if ((stat.mode & 0o111) === 0) throw new FsError("EACCES");
}

/** How large the storage is and how much of it is free, in blocks. `path` must be there. */
export function* statfs(overlay: OverlayFiles, path: string, volume: Volume): Operation<StatFs> {
  yield* find(overlay, path, true);
  const { total, free } = yield* overlay.statfs();
  const bsize = volume.blksize;
  const bfree = blocksOf(free, bsize);
  const blocks = Math.max(bfree, blocksOf(total, bsize));
  return { type: statfsType, bsize, blocks, bfree, bavail: bfree, files: 0, ffree: 0 };
}

/** FUSE's number, whatever carries this file system. */
const statfsType = 0x65735546;

/** Whole blocks in `bytes`; what has no bound is told as the largest exact number. */
function blocksOf(bytes: number, blockSize: number): number {
  return Number.isFinite(bytes) ? Math.floor(bytes / blockSize) : Number.MAX_SAFE_INTEGER;
}

/** @throws EISDIR, EEXIST, ELOOP, ENOTDIR, ENXIO as open(2) */
export function* open(
  overlay: OverlayFiles,
  path: string,
  intent: OpenIntent,
  mode: number,
  context: Context,
): Operation<Opened> {
  const walk = new Walk(overlay);
  if (!intent.create) {
    return yield* openInode(overlay, yield* walk.go(path, !intent.noFollow), intent);
  }
  let place = yield* walk.goToParent(path);
  for (;;) {
    if (isSpecial(place) || place.slash) throw new FsError("EISDIR");
    const inode = yield* lookupIfAny(overlay, place.parent, place.name);
    if (!inode) {
      const opened = yield* create(overlay, place, intent, mode, context);
      if (opened) return opened;
    } else if (intent.exclusive) {
      throw new FsError("EEXIST");
    } else if (inode.type === "symlink" && !intent.noFollow) {
      place = yield* walk.goToParent(yield* walk.readlink(inode));
    } else {
      return yield* openInode(overlay, inode, intent);
    }
  }
}

/** Creates and opens; undefined if somebody else was faster and that is no reason to fail. */
function* create(
  overlay: OverlayFiles,
  place: Place,
  intent: OpenIntent,
  mode: number,
  context: Context,
): Operation<Opened | undefined> {
  try {
    const handle = yield* overlay.create(place.parent, place.name, mode, intent, context);
    return { inode: handle.inode, handle, intent };
  } catch (error) {
    if (error instanceof FsError && error.code === "EEXIST" && !intent.exclusive) return undefined;
    throw error;
  }
}

/** Cuts or grows the file at `path` to `size` bytes. */
export function* truncate(overlay: OverlayFiles, path: string, size: number): Operation<void> {
  const opened = yield* openInode(overlay, yield* find(overlay, path, true), openIntentOf("r+"));
  try {
    yield* during({ syscall: "ftruncate" }, overlay.setattr(opened.inode, { size }));
  } finally {
    yield* close(overlay, opened);
  }
}

/** Writes all of `bytes` at `offset`, or where the file ends if it is open for appending. */
export function* writeAll(
  overlay: OverlayFiles,
  handle: Handle,
  offset: number,
  bytes: Uint8Array,
): Operation<void> {
  for (let done = 0; done < bytes.length; ) {
    const piece = bytes.subarray(done, done + pieceLength);
    done += yield* overlay.write(handle, offset + done, piece);
  }
}
