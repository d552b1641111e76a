/**
 * A storage on disk, in a directory: `records.mdb` (LMDB) holds the records and the contents of up to 16 KiB, the files
 * under `content` hold the larger ones. All of it is synchronous, so that it works in a thread where no promise settles;
 * only making files safe and recording may be somebody else's work, and then a commit waits for it. A commit writes data
 * first and makes it safe, then the records in one transaction, and only then removes what they no longer claim; both
 * durabilities are therefore the same, and survive a loss of power.
 */
import { statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Batch,
  FsError,
  type NameEntry,
  type NameRecord,
  type NodeRecord,
  type Operation,
  type StagingStorage,
  type Storage,
  type StorageSpace,
  type Superblock,
} from "../../src/index.ts";
import {
  giveUp,
  readOwnership,
  readSuperblock,
  refuseForeignRecords,
  refuseUnlessOwner,
  takeOwnership,
} from "./claim.ts";
import { ContentFiles } from "./content-files.ts";
import { dropContents, type StoredContents, smallContentsOf, writeContents } from "./contents.ts";
import { diskFailure } from "./disk-failure.ts";
import {
  type Holder,
  holderFrom,
  isAlive,
  isSameOwnership,
  type OwnershipRecord,
} from "./ownership.ts";
import {
  aliasKey,
  decode,
  decodeNode,
  encode,
  encodeNode,
  nameKey,
  nameOf,
  namesOf,
  numberKey,
  numberOf,
  rangeOf,
  soleKey,
} from "./record-format.ts";
import { type RecordReader, Records, type RecordWriter } from "./records.ts";
import { type Safeguard, safeguardInPlace } from "./safeguard.ts";
import { holdsStorage, makeDirectory, recordsIn } from "./storage-directory.ts";

/** Numbers from here on belong to objects of the base, which are asked for whether anything is recorded or not. */
const firstBaseIno = 2 ** 52;

/** Up to so many numbers of recorded base objects are kept in memory, a few bytes each. */
const maxKnownBaseInos = 200_000;

/** What a storage on disk may be opened with. */
export interface DiskOptions {
  /** Make a new storage where there is none (the default), or fail with ENOENT. */
  readonly create?: boolean;
  /** What this process does with it, as others are told: "mounted at /x". */
  readonly holder?: string;
  /** Take no ownership and write nothing: works while somebody else owns the storage. */
  readonly readOnly?: boolean;
  /** What makes files safe in a commit. Unless given this thread does, and waits. */
  readonly safeguard?: Safeguard;
}

/** A storage in a directory. No method ever waits, but for `commit` where a `safeguard` of one's own does. */
export interface DiskStorage extends Storage, StagingStorage {
  /** The absolute path of its directory. */
  readonly directory: string;
  /** Tells others that this owner is about to close, so that they wait for it instead of giving up. */
  announceClosing(): void;
}

/**
 * Opens the storage in `directory`; unless `readOnly` this process owns it from then on, until `close` or its end.
 * @throws EBUSY a living process owns it; the message names it. So it is when this very process opens it twice
 * @throws ENOENT there is none, and none was to be made
 * @throws ENOTEMPTY the directory holds something else
 * @throws ENOTDIR it is no directory
 * @throws EINVAL it was written by a later version, or is damaged; nothing was changed
 */
export function openDiskStorage(directory: string, options: DiskOptions = {}): DiskStorage {
  const { create = true, holder = "in use", readOnly = false } = options;
  const place = resolve(directory);
  try {
    if (!holdsStorage(place)) {
      if (readOnly || !create) {
        const reason = "there is no minifo storage; check the path";
        throw new FsError("ENOENT", { syscall: "open", path: place, reason });
      }
      makeDirectory(place);
    }
  } catch (error) {
    throw diskFailure(error, "open", place);
  }
  const records = new Records(recordsIn(place), place, readOnly);
  try {
    if (readOnly) {
      records.read((reader) => refuseForeignRecords(reader, place));
      return new OpenedDisk(place, records, undefined, options);
    }
    const { ownership, crashed } = takeOwnership(records, place, holder);
    const storage = new OpenedDisk(place, records, ownership, options);
    if (crashed) storage.sweep();
    return storage;
  } catch (error) {
    records.close();
    throw error;
  }
}

