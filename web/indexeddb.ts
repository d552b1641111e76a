/**
 * A storage in IndexedDB: the database `minifo:NAME` with an object store for each kind of record and one for chunks of
 * data. A batch is one readwrite transaction over all of them, so it is there whole or not at all. Values of data are
 * Uint8Array, never Blob, which WebKit cannot store from a worker.
 * It is not decided here who may write (ownership.ts); the epoch in the superblock is checked in each transaction, so
 * that an owner that only slept cannot harm its successor.
 */
import { type IDBPDatabase, type IDBPObjectStore, openDB, unwrap } from "idb";
import {
  type Batch,
  type Durability,
  FsError,
  type NameEntry,
  type NameRecord,
  type NodeRecord,
  type Operation,
  refuseStaleEpoch,
  refuseUnknownFormat,
  type Storage,
  type StorageSpace,
  type Superblock,
  waitFor,
} from "../src/index.ts";
import { close, unlessSilent, watched, whileOpening } from "./databases.ts";
import { estimateSpace, failure, nameOf, unlessBlocked } from "./indexeddb-errors.ts";
import {
  databasePrefix,
  firstBaseIno,
  type Layout,
  layoutVersion,
  stores,
  theSuperblock,
} from "./indexeddb-layout.ts";
import { closedByBrowser, wantedByOthers } from "./storage-loss.ts";
import { listIndexedDbStorages } from "./storages.ts";

type NodesRead = IDBPObjectStore<Layout, ["nodes"], "nodes", "readonly">;

/** How long an answer to a read may take, in milliseconds: one may be of all records, or wait for a large commit. */
const readPatience_ms = 60_000;

/** What a storage may be opened with. */
export interface IndexedDbOptions {
  /** Never write, and create nothing. */
  readonly readOnly?: boolean;
  /** False: create nothing. Default: if it is not to be read only. */
  readonly create?: boolean;
  /** Told why, when the browser or another page has taken the storage away. */
  readonly lost?: (why: string) => void;
}

/**
 * Opens the storage `name` of this origin, and creates it if there is none.
 * @throws ENOENT there is none and none was to be created
 * @throws EINVAL it was written by a later version
 * @throws EBUSY another tab has it open with an earlier version, and does not react; or the browser does not answer
 * @throws EIO, ENOSPC the browser could not open it
 */
export async function openIndexedDbStorage(
  name: string,
  { readOnly = false, create = !readOnly, lost }: IndexedDbOptions = {},
): Promise<Storage> {
  // Asked first, since WebKit keeps the name of a database whose creation was aborted.
  if (!create && !(await listIndexedDbStorages()).includes(name)) throw absence(name);
  let absent = false;
  let storage: IndexedDbStorage | undefined;
  const taken = (why: string): void => storage?.take(why);
  const open = (blocked: () => void) =>
    whileOpening(() =>
      openDB<Layout>(databasePrefix + name, layoutVersion, {
        upgrade(created, _from, _to, transaction) {
          if (!create) {
            // The abort takes the database back that was being created for us.
            absent = true;
            transaction.done.catch(() => {}); // The open fails with the same error.
            transaction.abort();
            return;
          }
          for (const store of stores) created.createObjectStore(store);
        },
        blocked,
        blocking: () => taken(wantedByOthers),
        terminated: () => taken(closedByBrowser),
      }),
    );
  let database: IDBPDatabase<Layout>;
  try {
    database = await unlessBlocked("open", name, open, (late) => void close(unwrap(late)));
  } catch (error) {
    if (absent) throw absence(name, error);
    throw error instanceof FsError ? error : await failure("open", name, error);
  }
  watched(unwrap(database));
  storage = new IndexedDbStorage(name, database, readOnly, lost);
  try {
    await storage.refuseUnknownFormat();
  } catch (error) {
    close(unwrap(database));
    throw error;
  }
  return storage;
}

function absence(name: string, cause?: unknown): FsError {
  const reason = "there is no such storage in this browser, and it was not to be created";
  return new FsError("ENOENT", { syscall: "open", path: name, reason, cause });
}

