/**
 * A storage as a page's worker has it until what changes things is loaded: taken over, begun if there was none, and read
 * by what the view reads by. It stores its superblock and nothing else.
 */
import {
  type Base,
  type Batch,
  baseBefore,
  type OpenedSuperblock,
  type Operation,
  openSuperblock,
  refuseStaleEpoch,
  refuseUnknownFormat,
  run,
  type Superblock,
  waitFor,
} from "../src/index.ts";
import { close, watched, whileOpening } from "./databases.ts";
import { databasePrefix, layoutVersion, stores, theSuperblock } from "./indexeddb-layout.ts";
import { closedByBrowser, wantedByOthers } from "./storage-loss.ts";
import { RecordsOfGeneration, settled } from "./stored-records.ts";

/** See the head of this file. */
export class FirstStorage {
  readonly taken: OpenedSuperblock;
  readonly #name: string;
  readonly #database: IDBDatabase;

  private constructor(name: string, database: IDBDatabase, taken: OpenedSuperblock) {
    this.#name = name;
    this.#database = database;
    this.taken = taken;
  }

  /**
   * Takes the storage `name` over for an overlay of `base`; `lost` is told why when it is taken away. Undefined if the base
   * has moved since the storage was open last, which has to be looked after first: then nothing was changed.
   * @throws whatever IndexedDB says, or EINVAL: nothing was changed
   */
  static async take(
    name: string,
    base: Base,
    lost: (why: string) => void,
  ): Promise<FirstStorage | undefined> {
    const database = watched(await whileOpening(() => open(name)));
    database.onversionchange = () => {
      database.close();
      lost(wantedByOthers);
    };
    database.onclose = () => lost(closedByBrowser);
    try {
      const stored = await storedSuperblock(database);
      if (stored) refuseUnknownFormat(stored, name);
      if (stored && baseBefore(stored, base) !== undefined) {
        close(database);
        return undefined;
      }
      const storage = new Superblocks(database);
      const taken = await run(openSuperblock({ base, storage }));
      return new FirstStorage(name, database, taken);
    } catch (error) {
      close(database);
      throw error;
    }
  }

  /** The superblock as it is stored now. */
  superblock(): Promise<Superblock | undefined> {
    return storedSuperblock(this.#database);
  }

  /** The records, which hold until somebody commits. */
  records(): RecordsOfGeneration {
    return new RecordsOfGeneration(this.#name, this.#database, this.taken.superblock);
  }

  close(): void {
    close(this.#database);
  }
}

/** Opens the database, and makes it if there is none. One that others hold fails at once, for it may take long. */
function open(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(databasePrefix + name, layoutVersion);
  opening.onupgradeneeded = () => {
    for (const store of stores) opening.result.createObjectStore(store);
  };
  return new Promise((resolve, reject) => {
    opening.onblocked = () => {
      reject(new Error("another tab holds it"));
      opening.onsuccess = () => opening.result.close();
    };
    settled(opening).then(resolve, reject);
  });
}

function storedSuperblock(database: IDBDatabase): Promise<Superblock | undefined> {
  return settled(database.transaction("superblock").objectStore("superblock").get(theSuperblock));
}

/** What `openSuperblock` needs of a storage. */
class Superblocks {
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  *superblock(): Operation<Superblock | undefined> {
    return yield* waitFor(storedSuperblock(this.#database));
  }

  /** Stores the superblock of a batch in which there is nothing else. */
  *commit({ superblock }: Batch): Operation<void> {
    yield* waitFor(this.#put(superblock));
  }

  async #put(superblock: Superblock): Promise<void> {
    const transaction = this.#database.transaction("superblock", "readwrite");
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    ended.catch(() => {}); // Waited for below, unless something is thrown before.
    const store = transaction.objectStore("superblock");
    refuseStaleEpoch(await settled(store.get(theSuperblock)), superblock);
    store.put(superblock, theSuperblock);
    await ended;
  }
}
