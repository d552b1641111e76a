/**
 * The origin's cache of what was fetched, as long as what writes it (fetch-cache.ts) is not loaded: what is there is read,
 * and what is fetched meanwhile is remembered, to be kept once it can be.
 */
import { type FetchCache, FsError, type KeptPointer } from "../src/index.ts";
import { KeptFetches } from "./kept-fetches.ts";

/** Bytes that are remembered at most: what is read later meanwhile is fetched again another time. */
const mostRemembered = 8 * 1024 * 1024;

/** See the head of this file. */
export class FetchCacheToCome implements FetchCache {
  #reading: FetchCache = new KeptFetches();
  #state: "to come" | "there" | "none" = "to come";
  #remembered: ((cache: FetchCache) => Promise<void>)[] = [];
  #bytes = 0;

  /** Goes on with what `open` gives, which is closed with this one; undefined: this browser gives none. Once is enough. */
  async come(open: () => Promise<FetchCache | undefined>): Promise<void> {
    if (this.#state !== "to come") return;
    const cache = await open();
    const remembered = this.#remembered;
    this.#remembered = [];
    this.#state = cache ? "there" : "none";
    if (!cache) return;
    this.#reading.close().catch(() => {}); // It only read.
    this.#reading = cache;
    // What cannot be kept is fetched again.
    for (const keep of remembered) keep(cache).catch(() => {});
  }

  object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#reading.object(sha256);
  }

  pointer(url: string): Promise<KeptPointer | undefined> {
    return this.#reading.pointer(url);
  }

  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    if (this.#state === "there") return this.#reading.keep(sha256, bytes, spare_ms);
    if (spare_ms !== undefined) {
      const reason = "this browser gives no database, so nothing that is fetched can be kept";
      throw new FsError("EOPNOTSUPP", { reason });
    }
    this.#remember(bytes.length, (cache) => cache.keep(sha256, bytes));
  }

  async keepPointer(pointer: KeptPointer): Promise<void> {
    if (this.#state === "there") return this.#reading.keepPointer(pointer);
    this.#remember(pointer.bytes.length, (cache) => cache.keepPointer(pointer));
  }

  drop(sha256: string): Promise<void> {
    return this.#reading.drop(sha256);
  }

  close(): Promise<void> {
    return this.#reading.close();
  }

  #remember(bytes: number, keep: (cache: FetchCache) => Promise<void>): void {
    if (this.#state === "none" || this.#bytes + bytes > mostRemembered) return;
    this.#bytes += bytes;
    this.#remembered.push(keep);
  }
}
