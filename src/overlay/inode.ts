/**
 * Identity: what an inode is in memory, and which number it has. A created object counts up from 2, a base object has
 * a hash of its identity key in the upper half of the safe integers; so numbers survive copy-up, rename, remount and a
 * republished base without being stored. One `Inode` object stands for one inode while the table holds it.
 */
import type { FileType, Time } from "../attributes.ts";
import type { BaseNode } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { ContentSource, NameRecord, NodeRecord } from "../storage/storage.ts";
import { ChunkSet } from "./chunk-set.ts";

/** The root's inode number. */
export const rootIno = 1;

/** Numbers from here on belong to base objects; below it, to created ones. */
export const firstBaseIno = 2 ** 52;

/** Attributes an inode has of its own; what is absent is the base's. */
export interface OwnAttributes {
  mode?: number;
  uid?: number;
  gid?: number;
  atime?: Time;
  mtime?: Time;
  ctime?: Time;
  btime?: Time;
  rdev?: number;
  target?: string;
}

/** The local part of a file's data, as it changes. See `ContentRecord`. */
export interface Content {
  readonly id: number;
  size: number;
  baseLength: number;
  readonly chunks: ChunkSet;
  source?: ContentSource;
}

/** Where a base object was found: under which name of which directory. */
export interface Place {
  readonly parent: Inode;
  readonly name: string;
}

/** An inode in memory: the storage's record, the base's node, and what has been applied to them since. */
export class Inode {
  readonly ino: number;
  readonly type: FileType;
  /** See `BaseNode.identity`; absent for created objects. */
  readonly identity: string | undefined;
  readonly origin: string | undefined;
  /** The base's node at `origin`; undefined for created objects, and if the base has lost it. */
  base: BaseNode | undefined;
  /** What the base said when this inode's data was first touched, or else when it was first recorded. */
  signature: string | undefined;
  readonly own: OwnAttributes;
  /** Shared by all that have none: to be replaced and not changed. */
  xattrs: ReadonlyMap<string, Uint8Array | null>;
  content: Content | undefined;
  /** The link count's difference from the base's. */
  nlinkDelta: number;
  /** Whether it has a node record, in the storage or on the way there. */
  recorded: boolean;
  /** The name it was found by in the base; undefined for the root and for objects found through a name record. */
  place: Place | undefined;
  /** The directory a directory lies in; undefined for the root and for other types. */
  parent: Inode | undefined;
  /** A directory's name records; undefined until they are loaded. */
  names: Map<string, NameRecord> | undefined;
  /** Its last name is gone. */
  removed = false;
  /** It never had a name and may be given one while it is open. */
  awaitsName = false;
  /** Moves whenever data was cut off or replaced, so that a read that waited begins anew. */
  cuts = 0;
  /** Lookups an adapter holds (the kernel's count under FUSE). */
  lookups = 0;
  /** Open files. */
  handles = 0;

  constructor(ino: number, type: FileType, from: { record?: NodeRecord; base?: BaseNode }) {
    const { record, base } = from;
    this.ino = ino;
    this.type = type;
    this.base = base;
    this.identity = record ? record.identity : base?.identity;
    this.origin = record ? record.origin : base?.path;
    this.signature = record ? record.signature : base?.signature;
    this.recorded = record !== undefined;
    this.nlinkDelta = record?.nlink ?? 0;
    this.own = {};
    this.xattrs = record?.xattrs ? new Map(record.xattrs) : noXattrs;
    if (!record) return;
    for (const key of ownKeys) {
      const value = record[key];
      if (value !== undefined) (this.own as Record<string, unknown>)[key] = value;
    }
    if (record.content) {
      this.content = { ...record.content, chunks: new ChunkSet(record.content.chunks) };
    }
  }

  get isDirectory(): boolean {
    return this.type === "directory";
  }

  /** Permission bits. */
  get mode(): number {
    return this.own.mode ?? this.base?.mode ?? (this.isDirectory ? 0o755 : 0o644);
  }

  get nlink(): number {
    if (this.removed) return 0;
    const least = this.isDirectory ? 2 : Number(this.isCountLost);
    return Math.max(least, this.#baseNlink + this.nlinkDelta);
  }

  /**
   * What the base counts of this object. It counted one name where it has lost it, or has another object there that
   * counts for itself, as when a file has become one of a link group: the count of a group it has lost is not recorded.
   */
  get #baseNlink(): number {
    const { base, identity } = this;
    if (base?.identity === identity) return base?.nlink ?? 0;
    return this.isDirectory ? 2 : 1;
  }

