/**
 * A storage on disk, in a directory: `records.mdb` (LMDB) holds the records and the contents of up to 16 KiB, the files
 * under `content` hold the larger ones. All of it is synchronous, so that it works in a thread where no promise
 * settles; only making files safe may be somebody else's work, and then a commit waits for it. A commit writes data first and makes it safe, then the records in one transaction, and only then removes
 * what they no longer claim; both durabilities are therefore the same, and survive a loss of power.
 */
import { existsSync, mkdirSync, readdirSync, statfsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  type Batch,
  type DataWrite,
  FsError,
  type NameEntry,
  type NameRecord,
  type NodeRecord,
  type Operation,
  refuseStaleEpoch,
  refuseUnknownFormat,
  type StagingStorage,
  type Storage,
  type StorageSpace,
  type Superblock,
} from "../../src/index.ts";
import { type ContentChange, ContentFiles, syncDirectory } from "./content-files.ts";
import { diskFailure } from "./disk-failure.ts";
import { isAnnouncement } from "./gate.ts";
import {
  busy,
  type Holder,
  holderFrom,
  isAlive,
  isSameOwnership,
  type OwnershipRecord,
  ownershipOfThisProcess,
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

/**
 * Bytes of a content up to which it lies among the records. A commit of 64 contents of 16 KiB takes about a twentieth of
 * the time there, since each file has to be made safe by itself.
 */
const smallContent = 16 << 10;

/** Numbers from here on belong to objects of the base, which are asked for whether anything is recorded or not. */
const firstBaseIno = 2 ** 52;

/** Up to so many numbers of recorded base objects are kept in memory, a few bytes each. */
const maxKnownBaseInos = 200_000;

/** What a record under the marker's key says. */
const marker = { format: "minifo storage", version: 1 };

/**
 * What may stand in a directory that is to become a storage: what we may have left while making one, the socket of its
 * owner, and what mkfs puts into a new volume.
 */
const ignoredEntries: ReadonlySet<string> = new Set(["records.mdb-lock", "control", "lost+found"]);

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
  const { safeguard = safeguardInPlace } = options;
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
      return new OpenedDisk(place, records, undefined, safeguard);
    }
    const { ownership, crashed } = takeOwnership(records, place, holder);
    const storage = new OpenedDisk(place, records, ownership, safeguard);
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

  constructor(
    directory: string,
    records: Records,
    ownership: OwnershipRecord | undefined,
    safeguard: Safeguard,
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
        if (this.#ownership) givenUp.add(tokenOf(this.directory, this.#ownership));
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
    if (!this.#ownership) return false;
    const mayStage = this.#records.read(
      (reader) =>
        isSameOwnership(readOwnership(reader), this.#ownership as OwnershipRecord) &&
        (this.#files.isOpen(content) || !reader.get(numberKey("content", content))),
    );
    if (!mayStage) return false;
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
    // Before any file is touched; and again within the transaction, where it counts.
    const { firstNew, small } = this.#records.read((reader) => {
      const stored = this.#refuseUnlessOwner(reader, batch);
      // Content ids are never given out again: from the stored count on none can be there yet.
      const firstNew = stored?.nextContent ?? 0;
      return { firstNew, small: smallContentsOf(reader, batch, firstNew) };
    });
    const change = this.#files.change(batch.superblock.chunkSize);
    const staged = this.#staged;
    this.#staged = new Set();
    const isNew = (content: number) => content >= firstNew && !staged.has(content);
    try {
      const records = yield* this.#writeData(batch, small, isNew, change);
      const written = new Set([
        ...batch.data.map(({ content }) => content),
        ...batch.droppedContents,
      ]);
      for (const content of staged) if (!written.has(content)) yield* change.claim(content);
      yield* change.makeSafe();
      this.#records.write((writer) => {
        this.#refuseUnlessOwner(writer, batch);
        putRecords(writer, batch);
        for (const [content, bytes] of records) {
          const key = numberKey("content", content);
          if (bytes) writer.put(key, bytes);
          else writer.remove(key);
        }
      });
    } catch (error) {
      change.undo();
      for (const content of staged) this.#staged.add(content);
      throw diskFailure(error, "commit", this.directory);
    }
    for (const [ino, node] of batch.nodes) this.#noteBaseIno(ino, node !== null);
    this.#drop(batch, isNew);
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

  /** Writes what belongs into files, and returns what to put among the records, or null to remove from them. */
  *#writeData(
    batch: Batch,
    small: ReadonlyMap<number, Buffer>,
    isNew: (content: number) => boolean,
    change: ContentChange,
  ): Operation<Map<number, Uint8Array | null>> {
    const records = new Map<number, Uint8Array | null>();
    for (const { content, from, to } of batch.droppedChunks) {
      if (small.has(content) && from <= 0 && to > 0) records.set(content, null);
    }
    for (const content of batch.droppedContents) {
      if (!isNew(content)) records.set(content, null);
    }
    for (const [content, writes] of writesByContent(batch)) {
      const stored = small.get(content);
      const isSmall = writes.every(
        ({ chunk, bytes }) => chunk === 0 && bytes.length <= smallContent,
      );
      if (isSmall && (stored || isNew(content) || !this.#files.exists(content))) {
        for (const { bytes } of writes) records.set(content, bytes);
      } else if (stored) {
        // It outgrew the records: what they have of it moves into the file, unless it is written anew or dropped.
        const moved =
          records.has(content) || writes.some(({ chunk }) => chunk === 0) ? [] : [stored];
        const first = moved.map((bytes) => wholeChunk(content, bytes));
        yield* change.write(content, [...first, ...writes.map(asFresh)], true);
        records.set(content, null);
      } else {
        yield* change.write(content, writes, false);
      }
    }
    return records;
  }

  /** Gives the space of what is no longer claimed back to the disk. */
  #drop(
    { droppedChunks, droppedContents, data, superblock }: Batch,
    isNew: (content: number) => boolean,
  ): void {
    try {
      for (const { content, from, to } of droppedChunks) {
        // Holes in the middle of a file cannot be made from Node: those bytes stay until they are written over.
        if (to !== Number.POSITIVE_INFINITY) continue;
        const kept = data.filter((write) => write.content === content && write.chunk >= from);
        const end = Math.max(from, ...kept.map(({ chunk }) => chunk + 1));
        this.#files.truncate(content, end * superblock.chunkSize);
      }
      for (const content of droppedContents) {
        if (!isNew(content)) this.#files.remove(content);
      }
    } catch {
      // The step is recorded, so it must not be told to have failed; what is left over is claimed by no record.
    }
  }

  /** Changes the record of our ownership, if we are the owner still. */
  #changeOwnership(change: (writer: RecordWriter, ownership: OwnershipRecord) => void): void {
    const ownership = this.#ownership;
    if (!ownership) return;
    this.#records.write((writer) => {
      if (isSameOwnership(readOwnership(writer), ownership)) change(writer, ownership);
    });
  }

  /** Returns the stored superblock. */
  #refuseUnlessOwner(reader: RecordReader, batch: Batch): Superblock | undefined {
    if (!this.#ownership) {
      const reason = "the storage was opened read-only";
      throw new FsError("EROFS", { syscall: "commit", path: this.directory, reason });
    }
    const stored = readSuperblock(reader);
    refuseStaleEpoch(stored, batch.superblock);
    const owner = readOwnership(reader);
    if (isSameOwnership(owner, this.#ownership)) return stored;
    const reason = owner
      ? "another process has taken this storage over; nothing was written"
      : "this storage was closed or given up; nothing was written; open it again";
    throw new FsError("ESTALE", { syscall: "commit", path: this.directory, reason });
  }
}

