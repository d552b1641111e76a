/**
 * Keeps the table of inodes bounded: lets go of those nobody uses, the ones that came first first, until half of what may
 * stay is left. An inode in use is one that an adapter retains, that is open, or that waits for a commit; and the
 * directories it was found through, for it knows them. What was let go of is read again from the storage and the base when
 * it is looked up next. Only to be done while no operation is under way: one that waits has inodes in hand.
 */
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";

/** Lets go until at most `goal` inodes are left, as far as their users allow it. */
export function sweep(layers: Layers, root: Inode, goal: number): void {
  const { inodes } = layers;
  for (const inode of inodes.all()) {
    if (inodes.size <= goal) break;
    if (!inode.isDirectory && !isUsed(layers, inode)) inodes.delete(inode);
  }
  const kept = new Set<Inode>([root]);
  for (const inode of inodes.all()) {
    if (inode.isDirectory && !isUsed(layers, inode)) continue;
    for (let at: Inode | undefined = inode; at && !kept.has(at); at = directoryOf(at)) kept.add(at);
  }
  for (const inode of inodes.all()) {
    if (inode.isDirectory && !kept.has(inode)) inodes.delete(inode);
  }
}

/** The directory that `inode` knows, so that it must stay the same object. */
function directoryOf(inode: Inode): Inode | undefined {
  return inode.parent ?? inode.place?.parent;
}

function isUsed({ writeback }: Layers, { ino, lookups, handles }: Inode): boolean {
  return lookups > 0 || handles > 0 || writeback.isDirty(ino);
}
