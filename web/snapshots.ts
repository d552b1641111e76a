/**
 * The storages of this browser as read-only snapshots, for whoever serves the view. A snapshot is used as long as the
 * superblock's generation stays what it was; then everything cached from the storage is dropped with it, while the base
 * is kept as long as the superblock names the same.
 */
import {
  type Base,
  FsError,
  fsOf,
  httpFetcher,
  Overlay,
  openManifestBase,
  run,
  type Storage,
  type Superblock,
} from "../src/index.ts";
import { openIndexedDbStorage } from "./indexeddb.ts";
import type { Snapshot } from "./view.ts";

/** Snapshots of storages by name. Opens each storage once, for reading only. */
export class StoredSnapshots {
  readonly #opened = new Map<string, Promise<OpenedStorage>>();

  /**
   * The files of the storage `name` as its last commit left them; the same object while nothing was committed.
   * @throws ENOENT there is no such storage in this browser
   * @throws EIO the base cannot be read
   */
  async of(name: string): Promise<Snapshot> {
    let opening = this.#opened.get(name);
    if (!opening) {
      opening = OpenedStorage.open(name);
      this.#opened.set(name, opening);
    }
    try {
      return await (await opening).snapshot();
    } catch (error) {
      // Whatever failed, a deleted database or a lost connection, the next request begins anew.
      if (this.#opened.get(name) === opening) this.#opened.delete(name);
      throw error;
    }
  }
}

class OpenedStorage {
  readonly #name: string;
  readonly #storage: Storage;
  #base: { readonly key: string; readonly opening: Promise<Base> } | undefined;
  #current: { readonly key: string; readonly opening: Promise<Snapshot> } | undefined;

  private constructor(name: string, storage: Storage) {
    this.#name = name;
    this.#storage = storage;
  }

  static async open(name: string): Promise<OpenedStorage> {
    return new OpenedStorage(name, await openIndexedDbStorage(name, { readOnly: true }));
  }

  async snapshot(): Promise<Snapshot> {
    const superblock = await run(this.#storage.superblock());
    if (!superblock) {
      const reason = `this browser has no storage called "${this.#name}"`;
      throw new FsError("ENOENT", { syscall: "open", path: this.#name, reason });
    }
    const key = `${superblock.overlayId} ${superblock.generation}`;
    if (this.#current?.key !== key) {
      this.#current = { key, opening: this.#open(superblock) };
    }
    return this.#current.opening;
  }

  async #open(superblock: Superblock): Promise<Snapshot> {
    const base = await this.#baseOf(superblock);
    const overlay = await run(Overlay.open({ base, storage: this.#storage, readOnly: true }));
    return { baseIdentity: base.identity, files: fsOf(overlay).promises };
  }

  /** The base under the storage, opened again only if the storage says it lies elsewhere or has moved. */
  #baseOf({ base }: Superblock): Promise<Base> {
    const key = `${base.locator} ${base.identity}`;
    if (this.#base?.key !== key) {
      const opening = run(openManifestBase({ url: base.locator, fetcher: httpFetcher() }));
      this.#base = { key, opening };
    }
    return this.#base.opening;
  }
}
