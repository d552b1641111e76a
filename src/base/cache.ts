/**
 * Verified objects in memory, by their digest: bounded, the least recently used dropped first. A hit costs no promise
 * and no turn of the event loop; whoever asks for an object that is under way waits for the same one. Errors are not
 * kept: the next call fetches again.
 */
import { Deferred, drive, type Operation, waitFor } from "../operation.ts";

/** Bytes a cache holds unless told otherwise. */
const defaultCacheBytes = 32 * 1024 * 1024;

/** See the head of this file. The objects it gives are shared: nobody may write into them. */
export class ObjectCache<T extends { readonly length: number } = Uint8Array> {
  readonly #maxBytes: number;
  /** In order of use, the least recent first. */
  readonly #objects = new Map<string, T>();
  readonly #underway = new Map<string, Deferred<T>>();
  #bytes = 0;

  /** `maxBytes` is the most that the objects' lengths may add up to. */
  constructor(maxBytes = defaultCacheBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the object is held, so that `get` would not wait. */
  has(digest: string): boolean {
    return this.#objects.has(digest);
  }

  /** The object with this digest; `fetch` is called if it is neither held nor under way, and must verify it. */
  *get(digest: string, fetch: () => Operation<T>): Operation<T> {
    const held = this.#objects.get(digest);
    if (held) {
      this.#objects.delete(digest);
      this.#objects.set(digest, held);
      return held;
    }
    return yield* waitFor(this.#underway.get(digest) ?? this.#start(digest, fetch));
  }

  #start(digest: string, fetch: () => Operation<T>): Deferred<T> {
    const object = new Deferred<T>();
    this.#underway.set(digest, object);
    drive(
      fetch(),
      (fetched) => {
        this.#underway.delete(digest);
        this.#hold(digest, fetched);
        object.resolve(fetched);
      },
      (error) => {
        this.#underway.delete(digest);
        object.reject(error);
      },
    );
    return object;
  }

  #hold(digest: string, object: T): void {
    if (object.length > this.#maxBytes) return;
    this.#objects.set(digest, object);
    this.#bytes += object.length;
    for (const [oldest, { length }] of this.#objects) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#objects.delete(oldest);
      this.#bytes -= length;
    }
  }
}
