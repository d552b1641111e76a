/**
 * Attributes: stat, setattr and extended attributes. A change is recorded on the node alone; no data moves, nothing is
 * fetched, and the base's attributes shine through wherever nothing was set.
 */
import { type AttributeChanges, type Stat, type Time, typeBits } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { allocatedBytes, truncate } from "./content.ts";
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";

/** The base's time for objects that know none: never "now", which would make them look changed. */
const unknownTime: Time = { seconds: 0, nanoseconds: 0 };

/** What stat tells of `inode`. */
export function stat(layers: Layers, inode: Inode): Stat {
  const { own, base, type } = inode;
  const mtime = own.mtime ?? base?.mtime ?? unknownTime;
  const size = inode.size;
  return {
    ino: inode.ino,
    type,
    mode: typeBits[type] | inode.mode,
    nlink: inode.nlink,
    uid: own.uid ?? base?.uid ?? layers.owner.uid,
    gid: own.gid ?? base?.gid ?? layers.owner.gid,
    rdev: own.rdev ?? base?.rdev ?? 0,
    size,
    blocks: type === "file" ? Math.ceil(allocatedBytes(layers, inode) / 512) : 0,
    atime: own.atime ?? mtime,
    mtime,
    ctime: own.ctime ?? base?.mtime ?? mtime,
    btime: own.btime ?? base?.mtime ?? mtime,
  };
}

/**
 * Changes attributes; all of them at once, or none.
 * @throws EISDIR, EINVAL `size` of something that is no file
 * @throws EROFS, ENOSPC, EIO nothing changed
 */
export function* setattr(layers: Layers, inode: Inode, changes: AttributeChanges): Operation<void> {
  yield* layers.begin();
  const { mode, uid, gid, size, atime, mtime, ctime } = changes;
  if (size !== undefined) yield* truncate(layers, inode, size);
  const now = layers.now();
  const { own } = inode;
  if (mode !== undefined) own.mode = mode & 0o7777;
  if (uid !== undefined) own.uid = uid;
  if (gid !== undefined) own.gid = gid;
  if (atime !== undefined) own.atime = atime === "now" ? now : atime;
  if (mtime !== undefined) own.mtime = mtime === "now" ? now : mtime;
  own.ctime = ctime ?? now;
  layers.record(inode);
}

/**
 * @throws ENODATA there is no such attribute
 * @throws EOPNOTSUPP see `refuseAccessList`
 */
export function getxattr(inode: Inode, name: string): Uint8Array {
  const value = findxattr(inode, name);
  if (!value) throw new FsError("ENODATA");
  return value;
}

/**
 * As `getxattr`, but an attribute that is not there is no error, which saves making one: the kernel asks for one before
 * the first write to each file.
 * @throws EOPNOTSUPP see `refuseAccessList`
 */
export function findxattr(inode: Inode, name: string): Uint8Array | undefined {
  refuseAccessList(name);
  const own = inode.xattrs.get(name);
  return (own === undefined ? inode.base?.xattrs?.get(name) : own) ?? undefined;
}

/** Names of all extended attributes. */
export function listxattr(inode: Inode): string[] {
  const names = new Set(inode.base?.xattrs?.keys() ?? []);
  for (const [name, value] of inode.xattrs) {
    if (value) names.add(name);
    else names.delete(name);
  }
  return [...names].filter((name) => !name.startsWith(accessListPrefix));
}

/**
 * Sets an extended attribute; `create` and `replace` as in setxattr(2).
 * @throws EEXIST, ENODATA as `create` or `replace` ask
 * @throws EOPNOTSUPP see `refuseAccessList`
 */
export function* setxattr(
  layers: Layers,
  inode: Inode,
  name: string,
  value: Uint8Array,
  flags: { readonly create?: boolean; readonly replace?: boolean },
): Operation<void> {
  refuseAccessList(name);
  yield* layers.admit();
  const exists = listxattr(inode).includes(name);
  if (flags.create && exists) throw new FsError("EEXIST");
  if (flags.replace && !exists) throw new FsError("ENODATA");
  inode.xattrs = new Map(inode.xattrs).set(name, new Uint8Array(value));
  inode.own.ctime = layers.now();
  layers.record(inode);
}

/**
 * @throws ENODATA there is no such attribute
 * @throws EOPNOTSUPP see `refuseAccessList`
 */
export function* removexattr(layers: Layers, inode: Inode, name: string): Operation<void> {
  refuseAccessList(name);
  yield* layers.begin();
  if (!listxattr(inode).includes(name)) throw new FsError("ENODATA");
  const xattrs = new Map(inode.xattrs);
  if (inode.base?.xattrs?.has(name)) xattrs.set(name, null);
  else xattrs.delete(name);
  inode.xattrs = xattrs;
  inode.own.ctime = layers.now();
  layers.record(inode);
}

const accessListPrefix = "system.";

/**
 * Access control lists would have to rule permissions, and here nothing obeys them. Whoever hears that they are not
 * supported sets the permissions themselves, as cp -p and sed -i do; a list that is merely kept would lose those.
 */
function refuseAccessList(name: string): void {
  if (!name.startsWith(accessListPrefix)) return;
  throw new FsError("EOPNOTSUPP", { reason: "access control lists are not kept; set the mode" });
}
