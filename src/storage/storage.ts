/**
 * The writable side: the records that make up an overlay, and the interface of what keeps them.
 * A storage holds only what differs from the base. Batches are atomic and applied in order; a storage never decides
 * anything by itself. FORMAT.md gives the rules the records obey; `test/storage/contract.ts` is what every
 * implementation must pass.
 */
import type { FileType, Time } from "../attributes.ts";
import type { Operation } from "../operation.ts";

/** What a storage says of itself. */
export interface Superblock {
  /** Version of the stored format; a higher one is refused. */
  readonly version: 1;
  /** Features without which this storage cannot be read; an unknown one is refused. */
  readonly incompatible: readonly string[];
  /** Features that may be ignored; an unknown one is warned of. */
  readonly compatible: readonly string[];
  /** 32 hex digits, drawn at random once; the key of the inode numbers' hash. */
  readonly overlayId: string;
  /** Where the base was last found (a URL or an absolute path) and what it said it was. */
  readonly base: { readonly locator: string; readonly identity: string };
  /** Bytes per chunk, the unit of copy-up. */
  readonly chunkSize: number;
  /** The next inode number for a created object. */
  readonly nextIno: number;
  /** The next content id; never used twice. */
  readonly nextContent: number;
  /** Counts committed batches. A reader that sees it moved drops what it has cached. */
  readonly generation: number;
  /** Counts owners. A commit whose epoch is not the stored one is refused with ESTALE. */
  readonly epoch: number;
}

/** An object of the base that a name record hides, as it was when that record was made. */
export interface HiddenObject {
  readonly type: FileType;
  /** `BaseNode.signature`; empty if the base could not be asked. */
  readonly signature: string;
}

/**
 * `name[parent, name]`: what a directory's name means where the overlay differs from the base. `hides` is what the base
 * had under this name when the record was made, if that was another object than the one the name means; absent if it had
 * nothing. By it a base that moved is noticed.
 */
export type NameRecord =
  /** The base's name is hidden. Harmless where the base has no such name. */
  | { readonly whiteout: true; readonly hides?: HiddenObject }
  /**
   * The name means `ino`, which is of this type (an inode never changes it). `origin` is the base path of this very
   * name, where the base has it and means the same node.
   */
  | {
      readonly whiteout?: false;
      readonly ino: number;
      readonly type: FileType;
      readonly origin?: string;
      readonly hides?: HiddenObject;
    };

/** A name of one directory with its record. */
export interface NameEntry {
  readonly name: string;
  readonly record: NameRecord;
}

/** A file of the base, as it was when something was made to depend on it. */
export interface ContentSource {
  readonly path: string;
  readonly signature: string;
}

/** The local part of a file's data. */
export interface ContentRecord {
  /** Names the data in storage; a truncation to 0 takes a new one. */
  readonly id: number;
  /** Logical size in bytes. */
  readonly size: number;
  /** Below it, bytes of chunks not held come from the base; from it on they are zero. Never above `size`. */
  readonly baseLength: number;
  /** The chunks held locally, as [first, end) pairs in ascending order, never touching: `[0, 2, 5, 6]` is 0, 1 and 5. */
  readonly chunks: readonly number[];
  /** The base file that shows below `baseLength`, if that is not the node's own origin: this one was copied from it. */
  readonly source?: ContentSource;
}

/**
 * `node[ino]`: what an inode has of its own. An attribute that is absent is the base's; a node without origin has all.
 */
export interface NodeRecord {
  readonly ino: number;
  readonly type: FileType;
  /** The identity key of a base object (its link group, else its base path); absent for created objects. */
  readonly identity?: string;
  /** The base path whose content this node takes, "" being the base's root; absent: opaque. */
  readonly origin?: string;
  /** What the base said of `origin` when this node was first recorded (size, mtime, hash …). */
  readonly signature?: string;
  /** Permission bits, without the type. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atime?: Time;
  readonly mtime?: Time;
  readonly ctime?: Time;
  readonly btime?: Time;
  /** Link count, as the difference from the base's; the count itself for created objects. */
  readonly nlink: number;
  readonly rdev?: number;
  /** Target of a created symlink. */
  readonly target?: string;
  /** Extended attributes that differ; null hides the base's. */
  readonly xattrs?: readonly (readonly [name: string, value: Uint8Array | null])[];
  /** Present once the data was touched; before, size and data are the base's. */
  readonly content?: ContentRecord;
}