class IndexedDbStorage implements Storage {
  readonly #name: string;
  readonly #database: IDBPDatabase<Layout>;
  readonly #readOnly: boolean;
  /** Why nothing can be done any more; undefined as long as all is well. */
  #lost: string | undefined;
  /** The last commit failed because the quota was full. */
  #full = false;
  #chunkSize: number | undefined;
  /** The generation of the last superblock read or written; undefined before there was one. */
  #generation: number | undefined;
  /**
   * The recorded inode numbers of base objects: each is asked for once, when its object is looked up first, and almost
   * none of them is recorded. Loaded with the first question. True for the owner, since only it commits; a reader's is
   * dropped when it reads a superblock whose generation moved.
   */
  #recorded: Set<number> | undefined;
  #recordedLoading: Promise<Set<number>> | undefined;
  #nodesRead: NodesRead | undefined;

  /** Told why, once, when the storage was taken away. */
  readonly #told: (why: string) => void;

  constructor(
    name: string,
    database: IDBPDatabase<Layout>,
    readOnly: boolean,
    told: (why: string) => void = () => {},
  ) {
    this.#name = name;
    this.#database = database;
    this.#readOnly = readOnly;
    this.#told = told;
  }

  /** The storage was taken away: nothing can be done any more, and whoever wanted to know is told. */
  take(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lose(why);
    this.#told(why);
  }

