/**
 * A storage on disk laid open for `check`: every record as it lies in LMDB, also one that no reader would take, and the
 * content files. What a repair takes out goes into `quarantine/TIME` of the storage: `records.json` has the records as
 * they were, `content/ID` the contents. Copies are made first, then the records change in one transaction, and only then
 * the content files go, so that at no moment anything is in neither place.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import {
  FsError,
  type Operation,
  type Repair,
  type StorageInspection,
  type StoredState,
  type Superblock,
} from "../../src/index.ts";
import { marker } from "./claim.ts";
import { syncDirectory } from "./content-files.ts";
import { diskFailure } from "./disk-failure.ts";
import { busy, isAlive, type OwnershipRecord, ownershipOfThisProcess } from "./ownership.ts";
import { aliasKey, encode, encodeNode, nameKey, numberKey, soleKey } from "./record-format.ts";
import { Records, type RecordWriter } from "./records.ts";
import {
  chunkSizeIn,
  type DiskContent,
  type DiskRecord,
  isOwnership,
  json,
  markerFlaw,
  ownershipFlaw,
  readAll,
  told,
} from "./suspect-records.ts";

/** Our ownership, and the record of an owner before us that died: the next owner has to know. */
interface Owned {
  readonly ownership: OwnershipRecord;
  readonly former: Buffer | undefined;
}

/**
 * Opens the storage in `directory` for a check. To look does not disturb an owner; to `repair` needs a storage that nobody
 * owns, and owns it until it is closed.
 * @throws ENOENT there is none
 * @throws EBUSY `repair`, and a living process owns it
 * @throws EINVAL its records.mdb is no database
 */
export function inspectDiskStorage(
  directory: string,
  { repair = false }: { readonly repair?: boolean } = {},
): StorageInspection {
  const place = resolve(directory);
  const path = join(place, "records.mdb");
  if (!existsSync(path)) {
    const reason = "there is no minifo storage; check the path";
    throw new FsError("ENOENT", { syscall: "open", path: place, reason });
  }
  const records = new Records(path, place, !repair);
  try {
    const owned = repair ? records.write((writer) => own(writer, place)) : undefined;
    return new DiskInspection(place, records, owned);
  } catch (error) {
    records.close();
    throw error;
  }
}

/** So much is cleared at once. */
const pieceBytes = 1 << 20;

class DiskInspection implements StorageInspection {
  readonly #directory: string;
  readonly #records: Records;
  /** Undefined for one that only looks. */
  #owned: Owned | undefined;
  #contents: ReadonlyMap<number, DiskContent> = new Map();

  constructor(directory: string, records: Records, owned: Owned | undefined) {
    this.#directory = directory;
    this.#records = records;
    this.#owned = owned;
  }

