/**
 * A fetcher that keeps what it gets. What a digest was given for is looked for in the cache first, verified again, and
 * kept once it was fetched and verified; nothing else is kept but the pointers that bases are opened by. Without a network
 * a base opens by its kept pointer, marked as such, and from then on what is not kept fails after one try, until one
 * succeeds. The cache itself never fails a read.
 */
import { FsError } from "../errno.ts";
import { fetchError } from "./exchange.ts";
import type { FetchCache, KeptPointer } from "./fetch-cache.ts";
import type { FetchedObject, Fetcher, ObjectRequest } from "./fetcher.ts";
import { type Inflate, inflateByStream, unpackedObject } from "./unpack.ts";
import { Unreachable } from "./unreachable.ts";
import { sha256Of } from "./verify.ts";

export interface CachingOptions {
  /** Asked for what is not kept; closed with this fetcher. */
  readonly network: Fetcher;
  /** Closed with this fetcher. */
  readonly cache: FetchCache;
  /** Whether these bytes, of this URL, are a pointer that a base can be opened by: others are not kept. */
  readonly isPointer: (bytes: Uint8Array, url: string) => boolean;
  /** Default: by DecompressionStream. */
  readonly inflate?: Inflate;
  /** Told, as a sentence without a full stop, when something cannot be had for want of a network, and when there is one. */
  readonly say?: (message: string) => void;
}

/** See the head of this file. */
export function cachingFetcher(options: CachingOptions): Fetcher {
  return new CachingFetcher(options);
}

class CachingFetcher implements Fetcher {
  readonly #network: Fetcher;
  readonly #cache: FetchCache;
  readonly #isPointer: CachingOptions["isPointer"];
  readonly #inflate: Inflate;
  readonly #say: CachingOptions["say"];
  /** Whether the network was out of reach when it was tried last. */
  #isOffline = false;
  /** Whether it was said that something could not be had. */
  #isSaid = false;

  constructor({ network, cache, isPointer, inflate = inflateByStream, say }: CachingOptions) {
    this.#network = network;
    this.#cache = cache;
    this.#isPointer = isPointer;
    this.#inflate = inflate;
    this.#say = say;
  }

  get(request: ObjectRequest): Promise<FetchedObject> {
    if (request.isPointer) return this.#getPointer(request);
    const { sha256 } = request;
    return sha256 === undefined ? this.#ask(request) : this.#getObject(request, sha256);
  }

  close(): void {
    this.#network.close();
    // What is still being written is a cache's: without it the next one fetches again.
    this.#cache.close().catch(() => {});
  }

  async #getObject(request: ObjectRequest, sha256: string): Promise<FetchedObject> {
    const { packing, spare_ms, ...whole } = request;
    const kept = await this.#kept(sha256);
    if (kept) return await unpackedObject({ bytes: kept, sha256 }, request, this.#inflate);
    // As it comes, for the digest is that of the packed bytes.
    const fetched = await this.#ask(whole);
    const keeping = this.#cache.keep(sha256, fetched.bytes, spare_ms);
    if (spare_ms !== undefined) await keeping;
    // A cache that is full or broken takes nothing from a reader.
    else keeping.catch(() => {});
    return await unpackedObject(fetched, request, this.#inflate);
  }

  /** What is kept under this digest and still has it. */
  async #kept(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const bytes = await this.#cache.object(sha256);
      if (!bytes || (await sha256Of(bytes)) === sha256) return bytes;
      await this.#cache.drop(sha256);
    } catch {
      // A cache that cannot be read is one in which nothing is.
    }
    return undefined;
  }

  async #getPointer(request: ObjectRequest): Promise<FetchedObject> {
    const { url } = request;
    const kept = await this.#keptPointer(url);
    try {
      const fetched = await this.#network.get(kept ? { ...request, retries: 1 } : request);
      this.#isBack();
      const { bytes, sha256 } = fetched;
      if (this.#isPointer(bytes, url)) {
        const keeping = this.#cache.keepPointer({ url, bytes, sha256, fetched_ms: Date.now() });
        // As above.
        keeping.catch(() => {});
      }
      return fetched;
    } catch (error) {
      if (!kept || !(error instanceof FsError) || error.code !== "EIO") throw error;
      // A server that answers with an error has no new pointer either, but its objects may be had.
      this.#isOffline = error.cause instanceof Unreachable;
      const { bytes, sha256, fetched_ms } = kept;
      const reason = error.reason ?? error.message;
      return { bytes, sha256, kept: { fetched_ms, reason } };
    }
  }

  async #keptPointer(url: string): Promise<KeptPointer | undefined> {
    try {
      const kept = await this.#cache.pointer(url);
      if (kept && (await sha256Of(kept.bytes)) === kept.sha256) return kept;
    } catch {
      // As with objects.
    }
    return undefined;
  }

  async #ask(request: ObjectRequest): Promise<FetchedObject> {
    const isOffline = this.#isOffline;
    try {
      const fetched = await this.#network.get(isOffline ? { ...request, retries: 0 } : request);
      this.#isBack();
      return fetched;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (!(error.cause instanceof Unreachable)) {
        // Whoever says no is there; who is closed says nothing of the network.
        if (error.code !== "ECANCELED" && error.code !== "EIO") this.#isBack();
        throw error;
      }
      // Who asks only once, as a poll, knows less of the network than who has tried again.
      if (request.retries !== undefined) throw error;
      this.#isOffline = true;
      const told = offline(request, error);
      if (!this.#isSaid) this.#say?.(told.reason ?? told.message);
      this.#isSaid = true;
      throw told;
    }
  }

  #isBack(): void {
    this.#isOffline = false;
    if (this.#isSaid) this.#say?.("the network is back");
    this.#isSaid = false;
  }
}

function offline(request: ObjectRequest, cause: FsError): FsError {
  const what =
    request.sha256 === undefined ? "this base's contents are not kept" : "it is not kept here";
  const reason = `offline, and ${what}: ${cause.reason}; what was read or prefetched before can be read`;
  return fetchError("EIO", reason, cause.cause);
}
