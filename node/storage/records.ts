/**
 * The LMDB database with a storage's records. Everything is synchronous: no promise and no timer is needed, so it works
 * in a thread that blocks for ever.
 *
 * What to know of lmdb-js: environments are kept once per process by device and inode of the file, shared by its
 * threads and counted, so opening a path again in the same process is safe; but the first to open it decides whether
 * it can be written. LMDB's locks are POSIX locks, which a process loses when it closes any descriptor of the file:
 * nothing else may open `records.mdb-lock` in this process. A snapshot for reading is only renewed by a timer; where
 * no timer runs it would stay for ever and keep LMDB from using pages again. So an owner reads inside (empty) write
 * transactions, which cost two microseconds more and are always current, and a reader renews its snapshot each time.
 * Opening while the last other process closes breaks it for this one: gate.ts keeps the two apart.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { FsError } from "../../src/index.ts";
import { diskFailure } from "./disk-failure.ts";
import { closeAtGate, openAtGate } from "./gate.ts";

/** Bytes of address space to begin with; LMDB doubles it as it needs more. It takes no space on the disk. */
const initialMapSize = 64 << 20;

/** Bytes that a new database takes at most: its two first pages, its lock file and what the first commits write. */
const firstPages = 128 << 10;

/** Commits between two checks for readers that died and left their snapshot behind. */
const commitsPerReaderCheck = 256;

/** Where LMDB's magic number and the version of its format stand in the first page. */
const magicOffset = 24;
const magic = 0xbeefc0de;
const lmdbFormat = 2;

/** What can be read within one snapshot. */
export interface RecordReader {
  /** A copy of the value at `key`. */
  get(key: Uint8Array): Buffer | undefined;
  /** What `each` makes of the entries from `start` to before `end`, in the order of their keys. */
  collect<T>(
    range: { readonly start: Uint8Array; readonly end: Uint8Array },
    each: (key: Buffer, value: Buffer) => T,
  ): T[];
}

/** What can be done within one transaction. */
export interface RecordWriter extends RecordReader {
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
}

/** The records in the file at `path`. */
export class Records {
  readonly #path: string;
  readonly #directory: string;
  readonly #readOnly: boolean;
  #database: RootDatabase<Buffer, Uint8Array> | undefined;
  #commits = 0;

  /**
   * Opens the file, and creates it unless `readOnly`. `directory` is named in messages.
   * @throws EINVAL the file is no LMDB database
   * @throws ENOENT there is none, and it was to be opened read-only
   * @throws EBUSY it is to be written, and this process has it open for reading
   */
  constructor(path: string, directory: string, readOnly: boolean) {
    this.#path = path;
    this.#directory = directory;
    this.#readOnly = readOnly;
    try {
      this.#opened();
    } catch (error) {
      throw diskFailure(error, "open", directory);
    }
  }