  /**
   * Whether the base has lost the link group that this is, or has another object where it was found: how many names lead
   * to it is not known then, so none is taken for the last.
   */
  get isCountLost(): boolean {
    const { base, identity } = this;
    return base?.identity !== identity && identity?.startsWith("link:") === true;
  }

  /** Whether neither a name nor an open file leads to it any more, so that nothing of it may be recorded. */
  get isGone(): boolean {
    return this.removed && this.handles === 0;
  }

  /** Bytes of a file or a symlink's target. */
  get size(): number {
    if (this.content) return this.content.size;
    if (this.own.target !== undefined) return new TextEncoder().encode(this.own.target).length;
    if (this.isDirectory) return 4096;
    return this.base?.size ?? 0;
  }

  /** Whether it is a file of the base's that the base has lost, with no data of its own: there is nothing to read. */
  get isLost(): boolean {
    return (
      this.type === "file" &&
      this.identity !== undefined &&
      !this.base &&
      this.content === undefined
    );
  }

  /** Whether the base's data of this inode may be read: where nothing is local no versions can be mixed. */
  get isBaseReadable(): boolean {
    return this.base !== undefined && (!this.content || this.base.signature === this.signature);
  }

  /** Its data is its own from now on, over this version of the base and no other. */
  begin(content: Content): Content {
    if (!this.content && this.base) this.signature = this.base.signature;
    this.content = content;
    return content;
  }

  /**
   * Takes up what the base says now, new attributes also where the content is what it was. A recorded inode keeps the
   * signature it began with, so that a change shows.
   */
  seen(base: BaseNode): void {
    const before = this.base;
    this.base = base;
    if (base.signature === before?.signature) return;
    if (!this.recorded) this.signature = base.signature;
    this.cuts += 1;
  }

  /** What the storage has to know of this inode, as of now. */
  toRecord(): NodeRecord {
    const {
      ino,
      type,
      identity,
      origin,
      signature,
      own,
      content,
      xattrs,
      nlinkDelta: nlink,
    } = this;
    const record: { -readonly [field in keyof NodeRecord]: NodeRecord[field] } = {
      ...own,
      ino,
      type,
      nlink,
    };
    if (identity !== undefined) record.identity = identity;
    if (origin !== undefined) record.origin = origin;
    if (signature !== undefined) record.signature = signature;
    if (xattrs.size > 0) record.xattrs = [...xattrs];
    if (content) record.content = { ...content, chunks: content.chunks.toArray() };
    return record;
  }
}

/**
 * What the symlink `inode` points to.
 * @throws EINVAL it is none
 */
export function targetOf(inode: Inode): string {
  const target = inode.own.target ?? inode.base?.target;
  if (inode.type !== "symlink" || target === undefined) throw new FsError("EINVAL");
  return target;
}

/** An empty map takes more memory than all else an unchanged inode has. */
export const noXattrs: ReadonlyMap<string, Uint8Array | null> = new Map();

const ownKeys = [
  "mode",
  "uid",
  "gid",
  "atime",
  "mtime",
  "ctime",
  "btime",
  "rdev",
  "target",
] as const satisfies readonly (keyof OwnAttributes)[];

/** Gives the plain number of a base object from its identity key: an integer from 2^52 to before 2^53. */
export type IdentityHash = (identity: string) => number;

const encoder = new TextEncoder();

/** What is hashed for the number of a base object. */
export function identityBytes(overlayId: string, identity: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${overlayId}\0${identity}`);
}

/** The number that the SHA-256 `digest` gives. */
export function numberOfDigest(digest: Uint8Array): number {
  const view = new DataView(digest.buffer, digest.byteOffset, 8);
  return firstBaseIno + view.getUint32(0) * 2 ** 20 + (view.getUint32(4) >>> 12);
}

/** The inodes in memory, by number and by identity. */
export class InodeTable {
  readonly #byIno = new Map<number, Inode>();
  readonly #byIdentity = new Map<string, Inode>();

  get size(): number {
    return this.#byIno.size;
  }

  at(ino: number): Inode | undefined {
    return this.#byIno.get(ino);
  }

  of(identity: string): Inode | undefined {
    return this.#byIdentity.get(identity);
  }

  add(inode: Inode): void {
    this.#byIno.set(inode.ino, inode);
    if (inode.identity !== undefined) this.#byIdentity.set(inode.identity, inode);
  }

  delete(inode: Inode): void {
    if (this.#byIno.get(inode.ino) === inode) this.#byIno.delete(inode.ino);
    const { identity } = inode;
    if (identity !== undefined && this.#byIdentity.get(identity) === inode) {
      this.#byIdentity.delete(identity);
    }
  }

  all(): IterableIterator<Inode> {
    return this.#byIno.values();
  }
}