/** Ownerships of this process that were given up without the disk taking note. */
const givenUp = new Set<string>();

function tokenOf(directory: string, { pid, started, epoch }: OwnershipRecord): string {
  return `${pid} ${started} ${epoch} ${directory}`;
}

/** An operation whose result is at hand. */
function* atHand<T>(compute: () => T): Operation<T> {
  return compute();
}

function recordsIn(directory: string): string {
  return join(directory, "records.mdb");
}

/**
 * Whether there is a storage in `directory`; false if it is absent or empty.
 * @throws ENOTEMPTY it holds something else
 */
function holdsStorage(directory: string): boolean {
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  if (entries.includes("records.mdb")) return true;
  const others = entries.filter((entry) => !ignoredEntries.has(entry) && !isAnnouncement(entry));
  if (others.length === 0) return false;
  const reason = `it is no minifo storage (it holds ${others[0]}); give an empty directory or a new path`;
  throw new FsError("ENOTEMPTY", { syscall: "open", path: directory, reason });
}

/**
 * Makes a directory and those it lies in. Not by mkdir's `recursive`: that tries for ever where mkdir says ENOENT of a
 * directory that exists, as it does below /proc.
 */
function makeDirectory(directory: string): void {
  const parent = dirname(directory);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || existsSync(parent)) throw error;
    makeDirectory(parent);
    mkdirSync(directory, { mode: 0o700 });
  }
  syncDirectory(parent);
}

