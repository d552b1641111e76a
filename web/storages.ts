/**
 * The storages of this origin as a whole: which there are, deleting one, how much room there is, and asking the browser to
 * keep them. What is in one is the matter of indexeddb.ts.
 */
import { deleteDB } from "idb";
import { FsError } from "../src/index.ts";
import { estimateSpace, failure, unlessBlocked } from "./indexeddb-errors.ts";
import { databasePrefix } from "./indexeddb-layout.ts";

/**
 * Deletes the storage `name` with all that is in it. Storages that are open on it fail from then on; returns once they
 * are closed and all is gone. No error if there is none.
 * @throws EBUSY another tab that is frozen has it open; it is deleted when that tab ends or wakes
 */
export async function deleteIndexedDbStorage(name: string): Promise<void> {
  try {
    await unlessBlocked("delete", name, (blocked) => deleteDB(databasePrefix + name, { blocked }));
  } catch (error) {
    throw error instanceof FsError ? error : await failure("delete", name, error);
  }
}

/** The names of all storages of this origin, sorted. */
export async function listIndexedDbStorages(): Promise<string[]> {
  const databases = await indexedDB.databases();
  return databases
    .flatMap(({ name }) =>
      name?.startsWith(databasePrefix) ? [name.slice(databasePrefix.length)] : [],
    )
    .sort();
}

/** How much this origin stores, all storages and caches together, and may store. */
export interface OriginSpace {
  /** Bytes that are used, as far as the browser tells; some pad or round it. */
  readonly usage: number;
  /** Bytes that may be used in all. */
  readonly quota: number;
  /** Whether the browser promised to delete nothing by itself when it runs out of room. */
  readonly isPersistent: boolean;
}

/** How much room there is; undefined where the browser does not say. */
export async function originSpace(): Promise<OriginSpace | undefined> {
  const { usage, quota } = (await estimateSpace()) ?? {};
  if (usage === undefined || quota === undefined) return undefined;
  return { usage, quota, isPersistent: await navigator.storage.persisted() };
}

/** What a browser says to the wish that it keep this origin's storages; "unanswered": its user was asked, and waits. */
export type Persistence = "persistent" | "refused" | "unanswered";

/** The browser's, as pages have it; there is none over plain http:. */
interface PagesStorageManager extends StorageManager {
  persist?(): Promise<boolean>;
}

/**
 * Asks the browser to keep this origin's storages also when it runs out of room. Some browsers ask their user, so this
 * belongs to a moment in which that makes sense, as the first change does, and the answer is waited for no longer than
 * `patience_ms`; one that comes later counts all the same. Pages only: workers may not ask.
 */
export async function persistStorages(patience_ms = 3000): Promise<Persistence> {
  const manager: PagesStorageManager | undefined = navigator.storage;
  if (!manager?.persist) return "refused";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const unanswered = new Promise<"unanswered">((resolve) => {
    timer = setTimeout(() => resolve("unanswered"), patience_ms);
  });
  const asked = manager
    .persist()
    .then((isPersistent): Persistence => (isPersistent ? "persistent" : "refused"));
  try {
    return await Promise.race([asked, unanswered]);
  } finally {
    clearTimeout(timer);
  }
}
