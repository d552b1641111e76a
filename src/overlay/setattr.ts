/**
 * Attributes, set. A change is recorded on the node alone; no data moves, and nothing is fetched.
 */
import { type AttributeChanges, unprivileged } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { listxattr, refuseAccessList } from "./getattr.ts";
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { truncate } from "./write.ts";

/**
 * Changes attributes; all of them at once, or none. Another owner takes setuid and setgid from what is no directory, unless
 * a mode is given too, as chown(2) does.
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
  else if (uid !== undefined || gid !== undefined) dropPrivileges(inode);
  if (uid !== undefined) own.uid = uid;
  if (gid !== undefined) own.gid = gid;
  if (atime !== undefined) own.atime = atime === "now" ? now : atime;
  if (mtime !== undefined) own.mtime = mtime === "now" ? now : mtime;
  own.ctime = ctime ?? now;
  layers.record(inode);
}

function dropPrivileges(inode: Inode): void {
  const kept = unprivileged(inode.mode & 0o7777);
  if (!inode.isDirectory && kept !== (inode.mode & 0o7777)) inode.own.mode = kept;
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
