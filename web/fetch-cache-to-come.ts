/**
 * The origin's cache of what was fetched, as long as what writes it (fetch-cache.ts) is not loaded: what is there is read,
 * and what is fetched meanwhile is remembered, to be kept once it can be.
 */
import type { FetchCache, KeptPointer } from "../src/index.ts";
import { KeptFetches } from "./kept-fetches.ts";

/** Bytes that are remembered at most: what is read later meanwhile is fetched again another time. */
const mostRemembered = 8 * 1024 * 1024;

/** See the head of this file. */
export class FetchCacheToCome implements FetchCache {
  #cache: FetchCache = new KeptFetches();
  #hasCome = false;
  #remembered: ((cache: FetchCache) => Promise<void>)[] = [];
  #bytes = 0;

  /** Goes on with the cache that `open` gives, which is closed with this one. Once is enough. */
  async come(open: () => Promise<FetchCache>): Promise<void> {
    if (this.#hasCome) return;
    const cache = await open();
    this.#hasCome = true;
    this.#cache.close().catch(() => {}); // It only read.
    this.#cache = cache;
    // What cannot be kept is fetched again.
    for (const keep of this.#remembered.splice(0)) keep(cache).catch(() => {});
  }

  object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#cache.object(sha256);
  }

  pointer(url: string): Promise<KeptPointer | undefined> {
    return this.#cache.pointer(url);
  }

  keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    return this.#keep(bytes, (cache) => cache.keep(sha256, bytes, spare_ms));
  }

  keepPointer(pointer: KeptPointer): Promise<void> {
    return this.#keep(pointer.bytes, (cache) => cache.keepPointer(pointer));
  }

  drop(sha256: string): Promise<void> {
    return this.#cache.drop(sha256);
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  async #keep({ length }: Uint8Array, keep: (cache: FetchCache) => Promise<void>): Promise<void> {
    if (this.#hasCome) return keep(this.#cache);
    this.#bytes += length;
    if (this.#bytes <= mostRemembered) this.#remembered.push(keep);
  }
}
