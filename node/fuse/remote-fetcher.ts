/**
 * A `Fetcher` for a thread that blocks: it posts each request to a thread that can fetch, and settles what it returned
 * when the answer is delivered. Nothing in it is a promise.
 */
import {
  Deferred,
  type FetchedObject,
  type Fetcher,
  FsError,
  type ObjectRequest,
} from "../../src/index.ts";
import { fromPlainError, type PlainError } from "../control/errors.ts";

export class RemoteFetcher implements Fetcher {
  readonly #post: (id: number, request: ObjectRequest) => void;
  readonly #open = new Map<number, Deferred<FetchedObject>>();
  #nextId = 1;

  /** `post` sends a request on its way; its answer comes by `deliver` or `fail` with the same id. */
  constructor(post: (id: number, request: ObjectRequest) => void) {
    this.#post = post;
  }

  get(request: ObjectRequest): Deferred<FetchedObject> {
    const id = this.#nextId++;
    const answer = new Deferred<FetchedObject>();
    this.#open.set(id, answer);
    this.#post(id, request);
    return answer;
  }

  deliver(id: number, object: FetchedObject): void {
    this.#take(id)?.resolve(object);
  }

  fail(id: number, error: PlainError): void {
    this.#take(id)?.reject(fromPlainError(error));
  }

  close(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const answer of open) answer.reject(new FsError("EIO", { reason: "the base was closed" }));
  }

  #take(id: number): Deferred<FetchedObject> | undefined {
    const answer = this.#open.get(id);
    this.#open.delete(id);
    return answer;
  }
}