  /** Runs `look` on one snapshot, the newest there is. */
  read<T>(look: (reader: RecordReader) => T): T {
    try {
      const database = this.#opened();
      if (!this.#readOnly) return database.transactionSync(() => look(new Transaction(database)));
      database.resetReadTxn();
      return look(new Transaction(database));
    } catch (error) {
      throw diskFailure(error, "read", this.#directory);
    }
  }

  /**
   * Runs `change` in one transaction, which is on the disk when this returns. Nothing of it is done if `change` throws.
   * @throws ENOSPC, EDQUOT, EIO nothing of it was done; it may be tried again
   */
  write<T>(change: (writer: RecordWriter) => T): T {
    let thrown: unknown;
    try {
      const database = this.#opened();
      const result = database.transactionSync(() => {
        try {
          return change(new Transaction(database));
        } catch (error) {
          thrown = error;
          throw error;
        }
      });
      this.#commits += 1;
      if (this.#commits % commitsPerReaderCheck === 0) database.readerCheck();
      return result;
    } catch (error) {
      const failure = diskFailure(error, "commit", this.#directory);
      // After some failures LMDB does nothing any more until the database is opened again; the next call does that.
      const fatal = error !== thrown && failure instanceof FsError && failure.code === "EIO";
      if (fatal) this.close();
      throw failure;
    }
  }

  /** Closes the file. A later call opens it again. */
  close(): void {
    const database = this.#database;
    if (!database) return;
    this.#database = undefined;
    stillOpen?.delete(this);
    // The promise it returns settles later, but all is closed by then: no transaction of ours outlives a call.
    closeAtGate(this.#path, () => void database.close());
  }

  #opened(): RootDatabase<Buffer, Uint8Array> {
    if (this.#database) return this.#database;
    refuseForeignFile(this.#path, this.#directory);
    if (!this.#readOnly) {
      if (isOpenForReadingHere(this.#path)) {
        const reason = "the storage is open for reading in this process; close it there first";
        throw new FsError("EBUSY", { syscall: "open", path: this.#directory, reason });
      }
      if (isEmpty(this.#path) || isEmpty(`${this.#path}-lock`)) proveRoom(this.#directory);
    }
    const database = openAtGate(this.#path, () =>
      open<Buffer, Uint8Array>({
        path: this.#path,
        ...unlistedOptions,
        noSubdir: true,
        readOnly: this.#readOnly,
        encoding: "binary",
        keyEncoding: "binary",
        maxDbs: 1,
        mapSize: initialMapSize,
        // With it a synchronous transaction would return before it is on the disk.
        overlappingSync: false,
        useWritemap: false,
      }),
    );
    this.#database = database;
    closeAtExit(this);
    database.readerCheck();
    return database;
  }
}

/** What is open in this thread; undefined before anything was. */
let stillOpen: Set<Records> | undefined;

/** lmdb-js closes what is left open when a process ends, but not at the gate: so that is done before. */
function closeAtExit(records: Records): void {
  if (!stillOpen) {
    const open = new Set<Records>();
    process.once("exit", () => {
      for (const one of open) one.close();
    });
    stillOpen = open;
  }
  stillOpen.add(records);
}

/** An option of lmdb-js that its types leave out. */
const unlistedOptions: object = { permissionsMode: 0o600 };

/** A view of the database, good for as long as the function it is given to runs. */
class Transaction implements RecordWriter {
  readonly #database: RootDatabase<Buffer, Uint8Array>;

  constructor(database: RootDatabase<Buffer, Uint8Array>) {
    this.#database = database;
  }

  get(key: Uint8Array): Buffer | undefined {
    return this.#database.getBinary(key);
  }

  collect<T>(
    range: { readonly start: Uint8Array; readonly end: Uint8Array },
    each: (key: Buffer, value: Buffer) => T,
  ): T[] {
    const results: T[] = [];
    for (const { key, value } of this.#database.getRange(range)) {
      results.push(each(key as Buffer, value));
    }
    return results;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#database.putSync(key, value as Buffer);
  }

  remove(key: Uint8Array): void {
    this.#database.removeSync(key);
  }
}

/**
 * Refuses a file that is no LMDB database, on which LMDB would crash the process. A file that is absent or empty
 * passes: LMDB begins it anew.
 * @throws EINVAL
 */
function refuseForeignFile(path: string, directory: string): void {
  const head = Buffer.alloc(32);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    if (fstatSync(file).size === 0) return;
    const length = readSync(file, head, 0, head.length, 0);
    const isOurs =
      length === head.length &&
      head.readUInt32LE(magicOffset) === magic &&
      head.readUInt32LE(magicOffset + 4) === lmdbFormat;
    if (isOurs) return;
  } finally {
    closeSync(file);
  }
  const reason = `${path} is no database of minifo, or it is damaged; nothing was changed`;
  throw new FsError("EINVAL", { syscall: "open", path: directory, reason });
}

/** Whether there is no file at `path`, or none of its bytes is on the disk. */
function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) === 0;
}

/**
 * Makes sure that the disk takes the first pages of a new database: where it is full LMDB crashes the process.
 * @throws ENOSPC, EDQUOT
 */
function proveRoom(directory: string): void {
  const path = join(directory, "records.mdb-room");
  try {
    writeFileSync(path, new Uint8Array(firstPages), { mode: 0o600, flush: true });
  } finally {
    rmSync(path, { force: true });
  }
}

/** Whether this process has the file open, and only for reading: LMDB could not write to it here then. */
function isOpenForReadingHere(path: string): boolean {
  try {
    const real = realpathSync(path);
    const open = readdirSync("/proc/self/fd").filter((file) => linkOf(file) === real);
    const modes = open.map(accessModeOf);
    return modes.includes(0) && modes.every((mode) => mode === 0);
  } catch {
    // The file is not there yet, or there is no /proc: then LMDB's own error has to do.
    return false;
  }
}

/** How a descriptor of this process was opened: 0 for reading, 1 for writing, 2 for both. */
function accessModeOf(file: string): number {
  const info = readFileSync(`/proc/self/fdinfo/${file}`, "latin1");
  return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "", 8) & 3;
}

/** What a descriptor of this process refers to. */
function linkOf(file: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    // The descriptor by which the list was read is closed by now.
    return undefined;
  }
}
