/**
 * How a program's call runs: its operation as a promise, its changes committed before it resolves, its error told with
 * the system call and the paths the program gave.
 */
import { FsError } from "../errno.ts";
import { type Operation, run, waitFor } from "../operation.ts";
import type { Overlay } from "../overlay/overlay.ts";
import type { Durability } from "../storage/storage.ts";

/** What an error says of the call it ended. */
export interface Call {
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
}

/** Errors that tell already which call they ended. */
const told = new WeakSet<FsError>();

/** Runs `operation`; its errors tell that `call` failed, unless a `during` further in has said so of a part. */
export function* during<T>(call: Call, operation: Operation<T>): Operation<T> {
  try {
    return yield* operation;
  } catch (error) {
    if (!(error instanceof FsError) || told.has(error)) throw error;
    const telling = error.at({ path: undefined, dest: undefined, ...call });
    told.add(telling);
    throw telling;
  }
}

/** Runs calls on one overlay. */
export class Calls {
  readonly overlay: Overlay;
  readonly #commits: boolean;

  /** With `commits` false, changes stay uncommitted until somebody else commits. */
  constructor(overlay: Overlay, commits: boolean) {
    this.overlay = overlay;
    this.#commits = commits;
  }

  /** Runs what changes nothing. */
  read<T>(call: Call, operation: Operation<T>): Promise<T> {
    return run(this.overlay.holding(during(call, operation)));
  }

  /**
   * Runs what changes something, and commits it. Calls made side by side share a commit, also where the storage never has
   * to be waited for: it begins when all of them have had their turn. If the commit fails the call fails with its error;
   * the change is in the overlay's memory and is committed later.
   */
  change<T>(call: Call, operation: Operation<T>, durability: Durability = "relaxed"): Promise<T> {
    return this.read(call, this.#committed(operation, durability));
  }

  *#committed<T>(operation: Operation<T>, durability: Durability): Operation<T> {
    let result: T;
    try {
      result = yield* operation;
    } catch (error) {
      yield* this.#commitRemains();
      throw error;
    }
    if (this.#commits || durability === "strict") {
      yield* waitFor(Promise.resolve());
      yield* this.overlay.commit(durability);
    }
    return result;
  }

  /** Commits what a call has done before it failed. */
  *#commitRemains(): Operation<void> {
    if (!this.#commits || !this.overlay.dirty) return;
    try {
      yield* this.overlay.commit("relaxed");
    } catch {
      // The call fails for its own reason. What could not be committed stays in memory, and the next commit reports it.
    }
  }
}
