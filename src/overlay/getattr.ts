/**
 * Attributes, told: stat and extended attributes. The base's shine through wherever nothing was set. What sets them is in
 * setattr.ts.
 */
import { type Stat, type Time, typeBits } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { allocatedBytes } from "./content.ts";
import type { Inode } from "./inode.ts";

/** The base's time for objects that know none: never "now", which would make them look changed. */
const unknownTime: Time = { seconds: 0, nanoseconds: 0 };

/** What stat needs of `Layers`. */
export interface StatLayers {
  /** Of base objects that state none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly chunkSize: number;
}

/** What stat tells of `inode`. */
export function stat(layers: StatLayers, inode: Inode): Stat {
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

const accessListPrefix = "system.";

/**
 * Access control lists would have to rule permissions, and here nothing obeys them. Whoever hears that they are not
 * supported sets the permissions themselves, as cp -p and sed -i do; a list that is merely kept would lose those.
 */
export function refuseAccessList(name: string): void {
  if (!name.startsWith(accessListPrefix)) return;
  throw new FsError("EOPNOTSUPP", { reason: "access control lists are not kept; set the mode" });
}
