/**
 * Making something new: the one step of names that writing a file needs. Each is one step of the state in memory, so one
 * batch of the storage.
 */
import type { FileType, Time } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { ChunkSet } from "./chunk-set.ts";
import { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { child, namesOf } from "./lookup.ts";

/** Who calls. Permissions are the kernel's matter (default_permissions), not the overlay's. */
export interface Context {
  readonly uid: number;
  readonly gid: number;
  /** Bits cleared from the mode of what is created. */
  readonly umask: number;
}

/** What a new object is. */
export interface NewObject {
  readonly type: FileType;
  /** Permission bits. */
  readonly mode: number;
  readonly rdev?: number;
  readonly target?: string;
}

/**
 * Makes a new object under `name`.
 * @throws EEXIST, ENOENT, ENOTDIR, ENAMETOOLONG, EILSEQ, ENOSPC, EROFS, EIO nothing changed
 */
export function* make(
  layers: Layers,
  parent: Inode,
  name: string,
  object: NewObject,
  context: Context,
): Operation<Inode> {
  yield* layers.admit();
  // If the base has got it in the moment since, it might as well have got it a moment later, and ours hides it then.
  const isFree = layers.takeAbsence(parent, name) && parent.names?.has(name) === false;
  if (!isFree) {
    yield* layers.gather(function* () {
      yield* namesOf(layers, parent);
      if (yield* child(layers, parent, name)) throw new FsError("EEXIST");
    });
  }
  refuseIfRemoved(parent);
  const now = layers.now();
  const inode = newInode(layers, parent, object, context, now);
  // A name that means nothing hides what its whiteout hid.
  layers.setName(parent, name, inode, { hides: parent.names?.get(name)?.hides });
  layers.record(inode);
  if (inode.isDirectory) {
    inode.parent = parent;
    inode.names = new Map();
    parent.nlinkDelta += 1;
  }
  layers.touchNames(parent, now);
  return inode;
}

/**
 * Makes a regular file without a name, which `link` may give it while it is open (O_TMPFILE of open(2)). It is an orphan
 * until then, so that nothing is left of it otherwise. Whoever asks opens it at once.
 * @throws ENOENT, ENOTDIR, ENOSPC, EROFS, EIO nothing changed
 */
export function* makeUnnamed(
  layers: Layers,
  parent: Inode,
  mode: number,
  context: Context,
): Operation<Inode> {
  yield* layers.admit();
  if (!parent.isDirectory) throw new FsError("ENOTDIR");
  refuseIfRemoved(parent);
  const inode = newInode(layers, parent, { type: "file", mode }, context, layers.now());
  inode.nlinkDelta = 0;
  inode.removed = true;
  inode.awaitsName = true;
  inode.handles += 1;
  layers.record(inode);
  layers.writeback.orphan(inode.ino, true);
  return inode;
}

function newInode(
  layers: Layers,
  parent: Inode,
  object: NewObject,
  context: Context,
  now: Time,
): Inode {
  const { type, rdev, target } = object;
  const isDirectory = type === "directory";
  // setgid on a directory: what is made in it belongs to its group, and directories pass the bit on (inode(7)).
  const inheritsGroup = (parent.mode & 0o2000) !== 0;
  const parentGid = parent.own.gid ?? parent.base?.gid ?? layers.owner.gid;
  // mkdir(2) knows of permissions and the sticky bit only.
  const bits = isDirectory ? 0o1777 : 0o7777;
  const mode = type === "symlink" ? 0o777 : object.mode & bits & ~context.umask;
  const inode = new Inode(layers.newIno(), type, {});
  inode.recorded = true;
  inode.nlinkDelta = isDirectory ? 2 : 1;
  const { own } = inode;
  own.mode = inheritsGroup && isDirectory ? mode | 0o2000 : mode;
  own.uid = context.uid;
  own.gid = inheritsGroup ? parentGid : context.gid;
  own.atime = now;
  own.mtime = now;
  own.ctime = now;
  own.btime = now;
  if (rdev !== undefined) own.rdev = rdev;
  if (target !== undefined) own.target = target;
  if (type === "file") {
    inode.content = {
      id: layers.newContent(),
      size: 0,
      baseLength: 0,
      chunks: new ChunkSet(),
    };
  }
  layers.inodes.add(inode);
  return inode;
}

/** @throws ENOENT nothing can be in a directory that was removed */
export function refuseIfRemoved(directory: Inode): void {
  if (directory.removed) throw new FsError("ENOENT");
}
