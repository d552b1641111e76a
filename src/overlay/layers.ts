/**
 * What all operations of an overlay share: the base below, the storage above, and between them the state in memory,
 * which is the truth while the overlay is open. Here are the few steps every change is made of: marking an inode as
 * recorded, setting and removing names, touching times.
 *
 * Every operation has two halves. It gathers (may wait, changes nothing), then it applies (never waits). `gather` makes
 * sure that nothing was applied by others between the two: so there are no locks and no order of locks.
 */
import type { Time } from "../attributes.ts";
import { type Base, joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import { Deferred, type Operation, waitFor } from "../operation.ts";
import {
  type HiddenObject,
  type NameRecord,
  type StagingStorage,
  type Storage,
  type Superblock,
  stagingStorage,
} from "../storage/storage.ts";
import { Writeback } from "../storage/writeback.ts";
import { identityHash } from "./identity-hash.ts";
import { type IdentityHash, type Inode, InodeTable, rootIno } from "./inode.ts";
import { emptyBatch } from "./superblock.ts";

/** What `Layers` is made from. */
export interface LayersOptions {
  readonly base: Base;
  readonly storage: Storage;
  readonly superblock: Superblock;
  readonly aliases: ReadonlyMap<string, number>;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly readOnly: boolean;
  readonly now: () => Time;
  readonly maxDirtyBytes: number;
  readonly maxInodes: number;
  /** In place of the hash of FORMAT.md: tests narrow it to force collisions. */
  readonly hash?: IdentityHash | undefined;
}

/** A name that was found to mean nothing. */
interface Absence {
  readonly parent: Inode;
  readonly name: string;
  /** How many changes had been applied. */
  readonly applied: number;
  readonly since_ms: number;
}

/** How long `takeAbsence` believes what was noted, in ms: two calls in a row are made in a tenth of it. */
const absenceCounts_ms = 1;

/** The base, the storage, and the state between them. */
export class Layers {
  readonly base: Base;
  readonly storage: Storage;
  /** The storage, where it takes data before a commit. */
  readonly staging: StagingStorage | undefined;
  readonly writeback: Writeback;
  readonly inodes = new InodeTable();
  /** Numbers that are not the plain hash of their identity. Normally empty. */
  readonly aliases: Map<string, number>;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly readOnly: boolean;
  readonly now: () => Time;
  readonly hash: IdentityHash;
  readonly maxDirtyBytes: number;
  readonly maxInodes: number;
  /** But for the two counters, which move with everything that is made. */
  #superblock: Superblock;
  #nextIno: number;
  #nextContent: number;
  /** Counts applied changes of names and attributes. */
  #applied = 0;
  #absence: Absence | undefined;
  /** Settles when the operation that runs alone has ended. */
  #alone: Deferred<void> | undefined;

  constructor(options: LayersOptions) {
    const { superblock } = options;
    this.base = options.base;
    this.storage = options.storage;
    this.staging = stagingStorage(options.storage);
    this.owner = options.owner;
    this.readOnly = options.readOnly;
    this.now = options.now;
    this.maxDirtyBytes = options.maxDirtyBytes;
    this.maxInodes = options.maxInodes;
    this.aliases = new Map(options.aliases);
    this.hash = options.hash ?? identityHash(superblock.overlayId);
    this.#superblock = superblock;
    this.#nextIno = superblock.nextIno;
    this.#nextContent = superblock.nextContent;
    this.writeback = new Writeback(
      options.storage,
      () => {
        this.#superblock = {
          ...this.superblock,
          generation: this.#superblock.generation + 1,
        };
        return this.#superblock;
      },
      superblock.chunkSize,
    );
  }

  get superblock(): Superblock {
    return { ...this.#superblock, nextIno: this.#nextIno, nextContent: this.#nextContent };
  }

  /** Records that the storage lies over the base as it is: to be called when what follows from a move of it is done. */
  *noteBase(): Operation<void> {
    const { locator, identity } = this.base;
    const generation = this.#superblock.generation + 1;
    this.#superblock = { ...this.superblock, base: { locator, identity }, generation };
    yield* this.storage.commit(emptyBatch(this.#superblock), "relaxed");
  }

  get chunkSize(): number {
    return this.#superblock.chunkSize;
  }

  /** A number for a created object, never used before. */
  newIno(): number {
    const ino = this.#nextIno;
    this.#nextIno += 1;
    return ino;
  }

  /** A content id, never used before. */
  newContent(): number {
    const id = this.#nextContent;
    this.#nextContent += 1;
    return id;
  }

  /**
   * Runs `gathering` until it got through without anything being applied by others meanwhile; what it returns is
   * true at this very moment. A second run finds everything in memory, so it does not wait, so it cannot lose again.
   */
  *gather<T>(gathering: () => Operation<T>): Operation<T> {
    for (;;) {
      const applied = this.#applied;
      const result = yield* gathering();
      if (applied === this.#applied) return result;
    }
  }

  /**
   * Runs `operation`, whose gathering waits each time, while new changes wait: those that had begun may still be
   * applied, each once, so that it gets through.
   */
  *alone<T>(operation: () => Operation<T>): Operation<T> {
    yield* this.begin();
    const alone = new Deferred<void>();
    this.#alone = alone;
    try {
      return yield* operation();
    } finally {
      this.#alone = undefined;
      alone.resolve();
    }
  }

  /** Whether an operation runs alone: it may wait, with inodes in hand. */
  get isAlone(): boolean {
    return this.#alone !== undefined;
  }

  /**
   * Begins a change.
   * @throws EROFS the overlay is open read-only
   */
  *begin(): Operation<void> {
    this.refuseIfReadOnly();
    const { writeback } = this;
    for (;;) {
      const wait = this.#alone ?? writeback.hastened;
      if (!wait) return;
      yield* waitFor(wait);
    }
  }

  /**
   * Begins a change that takes up room: refuses it where there is none.
   * @throws EROFS the overlay is open read-only
   * @throws ENOSPC, EDQUOT the storage is full; once there is room changes are taken again
   */
  *admit(): Operation<void> {
    yield* this.begin();
    const { writeback } = this;
    if (writeback.failure !== undefined || writeback.dirtyBytes > this.maxDirtyBytes) {
      yield* writeback.commit("relaxed");
    }
  }

  /** Notes that at this moment `name` in `parent` means nothing. */
  noteAbsence(parent: Inode, name: string): void {
    this.#absence = { parent, name, applied: this.#applied, since_ms: performance.now() };
  }

  /** Whether that was noted last, less than a moment ago, and nothing was applied since. It counts once. */
  takeAbsence(parent: Inode, name: string): boolean {
    const absence = this.#absence;
    this.#absence = undefined;
    return (
      absence !== undefined &&
      absence.parent === parent &&
      absence.name === name &&
      absence.applied === this.#applied &&
      performance.now() - absence.since_ms < absenceCounts_ms
    );
  }

  refuseIfReadOnly(): void {
    if (this.readOnly) throw new FsError("EROFS", { reason: "the overlay is open read-only" });
  }

  /** Marks `inode` as changed: gives it a record, and the base's name it was found by a name record. */
  record(inode: Inode): void {
    this.#applied += 1;
    if (inode.isGone) return;
    if (!inode.recorded) {
      inode.recorded = true;
      this.#recordNumber(inode);
    }
    this.#recordPlace(inode);
    this.writeback.node(inode.ino, inode);
  }

  /** Makes `name` in `parent` mean `inode`; `origin` and `hides` as in `NameRecord`. */
  setName(
    parent: Inode,
    name: string,
    inode: Inode,
    { origin, hides }: { origin?: string | undefined; hides?: HiddenObject | undefined },
  ): void {
    const { ino, type } = inode;
    this.#setName(parent, name, {
      ino,
      type,
      ...(origin !== undefined && { origin }),
      ...(origin === undefined && hides !== undefined && { hides }),
    });
  }

  /** Takes `name` out of `parent`: hides what the base has there; forgets the name if that is nothing (undefined). */
  removeName(parent: Inode, name: string, hides: HiddenObject | undefined): void {
    this.#setName(parent, name, hides === undefined ? null : { whiteout: true, hides });
  }

  /** Forgets what was recorded for `name`, so that the base shines through again. */
  forgetName(parent: Inode, name: string): void {
    this.#setName(parent, name, null);
  }

  /** The names of `parent` changed at this moment. */
  touchNames(parent: Inode, now: Time): void {
    parent.own.mtime = now;
    parent.own.ctime = now;
    this.record(parent);
  }

  /** Drops the node and data of an inode that has no name and is not open any more. */
  dropInode(inode: Inode): void {
    this.#applied += 1;
    if (inode.recorded) this.writeback.node(inode.ino, null);
    if (inode.content) this.writeback.dropContent(inode.content.id);
    this.forgetAlias(inode.identity);
    this.inodes.delete(inode);
  }

  /** Forgets the number of an object of which nothing is recorded any more. */
  forgetAlias(identity: string | undefined): void {
    if (identity === undefined || !this.aliases.delete(identity)) return;
    this.writeback.alias(identity, null);
  }

  /** Takes one name of `inode` away; with the last one it goes, or becomes an orphan if it is open. */
  unlinkInode(inode: Inode, now: Time): void {
    inode.nlinkDelta -= 1;
    const isLast = inode.isDirectory || (inode.nlink <= 0 && !inode.isCountLost);
    inode.own.ctime = now;
    if (!isLast) {
      this.record(inode);
      return;
    }
    if (inode.handles > 0) {
      inode.place = undefined;
      this.record(inode);
      this.writeback.orphan(inode.ino, true);
      inode.removed = true;
      return;
    }
    inode.removed = true;
    this.dropInode(inode);
  }

  #setName(parent: Inode, name: string, record: NameRecord | null): void {
    this.#applied += 1;
    if (!parent.names)
      throw new Error("bug: names of a directory were set before they were loaded");
    if (record) parent.names.set(name, record);
    else parent.names.delete(name);
    this.writeback.name(parent.ino, name, record);
  }

  #recordNumber(inode: Inode): void {
    const { identity, ino } = inode;
    if (identity === undefined || ino === rootIno || this.hash(identity) === ino) return;
    this.aliases.set(identity, ino);
    this.writeback.alias(identity, ino);
  }

  #recordPlace(inode: Inode): void {
    const { place } = inode;
    if (!place || inode.removed) return;
    inode.place = undefined;
    const { parent, name } = place;
    if (parent.removed || parent.names?.has(name) !== false || parent.origin === undefined) return;
    // A directory with name records has a node record: so that its number is taken, and its path can be told. That does
    // not give it a name record of its own, or a change deep down would be recorded all the way up.
    if (!parent.recorded && parent.ino !== rootIno) {
      parent.recorded = true;
      this.#recordNumber(parent);
      this.writeback.node(parent.ino, parent);
    }
    this.setName(parent, name, inode, { origin: joinBasePath(parent.origin, name) });
  }
}