/**
 * The living process that owns the storage in `directory`; undefined if none does, or there is no storage.
 * @throws EINVAL what is there is no storage of this version
 */
export function holderOf(directory: string): Holder | undefined {
  const place = resolve(directory);
  try {
    if (!holdsStorage(place)) return undefined;
  } catch (error) {
    throw diskFailure(error, "open", place);
  }
  const records = new Records(recordsIn(place), place, true);
  try {
    const owner = records.read(readOwnership);
    return owner && isAlive(owner) ? holderFrom(owner) : undefined;
  } finally {
    records.close();
  }
}

class OpenedDisk implements DiskStorage {
  readonly directory: string;
  readonly #records: Records;
  readonly #files: ContentFiles;
  /** Undefined for a reader. */
  readonly #ownership: OwnershipRecord | undefined;
  /**
   * The base objects that have a record, so that walking the base asks the database nothing: "none" while they are not
   * known yet, "many" once there are too many to keep.
   */
  #baseInos: Set<number> | "none" | "many" = "none";
  /** Contents with data in their files that no commit has made safe yet. */
  #staged = new Set<number>();
  /** Whether the storage was found to be ours since the last commit, or by the one under way. */
  #isKnownOwner = false;
  /** The stored count of content ids: none from it on can lie among the records. */
  #firstNew = Number.POSITIVE_INFINITY;

  constructor(
    directory: string,
    records: Records,
    ownership: OwnershipRecord | undefined,
    { safeguard = safeguardInPlace }: DiskOptions,
  ) {
    this.directory = directory;
    this.#records = records;
    this.#ownership = ownership;
    const isReader = ownership === undefined;
    this.#files = new ContentFiles(join(directory, "content"), isReader, safeguard);
  }

