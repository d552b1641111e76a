/**
 * What goes wrong with IndexedDB, told as `FsError`s that say what to do: a full quota, a database of another version, and
 * other tabs that stand in the way.
 */
import { FsError } from "../src/index.ts";
import { silence } from "./databases.ts";

/** What the browser says of its space; undefined where it says nothing. */
export async function estimateSpace(): Promise<StorageEstimate | undefined> {
  // Node's quick test runs have no navigator.storage, nor have pages without a secure context.
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  return storage?.estimate?.();
}

/**
 * An error of IndexedDB as ours: a full quota is ENOSPC, a database with a later layout EINVAL, each with what can be done
 * about it, no answer at all EBUSY; anything else EIO.
 */
export async function failure(syscall: string, name: string, error: unknown): Promise<FsError> {
  if (nameOf(error) === "VersionError") {
    const reason =
      "a later version of minifo wrote it; nothing was changed; reload this page, or open it with that version";
    return new FsError("EINVAL", { syscall, path: name, reason, cause: error });
  }
  if (error === silence) {
    return new FsError("EBUSY", { syscall, path: name, reason: silence.message, cause: error });
  }
  if (nameOf(error) !== "QuotaExceededError") {
    const reason = `IndexedDB failed with ${nameOf(error)}: ${error instanceof Error ? error.message : String(error)}`;
    return new FsError("EIO", { syscall, path: name, reason, cause: error });
  }
  const { usage, quota } = (await estimateSpace()) ?? {};
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const known =
    usage === undefined || quota === undefined
      ? "the browser does not say how much there is"
      : `this site uses ${mebibytes(usage)} of the ${mebibytes(quota)} it may use`;
  const reason =
    `the browser's storage is full (${known}); nothing of this step was stored; ` +
    "revert or export changes, clear other data of this site, or free space on the disk";
  return new FsError("ENOSPC", { syscall, path: name, reason, cause: error });
}

/** The name of a DOMException or an Error, such as "AbortError". */
export function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : typeof error;
}

/** How long other tabs may take to let go of a database, in milliseconds: they do at once, unless they are frozen. */
const patience_ms = 5000;

/**
 * What `act` gives, which calls the function it is given when connections of other tabs are in its way.
 * @throws EBUSY they did not go; what comes of `act` after all is given to `late`
 */
export async function unlessBlocked<T>(
  syscall: string,
  name: string,
  act: (blocked: () => void) => Promise<T>,
  late: (result: T) => void = () => {},
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let giveUp: (error: FsError) => void = () => {};
  const blocking = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const acting = act(() => {
    timer ??= setTimeout(() => {
      const reason =
        "another tab of this site has it open and does not react; close that tab, and try again";
      giveUp(new FsError("EBUSY", { syscall, path: name, reason }));
      acting.then(late, () => {}); // It is known that it failed.
    }, patience_ms);
  });
  try {
    return await Promise.race([acting, blocking]);
  } finally {
    clearTimeout(timer);
  }
}
