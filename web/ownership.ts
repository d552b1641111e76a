/**
 * One owner per storage: whoever holds the Web Lock `minifo:NAME` in this origin. The browser gives the lock back when
 * the owner's tab or worker ends, however it ends; the epoch in the superblock guards against one that only slept.
 */
import { FsError } from "../src/index.ts";

/**
 * Milliseconds to wait for the owner before us: a page that is reloaded asks for the lock while the browser still ends
 * the worker it had before.
 */
const patience_ms = 2000;

/** The right to write to one storage, until `release`. */
export interface Ownership {
  /** Gives the storage free. Harmless when called again. */
  release(): void;
}

/**
 * Becomes the owner of the storage `name`.
 * @throws EBUSY another tab or worker of this origin has it open and keeps it
 */
export async function own(name: string): Promise<Ownership> {
  return new Promise((resolve, reject) => {
    const options = { signal: AbortSignal.timeout(patience_ms) };
    navigator.locks
      .request(`minifo:${name}`, options, () => {
        // The lock is held until this promise settles.
        return new Promise<void>((release) => resolve({ release: () => release() }));
      })
      .catch((cause: unknown) => {
        const reason =
          `the storage "${name}" is open in another tab or window of this browser; ` +
          "close it there, or open it under another name";
        reject(new FsError("EBUSY", { syscall: "open", path: name, reason, cause }));
      });
  });
}
