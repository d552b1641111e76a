/**
 * What was fetched, kept in an IndexedDB database of its own, `minifo-cache`, which all storages of the origin share: bytes
 * by their digest, beside them when they were used and what they take up, and the pointers of bases. Every worker may use
 * it at once. A browser that gives no database has no cache.
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";
import {
  cachingFetcher,
  defaultFetchCacheBytes,
  type FetchCache,
  type Fetcher,
  FsError,
  isManifest,
  type KeptPointer,
  leastRecentlyUsed,
} from "../src/index.ts";
import { fetchCacheDatabase, fetchCacheVersion } from "./indexeddb-layout.ts";

/** The part of the origin's quota that it takes at most. */
const quotaShare = 0.3;
/** A use is written down again once it is so much newer than what stands there. */
const useGrain_ms = 60_000;

interface Layout extends DBSchema {
  objects: { key: string; value: Uint8Array<ArrayBuffer> };
  uses: { key: string; value: { readonly bytes: number; readonly used_ms: number } };
  pointers: { key: string; value: KeptPointer };
}

/** `network` with the origin's cache before it; `network` itself where there can be none. */
export async function withFetchCache(network: Fetcher): Promise<Fetcher> {
  try {
    const cache = await openFetchCache(await roomInBrowser());
    return cachingFetcher({ network, cache, isPointer: isManifest });
  } catch {
    // Without a database, as in some private windows, everything is fetched.
    return network;
  }
}

/** Opens the origin's cache, which holds about `maxBytes` at most. */
export async function openFetchCache(
  maxBytes: number,
  name: string = fetchCacheDatabase,
): Promise<FetchCache> {
  const database = await openDB<Layout>(name, fetchCacheVersion, {
    upgrade(created) {
      for (const store of ["objects", "uses", "pointers"] as const) {
        created.createObjectStore(store);
      }
    },
    blocking: (_version, _blocked, event) => (event.target as IDBDatabase).close(),
  });
  return new IndexedDbFetchCache(database, maxBytes);
}

/** Deletes all that was fetched for any overlay of this origin: what is needed is fetched again. */
export async function clearFetchCache(name: string = fetchCacheDatabase): Promise<void> {
  await deleteDB(name);
}

async function roomInBrowser(): Promise<number> {
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  const { quota } = (await storage?.estimate?.()) ?? {};
  return Math.min(defaultFetchCacheBytes, (quota ?? Number.POSITIVE_INFINITY) * quotaShare);
}

class IndexedDbFetchCache implements FetchCache {
  readonly #database: IDBPDatabase<Layout>;
  readonly #maxBytes: number;
  /** What there was when it was looked. */
  #bytes: Promise<number> | undefined;
  /** Bytes kept here since; other workers keep some too. */
  #keptSinceLook = 0;

  constructor(database: IDBPDatabase<Layout>, maxBytes: number) {
    this.#database = database;
    this.#maxBytes = maxBytes;
  }

  async object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#database.get("objects", sha256);
    // Not waited for: at worst it counts as used earlier than it was.
    if (bytes) this.#noteUse(sha256).catch(() => {});
    return bytes;
  }

  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    const { length } = bytes;
    if (length > this.#maxBytes) throw this.#noRoom();
    if (await this.#isFull(length)) await this.#dropDownTo(this.#maxBytes / 2 - length, spare_ms);
    if (spare_ms !== undefined && (await this.#isFull(length))) throw this.#noRoom();
    try {
      await this.#put(sha256, bytes);
    } catch (error) {
      if (!isQuota(error)) throw failed(error);
      // The origin is full before the cache is: half of what there is makes room for others, too.
      await this.#dropDownTo(((await this.#known()) - length) / 2, spare_ms);
      await this.#put(sha256, bytes).catch((again) => {
        throw isQuota(again) ? this.#noRoom(again) : failed(again);
      });
    }
    this.#keptSinceLook += length;
  }

  async drop(sha256: string): Promise<void> {
    const transaction = this.#database.transaction(["objects", "uses"], "readwrite");
    transaction.objectStore("objects").delete(sha256);
    transaction.objectStore("uses").delete(sha256);
    await transaction.done;
  }

  async pointer(url: string): Promise<KeptPointer | undefined> {
    return await this.#database.get("pointers", url);
  }

  async keepPointer(pointer: KeptPointer): Promise<void> {
    await this.#database.put("pointers", { ...pointer, bytes: exact(pointer.bytes) }, pointer.url);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  async #put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
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
    await transaction.done;
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

  /** Whether `bytes` more would be too much. Looks again after a while, for other workers fill it too. */
  async #isFull(bytes: number): Promise<boolean> {
    if (this.#keptSinceLook > this.#maxBytes / 8) this.#bytes = undefined;
    return (await this.#known()) + bytes > this.#maxBytes;
  }

  async #known(): Promise<number> {
    if (!this.#bytes) {
      this.#keptSinceLook = 0;
      const uses = this.#database.getAll("uses");
      this.#bytes = uses.then((all) => all.reduce((sum, { bytes }) => sum + bytes, 0));
    }
    return (await this.#bytes) + this.#keptSinceLook;
  }

  async #dropDownTo(most: number, spare_ms: number | undefined): Promise<void> {
    const transaction = this.#database.transaction(["objects", "uses"], "readwrite");
    const [objects, uses] = [transaction.objectStore("objects"), transaction.objectStore("uses")];
    const [keys, values] = await Promise.all([uses.getAllKeys(), uses.getAll()]);
    const known = values.map((use, at) => ({ ...use, sha256: keys[at] as string }));
    // A use may not have been written down for so long.
    const spare = spare_ms === undefined ? undefined : spare_ms - useGrain_ms;
    for (const { sha256 } of leastRecentlyUsed(known, Math.max(0, most), spare)) {
      objects.delete(sha256);
      uses.delete(sha256);
    }
    await transaction.done;
    this.#bytes = undefined;
  }

  #noRoom(cause?: unknown): FsError {
    const reason = cause
      ? "the browser's storage is full; clear other data of this site, or prefetch less"
      : `what was fetched may take ${this.#maxBytes} bytes at most in this browser; prefetch less`;
    return new FsError("ENOSPC", { syscall: "keep", reason, cause });
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
  const reason = `what was fetched cannot be kept: ${(cause as Error).message}`;
  return new FsError("EIO", { syscall: "keep", reason, cause });
}
