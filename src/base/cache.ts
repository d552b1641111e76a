/**
 * Verified objects in memory, by their digest: bounded, the least recently used dropped first. A hit costs no promise
 * and no turn of the event loop; whoever asks for an object that is under way waits for the same one. Errors are not
 * kept: the next call fetches again.
 */
import { Deferred, type Operation, type Wait, waitFor } from "../operation.ts";

/** Bytes a cache holds unless told otherwise. */
const defaultCacheBytes = 32 * 1024 * 1024;

/** See the head of this file. The bytes it gives are shared: nobody may write into them. */
export class ObjectCache {
  readonly #maxBytes: number;
  /** In order of use, the least recent first. */
  readonly #objects = new Map<string, Uint8Array>();
  readonly #underway = new Map<string, Deferred<Uint8Array>>();
  #bytes = 0;

  constructor(maxBytes = defaultCacheBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The object with this digest; `fetch` is called if it is neither held nor under way, and must verify it. */
  *get(digest: string, fetch: () => Wait<{ readonly bytes: Uint8Array }>): Operation<Uint8Array> {
    const held = this.#objects.get(digest);
    if (held) {
      this.#objects.delete(digest);
      this.#objects.set(digest, held);
      return held;
    }
    return yield* waitFor(this.#underway.get(digest) ?? this.#start(digest, fetch));
  }

  #start(digest: string, fetch: () => Wait<{ readonly bytes: Uint8Array }>): Deferred<Uint8Array> {
    const object = new Deferred<Uint8Array>();
    this.#underway.set(digest, object);
    const failed = (error: unknown): void => {
      this.#underway.delete(digest);
      object.reject(error);
    };
    try {
      fetch().then(({ bytes }) => {
        this.#underway.delete(digest);
        this.#hold(digest, bytes);
        object.resolve(bytes);
      }, failed);
    } catch (error) {
      failed(error);
    }
    return object;
  }

  #hold(digest: string, bytes: Uint8Array): void {
    if (bytes.length > this.#maxBytes) return;
    this.#objects.set(digest, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, { length }] of this.#objects) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#objects.delete(oldest);
      this.#bytes -= length;
    }
  }
}