  /** Gives up the connection, so that whoever waits for it can go on; every later call fails and says `why`. */
  #lose(why: string): void {
    this.#lost ??= why;
    this.#database.close();
  }

  /** @throws EINVAL a later version wrote what is stored */
  async refuseUnknownFormat(): Promise<void> {
    const superblock = await this.#readSuperblock();
    if (superblock) refuseUnknownFormat(superblock, this.#name);
  }

  *superblock(): Operation<Superblock | undefined> {
    return yield* waitFor(this.#readSuperblock());
  }

  *node(ino: number): Operation<NodeRecord | undefined> {
    if (ino >= firstBaseIno) {
      const recorded = this.#recorded ?? (yield* waitFor(this.#loadRecorded()));
      if (!recorded.has(ino)) return undefined;
    }
    return yield* waitFor(this.#attempt("read", (database) => this.#nodesIn(database).get(ino)));
  }

  *names(parent: number): Operation<readonly NameEntry[]> {
    const ofParent = IDBKeyRange.bound([parent], [parent, []]);
    const entries = yield* waitFor(this.#readNames(ofParent));
    return entries.map(({ name, record }) => ({ name, record }));
  }

  *aliases(): Operation<ReadonlyMap<string, number>> {
    return yield* waitFor(
      this.#attempt("read", async (database) => {
        const store = database.transaction("aliases").store;
        const [identities, inos] = await Promise.all([store.getAllKeys(), store.getAll()]);
        return new Map(identities.map((identity, index) => [identity, inos[index] as number]));
      }),
    );
  }

  *orphans(): Operation<readonly number[]> {
    return yield* waitFor(this.#attempt("read", (database) => database.getAllKeys("orphans")));
  }

  *allNodes(): Operation<readonly NodeRecord[]> {
    return yield* waitFor(this.#attempt("read", (database) => database.getAll("nodes")));
  }

  *allNames(): Operation<readonly (NameEntry & { readonly parent: number })[]> {
    return yield* waitFor(this.#readNames());
  }

  *readData(content: number, offset: number, into: Uint8Array): Operation<void> {
    if (into.length === 0) return;
    if (this.#chunkSize === undefined) yield* this.superblock();
    const chunkSize = this.#chunkSize;
    if (chunkSize === undefined) throw this.#missing(content, offset);
    const first = Math.floor(offset / chunkSize);
    const last = Math.floor((offset + into.length - 1) / chunkSize);
    const range = IDBKeyRange.bound([content, first], [content, last]);
    // One request for all of them, since the caller asks for chunks that are held and so all there.
    const chunks = yield* waitFor(
      this.#attempt("read", (database) => database.getAll("data", range)),
    );
    if (chunks.length !== last - first + 1) throw this.#missing(content, offset);
    chunks.forEach((chunk, index) => {
      const chunkStart = (first + index) * chunkSize;
      const from = Math.max(offset, chunkStart);
      const to = Math.min(offset + into.length, chunkStart + chunkSize);
      const piece = into.subarray(from - offset, to - offset);
      const stored = chunk.subarray(from - chunkStart, to - chunkStart);
      piece.set(stored);
      piece.fill(0, stored.length);
    });
  }

  *commit(batch: Batch, durability: Durability): Operation<void> {
    if (this.#readOnly) {
      const reason = "the storage was opened read-only";
      throw new FsError("EROFS", { syscall: "commit", path: this.#name, reason });
    }
    yield* waitFor(
      this.#attempt("commit", (database) => this.#commitOrRetry(database, batch, durability)),
    );
    this.#chunkSize = batch.superblock.chunkSize;
    this.#generation = batch.superblock.generation;
  }

  *space(): Operation<StorageSpace> {
    const estimate = yield* waitFor(estimateSpace());
    const total = estimate?.quota ?? Number.MAX_SAFE_INTEGER;
    return { total, free: Math.max(0, total - (estimate?.usage ?? 0)) };
  }

  *close(): Operation<void> {
    this.#lost ??= "it was closed";
    yield* waitFor(close(unwrap(this.#database)));
  }

  async #readSuperblock(): Promise<Superblock | undefined> {
    const superblock = await this.#attempt("read", (database) =>
      unlessSilent(database.get("superblock", theSuperblock)),
    );
    if (superblock === undefined) return undefined;
    this.#chunkSize = superblock.chunkSize;
    if (this.#readOnly && superblock.generation !== this.#generation) {
      this.#recorded = undefined;
      this.#recordedLoading = undefined;
    }
    this.#generation = superblock.generation;
    return superblock;
  }

  /** The nodes as all who ask in this turn read them: a transaction each would cost several times as much. */
  #nodesIn(database: IDBPDatabase<Layout>): NodesRead {
    if (!this.#nodesRead) {
      const transaction = database.transaction("nodes");
      transaction.done.catch(() => {}); // Whoever asked is told by the answer.
      this.#nodesRead = transaction.store;
      queueMicrotask(() => {
        this.#nodesRead = undefined;
      });
    }
    return this.#nodesRead;
  }

  #loadRecorded(): Promise<Set<number>> {
    this.#recordedLoading ??= this.#attempt("read", async (database) => {
      const base = IDBKeyRange.lowerBound(firstBaseIno);
      return new Set(await database.getAllKeys("nodes", base));
    }).then(
      (recorded) => {
        // A reader may have dropped this very loading meanwhile, since the generation moved.
        if (this.#recordedLoading === loading) this.#recorded = recorded;
        return recorded;
      },
      (error) => {
        if (this.#recordedLoading === loading) this.#recordedLoading = undefined;
        throw error;
      },
    );
    const loading = this.#recordedLoading;
    return loading;
  }

  #readNames(range?: IDBKeyRange): Promise<(NameEntry & { readonly parent: number })[]> {
    return this.#attempt("read", async (database) => {
      const store = database.transaction("names").store;
      const [keys, records] = await Promise.all([store.getAllKeys(range), store.getAll(range)]);
      return keys.map(([parent, name], index) => ({
        parent,
        name,
        record: records[index] as NameRecord,
      }));
    });
  }

  /**
   * In Firefox the transaction after one that exceeded the quota may only delete, and says InvalidStateError to
   * anything else; the next one is an ordinary one again.
   */
  async #commitOrRetry(
    database: IDBPDatabase<Layout>,
    batch: Batch,
    durability: Durability,
  ): Promise<void> {
    const wasFull = this.#full;
    this.#full = false;
    try {
      await this.#commit(database, batch, durability);
    } catch (error) {
      if (wasFull && nameOf(error) === "InvalidStateError") {
        return await this.#commitOrRetry(database, batch, durability);
      }
      this.#full = nameOf(error) === "QuotaExceededError";
      throw error;
    }
  }

  async #commit(
    database: IDBPDatabase<Layout>,
    batch: Batch,
    durability: Durability,
  ): Promise<void> {
    const transaction = database.transaction(stores, "readwrite", { durability });
    // Whatever goes wrong below aborts the transaction; its error is told by the await at the end.
    transaction.done.catch(() => {});
    try {
      const superblocks = transaction.objectStore("superblock");
      // Asked and written in one go: a refusal takes all of it back, and none of it waits for the answer.
      const asking = superblocks.get(theSuperblock);
      asking.catch(() => {}); // Waited for below, unless something is thrown before.
      raw(superblocks).put(batch.superblock, theSuperblock);
      putNodes(raw(transaction.objectStore("nodes")), batch);
      putNames(raw(transaction.objectStore("names")), batch);
      putAliases(raw(transaction.objectStore("aliases")), batch);
      putOrphans(raw(transaction.objectStore("orphans")), batch);
      putData(raw(transaction.objectStore("data")), batch);
      // As soon as it is its turn. After that it takes as long as it takes.
      const stored = await unlessSilent(asking);
      if (stored === undefined && this.#generation !== undefined) {
        this.take("it was emptied while it was open, as the browser does when it needs room");
        throw this.#gone("commit");
      }
      refuseStaleEpoch(stored, batch.superblock);
      // Else the browser would wait until all of the requests have been answered here.
      transaction.commit();
    } catch (error) {
      abort(transaction);
      throw error;
    }
    await transaction.done;
    this.#noteRecorded(batch);
  }

  /** Takes what a batch did into the set of recorded numbers, or into the one that is still being loaded. */
  #noteRecorded(batch: Batch): void {
    const note = (recorded: Set<number>): void => {
      for (const [ino, node] of batch.nodes) {
        if (ino < firstBaseIno) continue;
        if (node) recorded.add(ino);
        else recorded.delete(ino);
      }
    };
    if (this.#recorded) note(this.#recorded);
    else this.#recordedLoading?.then(note, () => {}); // Who asked for the loading is told why it failed.
  }

  /** Does `act` on the database, and tells what goes wrong as an `FsError`. */
  async #attempt<T>(
    syscall: string,
    act: (database: IDBPDatabase<Layout>) => Promise<T>,
  ): Promise<T> {
    if (this.#lost !== undefined) throw this.#gone(syscall);
    try {
      const acting = act(this.#database);
      return await (syscall === "read" ? unlessSilent(acting, readPatience_ms) : acting);
    } catch (error) {
      if (error instanceof FsError) throw error;
      if (nameOf(error) === "InvalidStateError" && this.#isClosed()) this.take(closedByBrowser);
      if (this.#lost !== undefined) throw this.#gone(syscall, error);
      throw await failure(syscall, this.#name, error);
    }
  }

  /** Whether the connection is closed, for which not every browser has an event. */
  #isClosed(): boolean {
    try {
      this.#database.transaction("superblock");
      return false;
    } catch (error) {
      return nameOf(error) === "InvalidStateError";
    }
  }

  #gone(syscall: string, cause?: unknown): FsError {
    const reason = `the storage cannot be used any more: ${this.#lost}; open it again`;
    return new FsError("ENODEV", { syscall, path: this.#name, reason, cause });
  }

  #missing(content: number, offset: number): FsError {
    const reason = `the storage holds no data of content ${content} at offset ${offset}`;
    return new FsError("EIO", { syscall: "read", path: this.#name, reason });
  }
}

/**
 * The store under idb's wrapping. Its requests need no promise each: one that fails aborts the transaction, and the
 * transaction's end is what is waited for.
 */
function raw<Name extends (typeof stores)[number]>(
  store: IDBPObjectStore<Layout, typeof stores, Name, "readwrite">,
): IDBObjectStore {
  return unwrap(store);
}

function putNodes(store: IDBObjectStore, { nodes }: Batch): void {
  for (const [ino, node] of nodes) {
    if (node) store.put(node, ino);
    else store.delete(ino);
  }
}

function putNames(store: IDBObjectStore, { names }: Batch): void {
  for (const { parent, name, record } of names) {
    if (record) store.put(record, [parent, name]);
    else store.delete([parent, name]);
  }
}

function putAliases(store: IDBObjectStore, { aliases }: Batch): void {
  for (const [identity, ino] of aliases) {
    if (ino === null) store.delete(identity);
    else store.put(ino, identity);
  }
}

function putOrphans(store: IDBObjectStore, { orphans }: Batch): void {
  for (const [ino, isOrphan] of orphans) {
    if (isOrphan) store.put(true, ino);
    else store.delete(ino);
  }
}

function putData(store: IDBObjectStore, { data, droppedChunks, droppedContents }: Batch): void {
  for (const { content, from, to } of droppedChunks) {
    store.delete(IDBKeyRange.bound([content, from], [content, to], false, true));
  }
  for (const content of droppedContents) {
    store.delete(IDBKeyRange.bound([content], [content, []]));
  }
  for (const { content, chunk, bytes } of data) {
    // A view is stored with the whole of its buffer, so one that is larger than the chunk is copied first.
    const whole = bytes.byteLength === bytes.buffer.byteLength;
    store.put(whole ? bytes : bytes.slice(), [content, chunk]);
  }
}

/** Aborts a transaction that may have ended already. */
function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch (error) {
    // It had ended by itself; the caller throws what led here.
    if (nameOf(error) !== "InvalidStateError") throw error;
  }
}
