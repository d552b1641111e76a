/**
 * What `check` needs of a storage beyond `Storage`: every record as it lies there, also one that no reader would take, the
 * contents there is data of, and a way to set aside what is wrong. An ability of its own, for storages that have it.
 * Whoever inspects a storage must not have it open otherwise, and nobody else may write to it before a repair has ended.
 */
import type { Operation } from "../operation.ts";
import type { NameRecord, NodeRecord, Superblock } from "./storage.ts";

/** Which record a key means; "foreign" is a key that no record can have. */
export type RecordKey =
  | { readonly kind: "superblock" }
  | { readonly kind: "node"; readonly ino: number }
  | { readonly kind: "name"; readonly parent: number; readonly name: string }
  | { readonly kind: "alias"; readonly identity: string }
  | { readonly kind: "orphan"; readonly ino: number }
  | { readonly kind: "foreign"; readonly key: string };

/** A record as it lies in the storage. */
export interface StoredRecord {
  readonly key: RecordKey;
  /** What a reader would make of it, of any shape; for an alias the number. Undefined where there is a `flaw`. */
  readonly value: unknown;
  /** Why nothing could be made of it, as words that go on after "it". */
  readonly flaw?: string;
}

/** A content there is data of. */
export interface StoredContent {
  readonly id: number;
  /** The chunks that are there, as ascending [first, end) pairs. More than the records claim may be there. */
  readonly chunks: readonly number[];
  /** Bytes it takes. */
  readonly bytes: number;
}

/** Everything in a storage, as of one moment. */
export interface StoredState {
  /**
   * Whether the last owner closed it. Else data may be there whose records are under way, or were when it died: more
   * than they claim, and bytes after the ends of files. The next owner clears that.
   */
  readonly closed: boolean;
  readonly records: readonly StoredRecord[];
  readonly contents: readonly StoredContent[];
}

/** Records to be put in place of wrong ones, or beside them. */
export interface NewRecords {
  /** The superblock with its generation raised. */
  readonly superblock: Superblock;
  readonly nodes: ReadonlyMap<number, NodeRecord>;
  readonly names: readonly {
    readonly parent: number;
    readonly name: string;
    readonly record: NameRecord;
  }[];
  readonly aliases: ReadonlyMap<string, number>;
}

/** A step that makes a storage sound again. Nothing it takes out is lost: all of it is kept in a quarantine. */
export interface Repair {
  /** What was found, in words, kept beside what is set aside. */
  readonly findings: readonly string[];
  /** Records to take out, those that get a new version too. */
  readonly aside: readonly StoredRecord[];
  readonly put: NewRecords;
  /** Contents to take out. */
  readonly contents: readonly number[];
  /** Bytes of contents to make zero. */
  readonly zeros: readonly {
    readonly content: number;
    readonly from: number;
    readonly to: number;
  }[];
}

/** A storage laid open for `check`. */
export interface StorageInspection {
  /** @throws EIO the storage cannot be read at all */
  state(): Operation<StoredState>;
  /**
   * Fills `into` with the bytes of `content` from `offset` on, zeros where there are none; `chunkSize` is what the check
   * takes it to be, for storages that keep chunk by chunk.
   * @throws EIO they cannot be read
   */
  readData(content: number, offset: number, into: Uint8Array, chunkSize: number): Operation<void>;
  /**
   * Copies what `repair` takes out into a quarantine, then changes all records in one step, then takes the contents out.
   * Returns where the quarantine is.
   * @throws EROFS it was opened to look only
   * @throws ENOSPC, EDQUOT, EIO no record was changed
   */
  repair(repair: Repair): Operation<string>;
  close(): Operation<void>;
}