  superblock(): Operation<Superblock | undefined> {
    return atHand(() => this.#records.read(readSuperblock));
  }

  node(ino: number): Operation<NodeRecord | undefined> {
    return atHand(() => {
      if (ino >= firstBaseIno && this.#isUnrecorded(ino)) return undefined;
      const bytes = this.#records.read((reader) => reader.get(numberKey("node", ino)));
      return bytes && decodeNode(bytes, ino);
    });
  }

  names(parent: number): Operation<readonly NameEntry[]> {
    return atHand(() =>
      this.#records.read((reader) => reader.collect(namesOf(parent), readNameEntry)),
    );
  }

  aliases(): Operation<ReadonlyMap<string, number>> {
    return atHand(() => {
      const aliases = this.#records.read((reader) =>
        reader.collect(rangeOf("alias"), (_, value) =>
          decode<{ identity: string; ino: number }>(value, "an alias"),
        ),
      );
      return new Map(aliases.map(({ identity, ino }) => [identity, ino]));
    });
  }

  orphans(): Operation<readonly number[]> {
    return atHand(() =>
      this.#records.read((reader) => reader.collect(rangeOf("orphan"), numberOf)),
    );
  }

  allNodes(): Operation<readonly NodeRecord[]> {
    return atHand(() => this.#records.read(readNodes));
  }

  allNames(): Operation<readonly (NameEntry & { readonly parent: number })[]> {
    return atHand(() =>
      this.#records.read((reader) =>
        reader.collect(rangeOf("name"), (key, value) => ({
          parent: numberOf(key),
          ...readNameEntry(key, value),
        })),
      ),
    );
  }

  readData(content: number, offset: number, into: Uint8Array): Operation<void> {
    return atHand(() => {
      try {
        this.#readData(content, offset, into);
      } catch (error) {
        throw diskFailure(error, "read", this.directory);
      }
    });
  }

  space(): Operation<StorageSpace> {
    return atHand(() => {
      try {
        const { blocks, bavail, bsize } = statfsSync(this.directory);
        return { total: blocks * bsize, free: bavail * bsize };
      } catch (error) {
        throw diskFailure(error, "statfs", this.directory);
      }
    });
  }

  close(): Operation<void> {
    return atHand(() => {
      this.#files.close();
      try {
        this.#changeOwnership((writer) => writer.remove(soleKey("ownership")));
      } catch {
        // On a full disk not even that can be recorded. The record counts only as long as this process lives, and
        // for the process itself it is noted here.
        if (this.#ownership) giveUp(this.directory, this.#ownership);
      }
      this.#records.close();
    });
  }

  announceClosing(): void {
    this.#changeOwnership((writer, ownership) =>
      writer.put(soleKey("ownership"), encode({ ...ownership, state: "closing" })),
    );
  }

  /**
   * Clears what a crash between data and records left behind: content files that no record names, and bytes after the
   * end of a file, which would show if it grew.
   */
  sweep(): void {
    const named = this.#records.read((reader) => {
      const contents = readNodes(reader).flatMap(({ content }) => (content ? [content] : []));
      return contents.filter(({ id }) => !reader.get(numberKey("content", id)));
    });
    try {
      this.#files.sweep(new Set(named.map(({ id }) => id)));
    } catch (error) {
      throw diskFailure(error, "open", this.directory);
    }
    for (const { id, size } of named) {
      try {
        this.#files.truncate(id, size);
      } catch {
        // A file that cannot be opened, or is none, is told when it is read, and by `check`.
      }
    }
  }

  #readData(content: number, offset: number, into: Uint8Array): void {
    // Once a content is a file it stays one.
    if (!this.#files.isOpen(content)) {
      const small = this.#records.read((reader) => reader.get(numberKey("content", content)));
      if (small) {
        const stored = small.subarray(offset, offset + into.length);
        into.set(stored);
        into.fill(0, stored.length);
        return;
      }
    }
    if (this.#files.read(content, offset, into)) return;
    const reason = `the storage holds no data of content ${content}; was it reverted meanwhile?`;
    throw new FsError("EIO", { syscall: "read", path: this.directory, reason });
  }

  stage(content: number, offset: number, bytes: Uint8Array): boolean {
    const ownership = this.#ownership;
    if (!ownership) return false;
    const mayBeSmall = content < this.#firstNew && !this.#files.isOpen(content);
    if (mayBeSmall || !this.#isKnownOwner) {
      const mayStage = this.#records.read((reader) => {
        this.#isKnownOwner = isSameOwnership(readOwnership(reader), ownership);
        return this.#isKnownOwner && !(mayBeSmall && reader.get(numberKey("content", content)));
      });
      if (!mayStage) return false;
    }
    try {
      this.#files.stage(content, offset, bytes);
    } catch {
      // The commit that tries the same again tells what is wrong, to whom it concerns.
      return false;
    }
    this.#staged.add(content);
    return true;
  }

  *commit(batch: Batch): Operation<void> {
    const ownership = this.#ownership;
    if (!ownership) {
      const reason = "the storage was opened read-only";
      throw new FsError("EROFS", { syscall: "commit", path: this.directory, reason });
    }
    this.#isKnownOwner = false;
    // Before any file is touched; and again within the transaction, where it counts.
    const { firstNew, small } = this.#records.read((reader) => {
      const stored = refuseUnlessOwner(reader, ownership, batch.superblock, this.directory);
      // Content ids are never given out again: from the stored count on none can be there yet.
      const firstNew = stored?.nextContent ?? 0;
      return { firstNew, small: smallContentsOf(reader, batch, firstNew) };
    });
    this.#isKnownOwner = true;
    this.#firstNew = firstNew;
    const change = this.#files.change(batch.superblock.chunkSize);
    const staged = this.#staged;
    this.#staged = new Set();
    const isNew = (content: number) => content >= firstNew && !staged.has(content);
    const stored: StoredContents = { small, isNew };
    try {
      const contents = yield* writeContents(batch, stored, this.#files, change);
      const written = new Set([
        ...batch.data.map(({ content }) => content),
        ...batch.droppedContents,
      ]);
      for (const content of staged) if (!written.has(content)) yield* change.claim(content);
      yield* change.makeSafe();
      const { superblock } = batch;
      this.#records.write((writer) => {
        refuseUnlessOwner(writer, ownership, superblock, this.directory);
        putRecords(writer, batch);
        putContents(writer, contents);
      });
      // What was recorded may lie among the records; what gets an id after it does not.
      this.#firstNew = superblock.nextContent;
    } catch (error) {
      change.undo();
      for (const content of staged) this.#staged.add(content);
      throw diskFailure(error, "commit", this.directory);
    } finally {
      this.#isKnownOwner = false;
    }
    for (const [ino, node] of batch.nodes) this.#noteBaseIno(ino, node !== null);
    dropContents(batch, stored, this.#files);
  }

  /** Whether it is certain that base object `ino` has no record. Only an owner can know: nobody else writes then. */
  #isUnrecorded(ino: number): boolean {
    if (!this.#ownership) return false;
    if (this.#baseInos === "none") {
      const start = numberKey("node", firstBaseIno);
      const range = { start, end: rangeOf("node").end };
      const inos = this.#records.read((reader) => reader.collect(range, numberOf));
      this.#baseInos = inos.length > maxKnownBaseInos ? "many" : new Set(inos);
    }
    return this.#baseInos !== "many" && !this.#baseInos.has(ino);
  }

  #noteBaseIno(ino: number, recorded: boolean): void {
    const known = this.#baseInos;
    if (ino < firstBaseIno || typeof known === "string") return;
    if (!recorded) known.delete(ino);
    else if (known.add(ino).size > maxKnownBaseInos) this.#baseInos = "many";
  }

  /** Changes the record of our ownership, if we are the owner still. */
  #changeOwnership(change: (writer: RecordWriter, ownership: OwnershipRecord) => void): void {
    const ownership = this.#ownership;
    if (!ownership) return;
    this.#records.write((writer) => {
      if (isSameOwnership(readOwnership(writer), ownership)) change(writer, ownership);
    });
  }
}