  *state(): Operation<StoredState> {
    const { records, contents } = this.#records.read(readAll);
    const owner = this.#owned
      ? this.#owned.former
      : this.#records.read((reader) => reader.get(soleKey("ownership")));
    records.push(...ownershipFlaw(owner));
    if (records.length > 0) records.push(...this.#records.read(markerFlaw));
    const superblock = records.find(({ key }) => key.kind === "superblock");
    const chunkSize = chunkSizeIn(superblock?.value);
    if (!superblock && records.some(({ place }) => place.equals(soleKey("marker")))) {
      const reason = "its records.mdb is not of minifo; nothing was changed";
      throw new FsError("EINVAL", { syscall: "check", path: this.#directory, reason });
    }
    for (const content of this.#contentFiles(chunkSize)) {
      // Where a content lies among the records, that counts and no file does.
      if (!contents.has(content.id)) contents.set(content.id, content);
    }
    this.#contents = contents;
    return { closed: owner === undefined, records, contents: [...contents.values()] };
  }

  *readData(content: number, offset: number, into: Uint8Array): Operation<void> {
    try {
      this.#read(content, offset, into);
    } catch (error) {
      throw diskFailure(error, "read", this.#directory);
    }
  }

  *repair(repair: Repair): Operation<string> {
    if (!this.#owned) {
      const reason = "the storage was opened to look only";
      throw new FsError("EROFS", { syscall: "check", path: this.#directory, reason });
    }
    try {
      const quarantine = this.#quarantine(repair);
      this.#zero(repair);
      this.#records.write((writer) => this.#change(writer, repair));
      this.#removeFiles(repair, quarantine);
      return quarantine;
    } catch (error) {
      throw diskFailure(error, "check", this.#directory);
    }
  }

  *close(): Operation<void> {
    const { former } = this.#owned ?? {};
    try {
      if (former) this.#records.write((writer) => writer.put(soleKey("ownership"), former));
      else if (this.#owned) this.#records.write((writer) => writer.remove(soleKey("ownership")));
    } catch {
      // On a full disk not even that can be recorded; the record counts only as long as this process lives.
    }
    this.#records.close();
  }

  *#contentFiles(chunkSize: number): Generator<DiskContent> {
    const root = join(this.#directory, "content");
    if (!existsSync(root)) return;
    for (const group of readdirSync(root)) {
      if (!/^[0-9a-f]{2}$/.test(group)) continue;
      for (const entry of readdirSync(join(root, group))) {
        const id = Number(entry);
        const isOurs = /^(0|[1-9][0-9]*)$/.test(entry) && Number.isSafeInteger(id);
        if (!isOurs || id % 256 !== Number.parseInt(group, 16)) continue;
        const file = join(root, group, entry);
        const stat = lstatSync(file);
        const end = stat.isFile() && chunkSize > 0 ? Math.ceil(stat.size / chunkSize) : 0;
        const bytes = stat.isFile() ? stat.size : 0;
        yield { id, chunks: end > 0 ? [0, end] : [], bytes, file };
      }
    }
  }

  #read(content: number, offset: number, into: Uint8Array): void {
    const stored = this.#contents.get(content);
    let done = 0;
    if (stored?.file === undefined) {
      const bytes = this.#records.read((reader) => reader.get(numberKey("content", content)));
      const piece = bytes?.subarray(offset, offset + into.length);
      if (piece) into.set(piece);
      done = piece?.length ?? 0;
    } else {
      const file = openSync(stored.file, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        while (done < into.length) {
          const length = readSync(file, into, done, into.length - done, offset + done);
          if (length === 0) break;
          done += length;
        }
      } finally {
        closeSync(file);
      }
    }
    into.fill(0, done);
  }

  /** Copies all that the repair takes out; returns where. What was copied stays if it fails. */
  #quarantine({ findings, aside, contents, zeros }: Repair): string {
    const root = join(this.#directory, "quarantine");
    const directory = newDirectoryIn(root);
    const records = (aside as readonly DiskRecord[]).map(({ key, place, bytes }) => ({
      ...key,
      lmdbKey: place.toString("base64"),
      ...told(bytes),
    }));
    const list = { format: "minifo quarantine", version: 1, findings, records };
    const file = openSync(join(directory, "records.json"), "wx", 0o600);
    try {
      // Piece by piece: what lies past a file's end may be more than fits into one string.
      writeFileSync(file, `${JSON.stringify(list, undefined, 1).slice(0, -2)},\n "cleared": [`);
      let separator = "";
      for (const { content, from, bytes } of this.#piecesOf(zeros)) {
        const piece = { content, from, bytes: Buffer.from(bytes).toString("base64") };
        writeFileSync(file, `${separator}\n  ${JSON.stringify(piece)}`);
        separator = ",";
      }
      writeFileSync(file, "\n ]\n}\n");
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (contents.length > 0) {
      const copies = join(directory, "content");
      mkdirSync(copies, { mode: 0o700 });
      for (const content of contents) this.#copyContent(content, join(copies, String(content)));
      syncDirectory(copies);
    }
    syncDirectory(directory);
    syncDirectory(root);
    syncDirectory(this.#directory);
    return directory;
  }

  /** What is not zero yet of `zeros`. */
  *#piecesOf(
    zeros: Repair["zeros"],
  ): Generator<{ content: number; from: number; bytes: Uint8Array }> {
    for (const { content, from: first, to } of zeros) {
      const end = Math.min(to, this.#contents.get(content)?.bytes ?? 0);
      for (let from = first; from < end; from += pieceBytes) {
        const bytes = new Uint8Array(Math.min(pieceBytes, end - from));
        this.#read(content, from, bytes);
        if (bytes.some((byte) => byte !== 0)) yield { content, from, bytes };
      }
    }
  }

  #copyContent(content: number, to: string): void {
    const stored = this.#contents.get(content);
    if (stored?.file === undefined) {
      const bytes = this.#records.read((reader) => reader.get(numberKey("content", content)));
      writeFileSync(to, bytes ?? "", { mode: 0o600, flush: true });
      return;
    }
    // What is there but is no file holds nothing of ours; it is moved at the end.
    if (!lstatSync(stored.file).isFile()) return;
    try {
      linkSync(stored.file, to);
    } catch {
      // A file system without hard links: then it has to be copied.
      copyFileSync(stored.file, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      const file = openSync(to, "r");
      fsyncSync(file);
      closeSync(file);
    }
  }

  /** Those among the records are changed with them. */
  #zero({ zeros }: Repair): void {
    for (const range of zeros) {
      const path = this.#contents.get(range.content)?.file;
      if (path === undefined) continue;
      const file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
      try {
        for (const { from, bytes } of this.#piecesOf([range])) {
          writeSync(file, bytes.fill(0), 0, bytes.length, from);
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
  }

  #change(writer: RecordWriter, { aside, put, contents, zeros }: Repair): void {
    for (const { place } of aside as readonly DiskRecord[]) {
      if (!place.equals(soleKey("ownership"))) writer.remove(place);
      else if (this.#owned) this.#owned = { ...this.#owned, former: undefined };
    }
    for (const content of contents) writer.remove(numberKey("content", content));
    for (const { content, from } of zeros) {
      const key = numberKey("content", content);
      const bytes = writer.get(key);
      if (bytes) writer.put(key, bytes.subarray(0, from));
    }
    writer.put(soleKey("marker"), encode(marker));
    const epoch = Math.max(put.superblock.epoch, this.#owned?.ownership.epoch ?? 0);
    writer.put(soleKey("superblock"), encode({ ...put.superblock, epoch }));
    for (const [ino, node] of put.nodes) writer.put(numberKey("node", ino), encodeNode(node));
    for (const { parent, name, record } of put.names) {
      writer.put(nameKey(parent, name), encode(record));
    }
    for (const [identity, ino] of put.aliases) {
      writer.put(aliasKey(identity), encode({ identity, ino }));
    }
  }

  #removeFiles({ contents }: Repair, quarantine: string): void {
    for (const content of contents) {
      const file = this.#contents.get(content)?.file;
      if (file === undefined) continue;
      if (lstatSync(file).isFile()) unlinkSync(file);
      else renameSync(file, join(quarantine, "content", String(content)));
    }
  }
}

/**
 * Makes this process the owner of a storage that may be damaged.
 * @throws EBUSY a living process owns it
 */
function own(writer: RecordWriter, directory: string): Owned {
  const bytes = writer.get(soleKey("ownership"));
  const stored = bytes && json(bytes).value;
  const former = isOwnership(stored) ? stored : undefined;
  if (former && isAlive(former)) throw busy(former, directory);
  const superblock = writer.get(soleKey("superblock"));
  const { epoch: stated } = ((superblock && json(superblock).value) ?? {}) as Partial<Superblock>;
  const known = Number.isSafeInteger(stated) ? (stated as number) : 0;
  const epoch = Math.max(former?.epoch ?? 0, known) + 1;
  const ownership = ownershipOfThisProcess("being repaired", epoch);
  writer.put(soleKey("ownership"), encode(ownership));
  return { ownership, former: bytes };
}

/** A new directory in `root`, called after the time. */
function newDirectoryIn(root: string): string {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  for (let count = 1; ; count += 1) {
    const directory = join(root, count === 1 ? time : `${time}-${count}`);
    try {
      mkdirSync(directory, { mode: 0o700 });
      return directory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
