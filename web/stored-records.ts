/**
 * The records of a storage in IndexedDB, for reading alone: what the view needs of them, without idb and without
 * anything that writes. Every answer is a transaction of its own; what was read together is of one moment only if the
 * superblock's generation is the same before and after, and that is the caller's matter.
 */
import {
  FsError,
  type NameEntry,
  type NodeRecord,
  type Operation,
  refuseUnknownFormat,
  type Superblock,
  waitFor,
} from "../src/index.ts";
import { unlessSilent, watched, whileOpening } from "./databases.ts";
import { databasePrefix, firstBaseIno, layoutVersion, theSuperblock } from "./indexeddb-layout.ts";

/** What a request of IndexedDB gives, unless nothing comes for `ms` milliseconds. */
export function settled<T>(request: IDBRequest<T>, ms?: number): Promise<T> {
  const answer = new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return unlessSilent(answer, ms);
}

/**
 * Opens the database `name` if there is one, of the version it has.
 * @throws whatever IndexedDB says
 */
export async function openIfThere(name: string, version: number): Promise<IDBDatabase | undefined> {
  // Asked first, since WebKit keeps the name of a database whose creation was aborted.
  const known = await indexedDB.databases();
  if (!known.some((one) => one.name === name)) return undefined;
  let absent = false;
  const open = (): Promise<IDBDatabase> => {
    const opening = indexedDB.open(name, version);
    opening.onupgradeneeded = () => {
      // It went meanwhile: the abort takes back what is being created for us.
      absent = true;
      opening.transaction?.abort();
    };
    return settled(opening);
  };
  try {
    return watched(await whileOpening(open));
  } catch (error) {
    if (absent) return undefined;
    throw error;
  }
}

/** See the head of this file. */
export class StoredRecords {
  readonly #name: string;
  readonly #database: IDBDatabase;
  /** Whether the browser or another page wants the database back. */
  #isLost = false;

  private constructor(name: string, database: IDBDatabase) {
    this.#name = name;
    this.#database = database;
    const lose = (): void => {
      this.#isLost = true;
      database.close();
    };
    database.onversionchange = lose;
    database.onclose = lose;
  }

  /**
   * The records of the storage `name` of this origin.
   * @throws ENOENT there is no such storage; none is created
   * @throws EIO the browser could not open it
   */
  static async open(name: string): Promise<StoredRecords> {
    let database: IDBDatabase | undefined;
    try {
      database = await openIfThere(databasePrefix + name, layoutVersion);
    } catch (error) {
      throw failed(name, error);
    }
    if (!database) throw absence(name);
    return new StoredRecords(name, database);
  }

  /**
   * The superblock as it was committed last.
   * @throws ENOENT there is none, or none any more
   * @throws EINVAL a later version wrote it
   */
  async superblock(): Promise<Superblock> {
    const superblock: Superblock | undefined = this.#isLost
      ? undefined
      : (
          await readIn(this.#name, this.#database, "superblock", (store) => [
            store.get(theSuperblock),
          ])
        )[0];
    if (!superblock) throw absence(this.#name);
    refuseUnknownFormat(superblock, this.#name);
    return superblock;
  }

  /** The records as of `superblock`, which was just read: what is kept of them holds until another generation. */
  at(superblock: Superblock): RecordsOfGeneration {
    return new RecordsOfGeneration(this.#name, this.#database, superblock);
  }

  close(): void {
    this.#database.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: IndexedDB gives back whatever was put in
type Answers = any[];

/** Makes its requests of one transaction. */
type Ask = (store: IDBObjectStore) => IDBRequest[];

async function readIn(
  name: string,
  database: IDBDatabase,
  store: string,
  ask: Ask,
): Promise<Answers> {
  try {
    const requests = ask(database.transaction(store).objectStore(store));
    return await Promise.all(requests.map((request) => settled(request)));
  } catch (error) {
    throw failed(name, error);
  }
}

/**
 * The records of a storage in its database as of a superblock that was just read: what is kept of them here holds until
 * another generation. What whoever only reads takes for a storage.
 */
export class RecordsOfGeneration {
  readonly #name: string;
  readonly #database: IDBDatabase;
  readonly #chunkSize: number;
  /** The recorded numbers of base objects: each is asked for when its object is looked up, and almost none is there. */
  #recorded: Promise<ReadonlySet<number>> | undefined;

  constructor(name: string, database: IDBDatabase, { chunkSize }: Superblock) {
    this.#name = name;
    this.#database = database;
    this.#chunkSize = chunkSize;
  }

  *node(ino: number): Operation<NodeRecord | undefined> {
    if (ino >= firstBaseIno) {
      const ofBase = IDBKeyRange.lowerBound(firstBaseIno);
      this.#recorded ??= this.#read("nodes", (store) => [store.getAllKeys(ofBase)]).then(
        ([inos]) => new Set(inos),
      );
      if (!(yield* waitFor(this.#recorded)).has(ino)) return undefined;
    }
    return (yield* waitFor(this.#read("nodes", (store) => [store.get(ino)])))[0];
  }

  *names(parent: number): Operation<readonly NameEntry[]> {
    const range = IDBKeyRange.bound([parent], [parent, []]);
    const [keys, records] = yield* waitFor(
      this.#read("names", (store) => [store.getAllKeys(range), store.getAll(range)]),
    );
    return keys.map(([, name]: [number, string], at: number) => ({ name, record: records[at] }));
  }

  *aliases(): Operation<ReadonlyMap<string, number>> {
    const [identities, inos] = yield* waitFor(
      this.#read("aliases", (store) => [store.getAllKeys(), store.getAll()]),
    );
    return new Map(identities.map((identity: string, at: number) => [identity, inos[at]]));
  }

  *readData(content: number, offset: number, into: Uint8Array): Operation<void> {
    if (into.length === 0) return;
    const size = this.#chunkSize;
    const first = Math.floor(offset / size);
    const last = Math.floor((offset + into.length - 1) / size);
    const range = IDBKeyRange.bound([content, first], [content, last]);
    const [chunks] = yield* waitFor(this.#read("data", (store) => [store.getAll(range)]));
    if (chunks.length !== last - first + 1) {
      const reason = `the storage holds no data of content ${content} at offset ${offset}`;
      throw new FsError("EIO", { syscall: "read", reason });
    }
    chunks.forEach((chunk: Uint8Array, at: number) => {
      const start = (first + at) * size;
      const from = Math.max(offset, start);
      const piece = into.subarray(from - offset, Math.min(into.length, start + size - offset));
      const stored = chunk.subarray(from - start, from - start + piece.length);
      piece.set(stored);
      piece.fill(0, stored.length);
    });
  }

  #read(store: string, ask: Ask): Promise<Answers> {
    return readIn(this.#name, this.#database, store, ask);
  }
}

function absence(name: string): FsError {
  const reason = `this browser has no storage called "${name}"`;
  return new FsError("ENOENT", { syscall: "open", path: name, reason });
}

function failed(name: string, cause: unknown): FsError {
  if (cause instanceof FsError) return cause;
  const reason = `IndexedDB failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new FsError("EIO", { syscall: "read", path: name, reason, cause });
}
