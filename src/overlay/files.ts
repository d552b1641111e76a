/**
 * The translucent file system, by inode: a read-only base appears writable, every change goes to the storage. This file
 * opens and closes it and gives its operations on files, each a few lines over the file that owns its matter. Adapters
 * (FUSE, the promises API) hold `Inode`s and `Handle`s; paths are theirs.
 *
 * Unless an operation says otherwise: an error leaves everything as it was, and what was applied is in memory, in order,
 * until `commit` has put it into the storage.
 */
import type { AttributeChanges, Stat, Time } from "../attributes.ts";
import type { Base } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Durability, Storage, StorageSpace, Superblock } from "../storage/storage.ts";
import { keepReachable } from "./base-moves.ts";
import { wallClock } from "./clock.ts";
import { read } from "./content.ts";
import { stat } from "./getattr.ts";
import { Handle, type OpenFlags, refuseIfLost } from "./handle.ts";
import { identityHash } from "./identity-hash.ts";
import { type IdentityHash, Inode, rootIno, targetOf } from "./inode.ts";
import { Layers } from "./layers.ts";
import { type Listing, list, listed } from "./listing.ts";
import { child, existingChild } from "./lookup.ts";
import { type Context, make } from "./make.ts";
import { dropOrphans } from "./orphans.ts";
import type { ReadableOverlay } from "./readable.ts";
import { recountLinks } from "./recount.ts";
import { setattr } from "./setattr.ts";
import { type OpenedSuperblock, openSuperblock } from "./superblock.ts";
import { sweep } from "./sweep.ts";
import { truncate, write } from "./write.ts";

/** What `Overlay.open` needs. */
export interface OverlayOptions {
  /** Closed by `Overlay.close`, as is the storage. */
  readonly base: Base;
  readonly storage: Storage;
  /** Bytes per chunk, the unit of copy-up; only for a storage that is new. Default 65,536. */
  readonly chunkSize?: number;
  /** Owner of base objects that state none. Default 0, 0. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Every change is refused with EROFS and the storage is not written to. */
  readonly readOnly?: boolean;
  /** What taking the storage over gave, where that was done already. Nobody may have done so since. */
  readonly taken?: OpenedSuperblock;
  /** Lie over a base that is neither where nor what the storage's base was. Otherwise that is refused. */
  readonly adoptBase?: boolean;
  /** The clock that stamps changes. */
  readonly now?: () => Time;
  /** Bytes of data that may wait in memory before writers wait for a commit. Default 32 MiB. */
  readonly maxDirtyBytes?: number;
  /** Inodes kept in memory though nobody uses them. Default 20,000, which take about 15 MB. */
  readonly maxInodes?: number;
  /** In place of the hash that numbers base objects: tests narrow it to force collisions. */
  readonly hash?: IdentityHash;
  /** SHA-256, where the runtime has a faster one than is built in. */
  readonly digest?: (bytes: Uint8Array) => Uint8Array;
}

/** What an overlay is made of once its superblock has been read. */
type Opened = readonly [layers: Layers, root: Inode, baseWas: string | undefined];

/** An open overlay: everything that programs do with files. */
export class OverlayFiles implements ReadableOverlay {
  readonly root: Inode;
  /** The identity the base had when the storage was last opened, if it has another one now: the base moved. */
  readonly baseWas: string | undefined;
  /** The state between base and storage; for the overlay's own parts. */
  readonly layers: Layers;
  /** Operations under way that `sweep` has to let end. */
  #underWay = 0;
  /** Inodes that were left by the last sweep, and how many of them will be free after the commit with this number. */
  #swept = { left: 0, uncommitted: 0, commits: 0 };

  protected constructor([layers, root, baseWas]: Opened) {
    this.layers = layers;
    this.root = root;
    this.baseWas = baseWas;
  }

  /**
   * Opens the overlay that `storage` holds over `base`, or begins a new one there. Takes ownership of both on success.
   * @throws ENOENT `readOnly`, and nothing was ever stored there
   * @throws EINVAL the storage was written by a later version, or belongs to another base
   * @throws EIO the base's root or the storage cannot be read
   */
  static *open(options: OverlayOptions): Operation<OverlayFiles> {
    return new OverlayFiles(yield* opened(options));
  }

  get base(): Base {
    return this.layers.base;
  }

