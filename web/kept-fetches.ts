/**
 * What the owners of this origin's storages have kept of what they fetched (fetch-cache.ts), for reading alone: the view
 * takes what is there and keeps nothing itself, so that it needs no bounds, and works without a network after a prefetch.
 */
import type { FetchCache, KeptPointer } from "../src/index.ts";
import { cachePatience_ms, close, silence } from "./databases.ts";
import { fetchCacheDatabase, fetchCacheVersion } from "./indexeddb-layout.ts";
import { openIfThere, settled } from "./stored-records.ts";

/** See the head of this file. */
export class KeptFetches implements FetchCache {
  #opening: Promise<IDBDatabase | undefined> | undefined;
  /** Once it did not answer nothing is asked any more: whoever reads would wait each time. */
  #isSilent = false;

  object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#value("objects", sha256);
  }

  pointer(url: string): Promise<KeptPointer | undefined> {
    return this.#value("pointers", url);
  }

  async keep(): Promise<void> {}
  async keepPointer(): Promise<void> {}
  async drop(): Promise<void> {}

  async close(): Promise<void> {
    const database = await this.#opening;
    if (database) await close(database);
  }

  async #value<T>(store: string, key: string): Promise<T | undefined> {
    if (this.#isSilent) return undefined;
    try {
      this.#opening ??= this.#open();
      const database = await this.#opening;
      const asking = database?.transaction(store).objectStore(store).get(key);
      return asking && (await settled<T | undefined>(asking, cachePatience_ms));
    } catch (error) {
      this.#isSilent = error === silence;
      throw error;
    }
  }

  async #open(): Promise<IDBDatabase | undefined> {
    // There may be one later, and a newer version may want to have it back.
    const forget = (): void => {
      this.#opening = undefined;
    };
    try {
      const database = await openIfThere(fetchCacheDatabase, fetchCacheVersion);
      if (!database) forget();
      else {
        database.onversionchange = () => {
          forget();
          database.close();
        };
        database.onclose = forget;
      }
      return database;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
