/**
 * How a program's call runs: its operation as a promise, its changes committed before it resolves, its error told with
 * the system call and the paths the program gave.
 */
import { type Operation, run, waitFor } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Durability } from "../storage/storage.ts";
import { changesOf, feedOf, type PathChange } from "./change-feed.ts";
import { type Call, during } from "./during.ts";

/** Runs calls on one overlay. */
export class Calls {
  readonly overlay: OverlayFiles;
  readonly #commits: boolean;
  readonly #opened: string | undefined;
  /** Changes to be told of once they are committed by somebody else. */
  readonly #untold: PathChange[];

  /** With `commits` false, changes stay uncommitted, and untold, until somebody else commits and calls `tell`. */
  constructor(overlay: OverlayFiles, commits: boolean, opened?: string, untold: PathChange[] = []) {
    this.overlay = overlay;
    this.#commits = commits;
    this.#opened = opened;
    this.#untold = untold;
  }

  /** The same for calls on the file that was opened at `path`. */
  on(path: string): Calls {
    return new Calls(this.overlay, this.#commits, path, this.#untold);
  }

  /** Tells those who watch what was changed and has been committed since. */
  tell(): void {
    feedOf(this.overlay).publish(this.#untold.splice(0));
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
    return this.read(call, this.#committed(call, operation, durability));
  }

  *#committed<T>(call: Call, operation: Operation<T>, durability: Durability): Operation<T> {
    let result: T;
    try {
      result = yield* operation;
    } catch (error) {
      if (this.overlay.dirty) this.#untold.push(...changesOf(call, this.#opened));
      yield* this.#commitRemains();
      throw error;
    }
    this.#untold.push(...changesOf(call, this.#opened));
    if (this.#commits || durability === "strict") {
      yield* waitFor(Promise.resolve());
      yield* this.overlay.commit(durability);
      this.tell();
    }
    return result;
  }

  /** Commits what a call has done before it failed. */
  *#commitRemains(): Operation<void> {
    if (!this.#commits || !this.overlay.dirty) return;
    try {
      yield* this.overlay.commit("relaxed");
      this.tell();
    } catch {
      // The call fails for its own reason. What could not be committed stays in memory, and the next commit reports it.
    }
  }
}