  get superblock(): Superblock {
    return this.layers.superblock;
  }

  get readOnly(): boolean {
    return this.layers.readOnly;
  }

  /** Whether something waits for a commit. */
  get dirty(): boolean {
    return this.layers.writeback.dirty;
  }

  /** Bytes of new data that no commit has taken up yet. */
  get gatheredBytes(): number {
    return this.layers.writeback.gatheredBytes;
  }

  /** Has changes wait, from now on, until the commit under way has ended. Without one it does nothing. */
  hasten(): void {
    this.layers.writeback.hasten();
  }

  /** Why the last commit failed, if it did: until one succeeds, what waits is not safe. */
  get commitFailure(): unknown {
    return this.layers.writeback.failure;
  }

  /** @throws ENOENT, ENOTDIR, ENAMETOOLONG, EILSEQ, EIO */
  lookup(parent: Inode, name: string): Operation<Inode> {
    return existingChild(this.layers, parent, name);
  }

  /** As `lookup`, but a name that means nothing is no error, which saves making one. */
  find(parent: Inode, name: string): Operation<Inode | undefined> {
    return child(this.layers, parent, name);
  }

  /**
   * To be called when `find` has just found nothing, by whoever was asked for it as the first step of making something
   * there: what is made next under this name, within a moment, does not ask the base again.
   */
  noteAbsence(parent: Inode, name: string): void {
    this.layers.noteAbsence(parent, name);
  }

  *getattr(inode: Inode): Operation<Stat> {
    return stat(this.layers, inode);
  }

  /** As `getattr`, which never has to wait: for whoever cannot afford an operation. */
  stat(inode: Inode): Stat {
    return stat(this.layers, inode);
  }

  /** Changes attributes, `size` among them; returns them as they are then. See `setattr` in getattr.ts. */
  *setattr(inode: Inode, changed: AttributeChanges): Operation<Stat> {
    yield* setattr(this.layers, inode, changed);
    return stat(this.layers, inode);
  }

  /** @throws EINVAL it is no symlink */
  *readlink(inode: Inode): Operation<string> {
    return targetOf(inode);
  }

  /**
   * Opens a file. Opening for writing records nothing and fetches nothing.
   * @throws ENOENT its last name went after it was looked up, and it was not open
   * @throws EISDIR for writing, on a directory
   * @throws EROFS for writing, on an overlay that is read-only
   * @throws ESTALE the base has lost the file, and nothing of its data is ours
   */
  *open(inode: Inode, flags: OpenFlags): Operation<Handle> {
    const writes = flags.write || flags.append || flags.truncate;
    if (writes) this.layers.refuseIfReadOnly();
    if (inode.isDirectory && writes) throw new FsError("EISDIR");
    if (flags.truncate) yield* truncate(this.layers, inode, 0);
    if (inode.isGone) throw new FsError("ENOENT");
    refuseIfLost(inode);
    inode.handles += 1;
    return new Handle(inode, flags);
  }

  /** Creates a regular file and opens it. See `make`; a name that exists is EEXIST. */
  *create(
    parent: Inode,
    name: string,
    mode: number,
    flags: OpenFlags,
    context: Context,
  ): Operation<Handle> {
    const inode = yield* make(this.layers, parent, name, { type: "file", mode }, context);
    inode.handles += 1;
    return new Handle(inode, flags);
  }

  /** Fills `into` from `offset` on; returns how many bytes there were, fewer only at the end of the file. */
  *read(handle: Handle, offset: number, into: Uint8Array): Operation<number> {
    if (handle.released || handle.flags.read === false) throw new FsError("EBADF");
    return yield* read(this.layers, handle.inode, offset, into);
  }

  /** Writes all of `bytes`, which are copied; returns their number. An append handle ignores `offset`. */
  *write(handle: Handle, offset: number, bytes: Uint8Array): Operation<number> {
    const { flags, inode } = handle;
    if (handle.released || !(flags.write || flags.append)) throw new FsError("EBADF");
    yield* write(this.layers, inode, offset, bytes, flags.append === true);
    return bytes.length;
  }

  /** Closes an open file. With the last one of a file that has no name any more its data goes. */
  *release(handle: Handle): Operation<void> {
    if (handle.released) return;
    handle.released = true;
    const { inode } = handle;
    inode.handles -= 1;
    if (!inode.removed || inode.handles > 0) return;
    this.layers.writeback.orphan(inode.ino, false);
    this.layers.dropInode(inode);
  }

