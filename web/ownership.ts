/**
 * Web Locks: the right to write to a storage, and signs of life. One owner per storage: whoever holds the lock
 * `minifo:NAME` in this origin. The browser gives a lock back when its holder ends, however it ends, and to the next who
 * waits for it at once; a holder that is frozen is robbed of it, and the epoch in the superblock then refuses its commits.
 */
import { FsError } from "../src/index.ts";

/** The right to write to one storage. */
export interface Ownership {
  /** Resolves if another one takes it by force; never after `release`. */
  readonly taken: Promise<void>;
  /** Gives the storage free. Harmless when called again. */
  release(): void;
}

function locksFor(storage: string): LockManager {
  const locks: LockManager | undefined = navigator.locks;
  if (locks) return locks;
  const reason = "this page has no Web Locks; open it over https: or from localhost";
  throw new FsError("ENOSYS", { syscall: "open", path: storage, reason });
}

/**
 * Becomes the owner of the storage: as soon as nobody is, or at once by `steal`.
 * @throws ENOSYS there are no Web Locks here, so that nobody could be sure to be alone
 * @throws AbortError `signal` was aborted before
 */
export function own(
  storage: string,
  options: { readonly signal: AbortSignal } | { readonly steal: true },
): Promise<Ownership> {
  return new Promise((resolve, reject) => {
    let release = (): void => {};
    let taken = (): void => {};
    const ownership: Ownership = {
      taken: new Promise((resolve) => {
        taken = resolve;
      }),
      release: () => release(),
    };
    locksFor(storage)
      .request(`minifo:${storage}`, options, () => {
        // The lock is held until this promise settles.
        return new Promise<void>((settle) => {
          release = settle;
          resolve(ownership);
        });
      })
      .catch((error: unknown) => {
        // Before it was granted: aborted. After that: stolen.
        taken();
        reject(error);
      });
  });
}

/**
 * Runs `succeed` unless somebody else is just taking over the storage from a frozen owner: so only one does.
 */
export async function succession(storage: string, succeed: () => Promise<void>): Promise<void> {
  const options = { ifAvailable: true };
  await locksFor(storage).request(`minifo:${storage}:succession`, options, async (lock) => {
    if (lock) await succeed();
  });
}

const lifeOf = (who: string): string => `minifo:life:${who}`;

/** Shows everybody that `who` is alive, until the returned function is called or this page or worker ends. */
export async function live(storage: string, who: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    locksFor(storage)
      .request(lifeOf(who), () => new Promise<void>((end) => resolve(end)))
      .catch(reject);
  });
}

let showing: Promise<unknown> | undefined;

/** Shows that this worker is alive, as the host `who`: from when this resolves until it ends. Once is enough. */
export function showLife(storage: string, who: string): Promise<unknown> {
  showing ??= live(storage, who);
  return showing;
}

/** Resolves when `who`, which was alive, has ended; rejects if `signal` is aborted before. */
export async function ended(who: string, signal: AbortSignal): Promise<void> {
  await navigator.locks.request(lifeOf(who), { signal, mode: "shared" }, () => {});
}