/**
 * Makes this process the owner, in one transaction. `crashed` tells that an owner before us did not close.
 * @throws EBUSY, EINVAL nothing was changed
 */
function takeOwnership(
  records: Records,
  directory: string,
  holder: string,
): { ownership: OwnershipRecord; crashed: boolean } {
  return records.write((writer) => {
    refuseForeignRecords(writer, directory);
    const former = readOwnership(writer);
    const isGivenUp = former && givenUp.has(tokenOf(directory, former));
    if (former && isAlive(former) && !isGivenUp) throw busy(former, directory);
    const superblock = readSuperblock(writer);
    const epoch = Math.max(former?.epoch ?? 0, superblock?.epoch ?? 0) + 1;
    const ownership = ownershipOfThisProcess(holder, epoch);
    writer.put(soleKey("marker"), encode(marker));
    writer.put(soleKey("ownership"), encode(ownership));
    if (superblock) writer.put(soleKey("superblock"), encode({ ...superblock, epoch }));
    return { ownership, crashed: former !== undefined };
  });
}

/**
 * Refuses what we did not write, and what a later version wrote.
 * @throws EINVAL
 */
function refuseForeignRecords(reader: RecordReader, directory: string): void {
  const bytes = reader.get(soleKey("marker"));
  if (!bytes) {
    const any = { start: Buffer.from([0]), end: Buffer.from([255]) };
    if (reader.collect(any, () => true).length === 0) return;
    const reason = "its records.mdb is not of minifo; nothing was changed";
    throw new FsError("EINVAL", { syscall: "open", path: directory, reason });
  }
  const { version } = decode<typeof marker>(bytes, "the marker");
  refuseUnknownFormat({ version, incompatible: [] }, directory);
  const superblock = readSuperblock(reader);
  if (superblock) refuseUnknownFormat(superblock, directory);
}

function readSuperblock(reader: RecordReader): Superblock | undefined {
  const bytes = reader.get(soleKey("superblock"));
  return bytes && decode<Superblock>(bytes, "the superblock");
}

function readOwnership(reader: RecordReader): OwnershipRecord | undefined {
  const bytes = reader.get(soleKey("ownership"));
  return bytes && decode<OwnershipRecord>(bytes, "the owner");
}

function readNodes(reader: RecordReader): NodeRecord[] {
  return reader.collect(rangeOf("node"), (key, value) => decodeNode(value, numberOf(key)));
}

function readNameEntry(key: Buffer, value: Buffer): NameEntry {
  const name = nameOf(key);
  return { name, record: decode<NameRecord>(value, `the name "${name}"`) };
}

/** Those contents below `firstNew` that a batch touches and that lie among the records, with their bytes. */
function smallContentsOf(
  reader: RecordReader,
  { data, droppedChunks }: Batch,
  firstNew: number,
): Map<number, Buffer> {
  const touched = new Set<number>();
  for (const { content } of data) if (content < firstNew) touched.add(content);
  for (const { content } of droppedChunks) if (content < firstNew) touched.add(content);
  const small = new Map<number, Buffer>();
  for (const content of touched) {
    const bytes = reader.get(numberKey("content", content));
    if (bytes) small.set(content, bytes);
  }
  return small;
}

function writesByContent({ data }: Batch): Map<number, DataWrite[]> {
  const writes = new Map<number, DataWrite[]>();
  for (const write of data) {
    const ofContent = writes.get(write.content);
    if (ofContent) ofContent.push(write);
    else writes.set(write.content, [write]);
  }
  return writes;
}

function wholeChunk(content: number, bytes: Uint8Array): DataWrite {
  return { content, chunk: 0, bytes, from: 0, to: bytes.length, fresh: true };
}

/** The same write, for a file in which nothing of the chunk stands yet. */
function asFresh(write: DataWrite): DataWrite {
  return { ...write, fresh: true };
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