/** An operation whose result is at hand. */
function* atHand<T>(compute: () => T): Operation<T> {
  return compute();
}

function readNodes(reader: RecordReader): NodeRecord[] {
  return reader.collect(rangeOf("node"), (key, value) => decodeNode(value, numberOf(key)));
}

function readNameEntry(key: Buffer, value: Buffer): NameEntry {
  const name = nameOf(key);
  return { name, record: decode<NameRecord>(value, `the name "${name}"`) };
}

function putRecords(writer: RecordWriter, batch: Batch): void {
  writer.put(soleKey("superblock"), encode(batch.superblock));
  for (const [ino, node] of batch.nodes) {
    if (node) writer.put(numberKey("node", ino), encodeNode(node));
    else writer.remove(numberKey("node", ino));
  }
  for (const { parent, name, record } of batch.names) {
    if (record) writer.put(nameKey(parent, name), encode(record));
    else writer.remove(nameKey(parent, name));
  }
  for (const [identity, ino] of batch.aliases) {
    if (ino === null) writer.remove(aliasKey(identity));
    else writer.put(aliasKey(identity), encode({ identity, ino }));
  }
  for (const [ino, isOrphan] of batch.orphans) {
    if (isOrphan) writer.put(numberKey("orphan", ino), new Uint8Array());
    else writer.remove(numberKey("orphan", ino));
  }
}

/** Puts contents among the records; null takes one away. */
function putContents(writer: RecordWriter, contents: ReadonlyMap<number, Uint8Array | null>): void {
  for (const [content, bytes] of contents) {
    const key = numberKey("content", content);
    if (bytes) writer.put(key, bytes);
    else writer.remove(key);
  }
}