  opendir(inode: Inode): Operation<Listing> {
    return list(this.layers, inode);
  }

  /** The inode an entry of `listing` means now, or undefined if the name is gone since. Counts as no lookup. */
  listed(listing: Listing, index: number): Operation<Inode | undefined> {
    return listed(this.layers, listing, index);
  }

  /** How much the storage can hold, in bytes. */
  statfs(): Operation<StorageSpace> {
    return this.layers.storage.space();
  }

  /**
   * Returns when everything applied so far is in the storage, as durable as is asked. fsync is `commit("strict")`.
   * @throws ENOSPC, EDQUOT, EIO nothing was stored; all of it stays in memory, in order, and is tried again
   * @throws ESTALE another owner has taken the storage over
   */
  *commit(durability: Durability): Operation<void> {
    if (!this.readOnly) yield* this.layers.writeback.commit(durability);
  }

  /** An adapter keeps `inode`: it stays this object until as many `forget`s. */
  retain(inode: Inode): void {
    inode.lookups += 1;
  }

  forget(inode: Inode, count: number): void {
    inode.lookups = Math.max(0, inode.lookups - count);
  }

  /** Inodes in memory. */
  get inodeCount(): number {
    return this.layers.inodes.size;
  }

  /**
   * Runs what holds inodes between its steps: until it has ended none is swept. What ends when nothing else is under way
   * sweeps.
   */
  *holding<T>(operation: Operation<T>): Operation<T> {
    this.#underWay += 1;
    try {
      return yield* operation;
    } finally {
      this.#underWay -= 1;
      this.sweep();
    }
  }

  /**
   * Lets go of inodes nobody uses, if there are too many; costs nothing if there are not. For whoever does not use
   * `holding`: to be called only when none of its own operations is under way.
   */
  sweep(): void {
    const { inodes, maxInodes, isAlone, writeback } = this.layers;
    if (inodes.size <= maxInodes || isAlone || this.#underWay > 0) return;
    const { left, uncommitted, commits } = this.#swept;
    const inUse = commits === writeback.commits ? left : left - uncommitted;
    // If most are in use, the next look at all of them has to be worth its while.
    if (inodes.size <= inUse * 1.5) return;
    sweep(this.layers, this.root, maxInodes / 2);
    this.#swept = {
      left: inodes.size,
      uncommitted: writeback.dirtyInodes,
      commits: writeback.commits,
    };
  }

  /**
   * Commits what is left and closes storage and base. They are closed even if that commit fails, and then its error is
   * thrown: what could not be stored is lost.
   */
  *close(): Operation<void> {
    try {
      yield* this.commit("strict");
    } finally {
      yield* this.layers.storage.close();
      yield* this.base.close();
    }
  }
}

/** Opens storage and base as one. */
export function* opened(options: OverlayOptions): Operation<Opened> {
  const { base, storage, readOnly = false } = options;
  const { superblock, baseWas } = options.taken ?? (yield* openSuperblock(options));
  const layers = new Layers({
    base,
    storage,
    superblock,
    readOnly,
    aliases: yield* storage.aliases(),
    owner: options.owner ?? { uid: 0, gid: 0 },
    now: options.now ?? wallClock(),
    maxDirtyBytes: options.maxDirtyBytes ?? 32 * 1024 * 1024,
    maxInodes: options.maxInodes ?? 20_000,
    hash: options.hash ?? identityHash(superblock.overlayId, options.digest),
  });
  const node = yield* base.lookup("");
  if (node?.type !== "directory") {
    throw new FsError("EIO", {
      syscall: "open",
      path: base.locator,
      reason: "the base has no root directory",
    });
  }
  const record = yield* storage.node(rootIno);
  const root = new Inode(rootIno, "directory", {
    base: node,
    ...(record && { record }),
  });
  layers.inodes.add(root);
  if (!readOnly) {
    yield* dropOrphans(layers);
    if (baseWas !== undefined || !base.capabilities.snapshot) {
      yield* keepReachable(layers);
      yield* recountLinks(layers);
    }
    if (baseWas !== undefined) yield* layers.noteBase();
  }
  return [layers, root, baseWas];
}
