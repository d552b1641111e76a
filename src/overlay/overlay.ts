/**
 * An overlay with everything it can do: what programs do with files through the promises API (files.ts), what only a
 * kernel asks for besides, and telling and undoing what differs from the base. A page does without all that, or loads it
 * when it asks for it.
 */
import { typeOf } from "../attributes.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { type Change, type ChangeKind, changeAt, changesByInode } from "./changes.ts";
import { seek } from "./content.ts";
import { copyRange } from "./copy.ts";
import { OverlayFiles, type OverlayOptions, opened } from "./files.ts";
import { findxattr, getxattr, listxattr } from "./getattr.ts";
import { Handle, type OpenFlags } from "./handle.ts";
import { type AllocationMode, allocate } from "./holes.ts";
import type { Inode, Place } from "./inode.ts";
import { type Context, make, makeUnnamed } from "./make.ts";
import { link, type RenameFlags, rename, rmdir, symlink, unlink } from "./namespace.ts";
import type { Reverted } from "./revert.ts";
import { changesOf, revertOf } from "./review.ts";
import { removexattr, setxattr } from "./setattr.ts";

export type { Change, ChangeState } from "./changes.ts";
export type { OverlayOptions } from "./files.ts";
export type { OpenFlags } from "./handle.ts";

/** How long `changeOf` believes what it read, where the base may change by itself, in ms. */
const changesKept_ms = 1000;

/** An open overlay, whole. */
export class Overlay extends OverlayFiles {
  /** What `changeOf` read last, at which generation and when. */
  #changes: ReadonlyMap<number, Change> | undefined;
  #changesAt = -1;
  #changesRead_ms = 0;

  /** As `OverlayFiles.open`. */
  static override *open(options: OverlayOptions): Operation<Overlay> {
    return new Overlay(yield* opened(options));
  }

  /** Makes a file, fifo, socket or device; `mode` with its type bits. See `make`. */
  *mknod(
    parent: Inode,
    name: string,
    mode: number,
    rdev: number,
    context: Context,
  ): Operation<Inode> {
    const type = typeOf(mode) ?? "file";
    if (type === "directory" || type === "symlink") throw new FsError("EINVAL");
    return yield* make(this.layers, parent, name, { type, mode, rdev }, context);
  }

  mkdir(parent: Inode, name: string, mode: number, context: Context): Operation<Inode> {
    return make(this.layers, parent, name, { type: "directory", mode }, context);
  }

  /** @throws ENOENT, ENAMETOOLONG as `symlink` of namespace.ts; else as `make` */
  symlink(parent: Inode, name: string, target: string, context: Context): Operation<Inode> {
    return symlink(this.layers, parent, name, target, context);
  }

  link(inode: Inode, parent: Inode, name: string): Operation<void> {
    return link(this.layers, inode, parent, name);
  }

  unlink(parent: Inode, name: string): Operation<void> {
    return unlink(this.layers, parent, name);
  }

  rmdir(parent: Inode, name: string): Operation<void> {
    return rmdir(this.layers, parent, name);
  }

  rename(
    parent: Inode,
    name: string,
    newParent: Inode,
    newName: string,
    flags: RenameFlags = {},
  ): Operation<void> {
    return rename(this.layers, parent, name, newParent, newName, flags);
  }

  /** Makes a regular file that has no name yet and opens it. See `makeUnnamed`. */
  *createUnnamed(
    parent: Inode,
    mode: number,
    flags: OpenFlags,
    context: Context,
  ): Operation<Handle> {
    const inode = yield* makeUnnamed(this.layers, parent, mode, context);
    return new Handle(inode, flags);
  }

  /** @throws ENODATA there is no such attribute */
  *getxattr(inode: Inode, name: string): Operation<Uint8Array> {
    return getxattr(inode, name);
  }

  /** As `getxattr`, but an attribute that is not there is no error. */
  findxattr(inode: Inode, name: string): Uint8Array | undefined {
    return findxattr(inode, name);
  }

  setxattr(
    inode: Inode,
    name: string,
    value: Uint8Array,
    flags: { readonly create?: boolean; readonly replace?: boolean } = {},
  ): Operation<void> {
    return setxattr(this.layers, inode, name, value, flags);
  }

  *listxattr(inode: Inode): Operation<string[]> {
    return listxattr(inode);
  }

  /** @throws ENODATA there is no such attribute */
  removexattr(inode: Inode, name: string): Operation<void> {
    return removexattr(this.layers, inode, name);
  }

  /** Makes a file reach as far as is asked, or zeros of a part of it; see `allocate`. */
  *fallocate(
    handle: Handle,
    offset: number,
    length: number,
    mode: AllocationMode,
  ): Operation<void> {
    if (handle.released || !handle.flags.write) throw new FsError("EBADF");
    yield* allocate(this.layers, handle.inode, offset, length, mode);
  }

  /** Copies a range from one open file to another, by metadata alone where that can be; see `copyRange`. */
  *copyRange(
    from: Handle,
    fromOffset: number,
    to: Handle,
    toOffset: number,
    length: number,
  ): Operation<number> {
    if (from.released || from.flags.read === false) throw new FsError("EBADF");
    if (to.released || !to.flags.write || to.flags.append) throw new FsError("EBADF");
    return yield* copyRange(this.layers, from.inode, fromOffset, to.inode, toOffset, length);
  }

  /** The next data or hole from `offset` on; see `seek`. */
  *lseek(handle: Handle, offset: number, whence: "data" | "hole"): Operation<number> {
    return seek(this.layers, handle.inode, offset, whence);
  }

  /** What differs from the base, sorted by path. Commits first. */
  changes(): Operation<Change[]> {
    return changesOf(this);
  }

  /**
   * The change that `inode` is, undefined if it is as the base has it. Where it was found, if that is given, tells it as a
   * rule; else all records have to be read, which commits first, and of several names the first by path counts.
   */
  *changeOf(inode: Inode, place?: Place): Operation<ChangeKind | undefined> {
    const known = yield* changeAt(this.layers, inode, place);
    if (known) return known.change;
    yield* this.commit("relaxed");
    const { superblock, base } = this;
    const isKept = base.capabilities.snapshot || Date.now() - this.#changesRead_ms < changesKept_ms;
    if (!this.#changes || this.#changesAt !== superblock.generation || !isKept) {
      const { generation } = superblock;
      this.#changes = yield* changesByInode(this.layers);
      this.#changesAt = generation;
      this.#changesRead_ms = Date.now();
    }
    return this.#changes.get(inode.ino);
  }

  /**
   * Undoes the changes at and below these overlay paths, so that the base shines through again. An inode that lives
   * under several names is reverted at all of them; the answer names every one that changed.
   * @throws ENOENT nothing differs from the base there
   */
  revert(paths: readonly string[]): Operation<Reverted[]> {
    return revertOf(this, paths);
  }
}
