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
 * @throws ENOSYS there are no Web Locks here, so that nobody could be sure to be alone
 */
export async function own(name: string): Promise<Ownership> {
  const locks: LockManager | undefined = navigator.locks;
  if (!locks) {
    const reason = "this page has no Web Locks; open it over https: or from localhost";
    throw new FsError("ENOSYS", { syscall: "open", path: name, reason });
  }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patience_ms);
    locks
      .request(`minifo:${name}`, { signal }, () => {
        // The lock is held until this promise settles.
        return new Promise<void>((release) => resolve({ release: () => release() }));
      })
      .catch((cause: unknown) => {
        if (!signal.aborted) {
          reject(cause);
          return;
        }
        const reason =
          `the storage "${name}" is open in another tab or window of this browser; ` +
          "close it there, or open it under another name";
        reject(new FsError("EBUSY", { syscall: "open", path: name, reason, cause }));
      });
  });
}
