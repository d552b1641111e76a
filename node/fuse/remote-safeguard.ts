/**
 * A `Safeguard` for a thread that blocks in the device: another thread of the process makes the files safe, by their
 * descriptors, and requests are served meanwhile. Nothing in it is a promise.
 */
import { Deferred, type Operation, waitFor } from "../../src/index.ts";
import { fromPlainError, type PlainError } from "../control/errors.ts";

export class RemoteSafeguard {
  readonly #post: (id: number, files: readonly number[]) => void;
  readonly #open = new Map<number, Deferred<void>>();
  #nextId = 1;

  /** `post` sends a request on its way; its answer comes by `done` or `fail` with the same id. */
  constructor(post: (id: number, files: readonly number[]) => void) {
    this.#post = post;
  }

  /** As `Safeguard` says. The files must stay open until it returns or throws. */
  *makeSafe(files: readonly number[]): Operation<void> {
    const id = this.#nextId++;
    const answer = new Deferred<void>();
    this.#open.set(id, answer);
    this.#post(id, files);
    yield* waitFor(answer);
  }

  done(id: number): void {
    this.#take(id)?.resolve();
  }

  fail(id: number, error: PlainError): void {
    this.#take(id)?.reject(fromPlainError(error));
  }

  #take(id: number): Deferred<void> | undefined {
    const answer = this.#open.get(id);
    this.#open.delete(id);
    return answer;
  }
}
