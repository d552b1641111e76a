/** A cache of what was fetched that lasts as long as it is held: for tests, and where nothing else is to be had. */
import { FsError } from "../errno.ts";
import {
  defaultFetchCacheBytes,
  type FetchCache,
  type KeptPointer,
  leastRecentlyUsed,
} from "./fetch-cache.ts";

interface Kept {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly used_ms: number;
}

/** See the head of this file. */
export class MemoryFetchCache implements FetchCache {
  readonly #maxBytes: number;
  readonly #objects = new Map<string, Kept>();
  readonly #pointers = new Map<string, KeptPointer>();
  #bytes = 0;
  #last_ms = 0;

  constructor(maxBytes = defaultFetchCacheBytes) {
    this.#maxBytes = maxBytes;
  }

  async object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const kept = this.#objects.get(sha256);
    if (!kept) return undefined;
    this.#objects.set(sha256, { ...kept, used_ms: this.#now() });
    return kept.bytes.slice();
  }

  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    await this.drop(sha256);
    if (this.#bytes + bytes.length > this.#maxBytes) {
      this.#makeRoom(this.#maxBytes / 2 - bytes.length, spare_ms);
    }
    if (this.#bytes + bytes.length > this.#maxBytes) {
      const reason = `the cache holds ${this.#maxBytes} bytes at most`;
      throw new FsError("ENOSPC", { syscall: "keep", reason });
    }
    this.#objects.set(sha256, { bytes: bytes.slice(), used_ms: this.#now() });
    this.#bytes += bytes.length;
  }

  async drop(sha256: string): Promise<void> {
    this.#bytes -= this.#objects.get(sha256)?.bytes.length ?? 0;
    this.#objects.delete(sha256);
  }

  async pointer(url: string): Promise<KeptPointer | undefined> {
    return this.#pointers.get(url);
  }

  async keepPointer(pointer: KeptPointer): Promise<void> {
    this.#pointers.set(pointer.url, { ...pointer, bytes: pointer.bytes.slice() });
  }

  async close(): Promise<void> {}

  #makeRoom(most: number, spare_ms: number | undefined): void {
    const uses = Array.from(this.#objects, ([sha256, { bytes, used_ms }]) => ({
      sha256,
      bytes: bytes.length,
      used_ms,
    }));
    for (const { sha256, bytes } of leastRecentlyUsed(uses, Math.max(0, most), spare_ms)) {
      this.#objects.delete(sha256);
      this.#bytes -= bytes;
    }
  }

  /** Now, but later than ever before, so that uses in one millisecond have an order. */
  #now(): number {
    this.#last_ms = Math.max(Date.now(), this.#last_ms + 0.001);
    return this.#last_ms;
  }
}
