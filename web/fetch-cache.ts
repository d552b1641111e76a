/**
 * What was fetched, kept in an IndexedDB database of its own, `minifo-cache`, which all storages of the origin share: bytes
 * by their digest, beside them when they were used and what they take up, and the pointers of bases. Every worker may use
 * it at once. A browser that gives no database has no cache.
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB, unwrap } from "idb";
import {
  CacheRoom,
  defaultFetchCacheBytes,
  type FetchCache,
  FsError,
  type KeptPointer,
  type ObjectUse,
  useGrain_ms,
} from "../src/index.ts";
import {
  cachePatience_ms,
  close,
  noted,
  silence,
  unlessSilent,
  watched,
  whileOpening,
} from "./databases.ts";
import { unlessBlocked } from "./indexeddb-errors.ts";
import { fetchCacheDatabase, fetchCacheVersion } from "./indexeddb-layout.ts";

/** The part of the origin's quota that it takes at most. */
const quotaShare = 0.3;

interface Layout extends DBSchema {
  objects: { key: string; value: Uint8Array<ArrayBuffer> };
  uses: { key: string; value: { readonly bytes: number; readonly used_ms: number } };
  pointers: { key: string; value: KeptPointer };
}

/** The origin's cache; one that keeps nothing where there can be none. */
export async function openOriginFetchCache(): Promise<FetchCache> {
  try {
    return await openFetchCache(await roomInBrowser());
  } catch {
    // Without a database, as in some private windows, everything is fetched.
    return new NoFetchCache();
  }
}

/** Where the browser gives no database. */
class NoFetchCache implements FetchCache {
  async object(): Promise<undefined> {}
  async pointer(): Promise<undefined> {}
  async keepPointer(): Promise<void> {}
  async drop(): Promise<void> {}
  async close(): Promise<void> {}

  /** @throws EOPNOTSUPP to whoever fetches in order to keep */
  async keep(_sha256: string, _bytes: Uint8Array, spare_ms?: number): Promise<void> {
    if (spare_ms === undefined) return;
    const reason = "this browser gives no database, so nothing that is fetched can be kept";
    throw new FsError("EOPNOTSUPP", { reason });
  }
}

/** Opens the origin's cache, which holds about `maxBytes` at most. */
export async function openFetchCache(
  maxBytes: number,
  name: string = fetchCacheDatabase,
): Promise<FetchCache> {
  const open = () =>
    openDB<Layout>(name, fetchCacheVersion, {
      upgrade(created) {
        for (const store of ["objects", "uses", "pointers"] as const) {
          created.createObjectStore(store);
        }
      },
      blocking: (_version, _blocked, event) => (event.target as IDBDatabase).close(),
    });
  const database = await whileOpening(open);
  watched(unwrap(database));
  return new IndexedDbFetchCache(database, maxBytes);
}

/**
 * Deletes all that was fetched for any overlay of this origin: what is needed is fetched again.
 * @throws EBUSY another tab that is frozen has it open; it is deleted when that tab ends or wakes
 */
export async function clearFetchCache(name: string = fetchCacheDatabase): Promise<void> {
  await unlessBlocked("delete", name, (blocked) => deleteDB(name, { blocked }));
}

async function roomInBrowser(): Promise<number> {
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  const { quota } = (await storage?.estimate?.()) ?? {};
  return Math.min(defaultFetchCacheBytes, (quota ?? Number.POSITIVE_INFINITY) * quotaShare);
}

class IndexedDbFetchCache implements FetchCache {
  readonly #database: IDBPDatabase<Layout>;
  readonly #room: CacheRoom;
  /** Settles when nothing is being put any more. */
  #lastPut: Promise<void> = Promise.resolve();
  /** Once it did not answer nothing is asked any more: whoever reads would wait each time. */
  #isSilent = false;

  constructor(database: IDBPDatabase<Layout>, maxBytes: number) {
    this.#database = database;
    this.#room = new CacheRoom({
      maxBytes,
      look: () => this.#look(),
      drop: (objects) => this.#drop(objects),
      full: `the cache takes ${maxBytes} bytes at most; prefetch less`,
      isFull: isQuota,
    });
  }

  async object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#asked(() => this.#database.get("objects", sha256));
    // Not waited for: at worst it counts as used earlier than it was.
    if (bytes) this.#noteUse(sha256).catch(() => {});
    return bytes;
  }

  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    try {
      await this.#room.fill(sha256, bytes.length, spare_ms, () => this.#put(sha256, bytes));
    } catch (error) {
      throw error instanceof FsError ? error : failed(error);
    }
  }

  async drop(sha256: string): Promise<void> {
    await this.#drop([{ sha256 }]);
  }

  async pointer(url: string): Promise<KeptPointer | undefined> {
    return await this.#asked(() => this.#database.get("pointers", url));
  }

  async keepPointer(pointer: KeptPointer): Promise<void> {
    await this.#database.put("pointers", { ...pointer, bytes: exact(pointer.bytes) }, pointer.url);
  }

  async close(): Promise<void> {
    await noted(this.#lastPut.then(() => close(unwrap(this.#database))));
  }

  async #asked<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#isSilent) return undefined;
    try {
      return await unlessSilent(ask(), cachePatience_ms);
    } catch (error) {
      this.#isSilent = error === silence;
      throw error;
    }
  }

  /** One after the other: whoever reads waits for every transaction that was begun before. */
  #put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const putting = this.#lastPut.then(() => this.#putAlone(sha256, bytes));
    this.#lastPut = putting.catch(() => {}); // Whoever keeps it is told.
    return putting;
  }

  async #putAlone(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const transaction = this.#database.transaction(["objects", "uses"], "readwrite", {
      durability: "relaxed",
    });
    // One that fails aborts the transaction, whose end tells why.
    const use = { bytes: bytes.length, used_ms: Date.now() };
    transaction
      .objectStore("objects")
      .put(exact(bytes), sha256)
      .catch(() => {});
    transaction
      .objectStore("uses")
      .put(use, sha256)
      .catch(() => {});
    await unlessSilent(transaction.done);
  }

  async #noteUse(sha256: string): Promise<void> {
    const transaction = this.#database.transaction("uses", "readwrite");
    const use = await transaction.store.get(sha256);
    const used_ms = Date.now();
    if (use && used_ms - use.used_ms > useGrain_ms) {
      await transaction.store.put({ ...use, used_ms }, sha256);
    }
    await transaction.done;
  }

  async #look(): Promise<ObjectUse[]> {
    const { store } = this.#database.transaction("uses");
    const asking = Promise.all([store.getAllKeys(), store.getAll()]);
    const [keys, uses] = await unlessSilent(asking);
    return uses.map((use, at) => ({ ...use, sha256: keys[at] as string }));
  }

  async #drop(objects: readonly Pick<ObjectUse, "sha256">[]): Promise<void> {
    const transaction = this.#database.transaction(["objects", "uses"], "readwrite");
    for (const { sha256 } of objects) {
      transaction.objectStore("objects").delete(sha256);
      transaction.objectStore("uses").delete(sha256);
    }
    await unlessSilent(transaction.done);
  }
}

/** `bytes` in a buffer of their own size, for the whole buffer is stored. */
function exact(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function isQuota(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

function failed(cause: unknown): FsError {
  const isFull = isQuota(cause);
  const reason = isFull
    ? "the browser's storage is full; clear other data of this site, or prefetch less"
    : `it cannot be kept: ${(cause as Error).message}`;
  return new FsError(isFull ? "ENOSPC" : "EIO", { syscall: "keep", reason, cause });
}