/** New bytes for a chunk. */
export interface DataWrite {
  readonly content: number;
  readonly chunk: number;
  /** The chunk from its first byte on; at most `chunkSize` bytes, what follows them in the chunk is zero. */
  readonly bytes: Uint8Array;
  /** Only bytes from `from` to before `to` differ from what is stored; all of them where `fresh`. */
  readonly from: number;
  readonly to: number;
  /** The chunk was not held before: whatever the storage still has at its place is old and must not shine through. */
  readonly fresh: boolean;
}

/** Chunks `from` to before `to` of a content, none of which any record claims any more. `to` may be Infinity. */
export interface DroppedChunks {
  readonly content: number;
  readonly from: number;
  readonly to: number;
}

/**
 * One atomic step of a storage. Data is made safe before the records that claim it, and dropped only after them.
 * Null means: remove the record.
 */
export interface Batch {
  readonly superblock: Superblock;
  readonly nodes: ReadonlyMap<number, NodeRecord | null>;
  readonly names: readonly {
    readonly parent: number;
    readonly name: string;
    readonly record: NameRecord | null;
  }[];
  /** Inode numbers that are not the plain hash of their identity key. */
  readonly aliases: ReadonlyMap<string, number | null>;
  /** Inodes that have no name any more but are still open (true), or were dropped at last (false). */
  readonly orphans: ReadonlyMap<number, boolean>;
  readonly data: readonly DataWrite[];
  readonly droppedChunks: readonly DroppedChunks[];
  /** Content ids that no record names any more. */
  readonly droppedContents: readonly number[];
}

/**
 * How far a commit goes before it is acknowledged: `relaxed` survives the end of the process or the tab, `strict` also
 * a loss of power, as far as the platform can promise it.
 */
export type Durability = "relaxed" | "strict";

/** How much a storage can hold; sizes in bytes. */
export interface StorageSpace {
  readonly total: number;
  readonly free: number;
}

/** What keeps the records. Every method may wait; where all is local and synchronous (LMDB) none ever does. */
export interface Storage {
  /** The superblock as committed last, read afresh each time; undefined for a storage never committed to. */
  superblock(): Operation<Superblock | undefined>;
  node(ino: number): Operation<NodeRecord | undefined>;
  /** All names recorded for one directory, in no particular order. */
  names(parent: number): Operation<readonly NameEntry[]>;
  aliases(): Operation<ReadonlyMap<string, number>>;
  orphans(): Operation<readonly number[]>;
  /** Every node record, for `status` and `check`. */
  allNodes(): Operation<readonly NodeRecord[]>;
  /** Every name record, for `status` and `check`. */
  allNames(): Operation<readonly (NameEntry & { readonly parent: number })[]>;
  /**
   * Fills `into` with the bytes of `content` from `offset` on. The caller asks for held chunks only; bytes past what was
   * written to a held chunk are zero.
   * @throws EIO the data cannot be read
   */
  readData(content: number, offset: number, into: Uint8Array): Operation<void>;
  /**
   * Applies `batch` as one atomic step. When it returns the step is as durable as was asked.
   * @throws ENOSPC, EDQUOT, EIO nothing of the step is applied; it may be tried again
   * @throws ESTALE another owner has taken over (its epoch is in the storage); nothing was applied
   */
  commit(batch: Batch, durability: Durability): Operation<void>;
  space(): Operation<StorageSpace>;
  /** Gives up ownership and resources. Nothing may be called after it. */
  close(): Operation<void>;
}

/** What a storage can do beside that has a place for data outside of its records. */
export interface StagingStorage {
  /**
   * Takes `bytes`, whole chunks of `content` from `offset` on that no stored record claims, before the batch whose records
   * claim them: from now on `readData` gives them, and the next commit makes them safe first. So they need not be kept in
   * memory until then. Returns false, having taken nothing, where it wants them in the batch like others.
   */
  stage(content: number, offset: number, bytes: Uint8Array): boolean;
}

/** `storage`, if it can take data early. */
export function stagingStorage(storage: Storage): StagingStorage | undefined {
  return "stage" in storage && typeof storage.stage === "function"
    ? (storage as StagingStorage & Storage)
    : undefined;
}
