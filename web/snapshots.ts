/**
 * The storages of this browser as read-only snapshots, for whoever serves the view. A snapshot is used as long as the
 * superblock's generation stays what it was; then everything cached from the storage is dropped with it, while the base
 * is kept as long as the superblock names the same and it can be read.
 */
import {
  type Base,
  cachingFetcher,
  type Fetcher,
  type FoundInode,
  httpFetcher,
  type Inode,
  isManifest,
  type Operation,
  OverlayReader,
  run,
  type Superblock,
  type Time,
} from "../src/index.ts";
import { KeptFetches } from "./kept-fetches.ts";
import { StoredRecords } from "./stored-records.ts";
import type { Snapshot, ViewedFile } from "./view.ts";

/** Opens whatever base is at a URL. */
export type OpenBase = (url: string, fetcher: Fetcher) => Operation<Base>;

/** Inodes in memory from which on a snapshot is begun anew. */
const maxInodes = 10_000;

/** Snapshots of storages by name. Opens each storage once, for reading only. */
export class StoredSnapshots {
  readonly #openBase: OpenBase;
  readonly #opened = new Map<string, Promise<OpenedStorage>>();

  constructor(openBase: OpenBase) {
    this.#openBase = openBase;
  }

  /**
   * The files of the storage `name` as its last commit left them; the same object while nothing was committed. One
   * that could not be read is given back as `failed`: its base is opened anew, for it may have been republished.
   * @throws ENOENT there is no such storage in this browser
   * @throws EIO the base cannot be read
   */
  async of(name: string, failed?: Snapshot): Promise<Snapshot> {
    let opening = this.#opened.get(name);
    if (!opening) {
      opening = OpenedStorage.open(name, this.#openBase);
      this.#opened.set(name, opening);
    }
    try {
      return await (await opening).snapshot(failed);
    } catch (error) {
      // Whatever failed, a deleted database or a lost connection, the next request begins anew.
      if (this.#opened.get(name) === opening) this.#opened.delete(name);
      throw error;
    }
  }
}

interface Current {
  readonly key: string;
  readonly opening: Promise<ReadSnapshot>;
  snapshot?: ReadSnapshot;
}

class OpenedStorage {
  readonly #records: StoredRecords;
  readonly #openBase: OpenBase;
  #base: { readonly key: string; readonly opening: Promise<Base> } | undefined;
  #current: Current | undefined;

  private constructor(records: StoredRecords, openBase: OpenBase) {
    this.#records = records;
    this.#openBase = openBase;
  }

  static async open(name: string, openBase: OpenBase): Promise<OpenedStorage> {
    return new OpenedStorage(await StoredRecords.open(name), openBase);
  }

  async snapshot(failed: Snapshot | undefined): Promise<Snapshot> {
    const superblock = await this.#records.superblock();
    const key = `${superblock.overlayId} ${superblock.generation}`;
    const known = this.#current;
    if (failed !== undefined && known?.snapshot === failed) this.#base = undefined;
    const isGood =
      known?.key === key &&
      this.#base !== undefined &&
      (known.snapshot?.reader.inodeCount ?? 0) < maxInodes;
    if (isGood) return known.opening;
    const current: Current = { key, opening: this.#open(superblock) };
    this.#current = current;
    const snapshot = await current.opening;
    current.snapshot = snapshot;
    return snapshot;
  }

  async #open(superblock: Superblock): Promise<ReadSnapshot> {
    const base = await this.#baseOf(superblock);
    const storage = this.#records.at(superblock);
    return new ReadSnapshot(await run(OverlayReader.open({ base, storage, superblock })));
  }

  /** The base under the storage, opened again only if the storage says it lies elsewhere or has moved. */
  #baseOf({ base }: Superblock): Promise<Base> {
    const key = `${base.locator} ${base.identity}`;
    if (this.#base?.key !== key) {
      const fetcher = cachingFetcher({
        network: httpFetcher(),
        cache: new KeptFetches(),
        isPointer: isManifest,
      });
      this.#base = { key, opening: run(this.#openBase(base.locator, fetcher)) };
    }
    return this.#base.opening;
  }
}

/** What an `OverlayReader` reads, as the view takes it. */
export class ReadSnapshot implements Snapshot {
  readonly reader: OverlayReader;

  constructor(reader: OverlayReader) {
    this.reader = reader;
  }

  get locator(): string {
    return this.reader.base.locator;
  }

  async find(path: string): Promise<ViewedFile | undefined> {
    const found = await run(this.reader.find(path));
    return found && new FoundFile(this.reader, found);
  }

  async hasInBase(path: string): Promise<boolean> {
    return (await run(this.reader.base.lookup(path))) !== null;
  }

  async namesInBase(): Promise<readonly string[]> {
    return (await run(this.reader.base.list(""))).map(({ name }) => name);
  }

  async contentInBase(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const { base } = this.reader;
    const node = await run(base.lookup(path));
    if (node?.type !== "file" || node.size > maxBytes) return undefined;
    const bytes = new Uint8Array(node.size);
    return bytes.subarray(0, await run(base.read(node, 0, bytes)));
  }
}

class FoundFile implements ViewedFile {
  readonly type: "file" | "directory" | "other";
  readonly size: number;
  readonly mtime_ms: number;
  readonly version: string;
  readonly isOfBase: boolean;
  readonly #reader: OverlayReader;
  readonly #inode: Inode;

  constructor(reader: OverlayReader, { inode, isOfBase }: FoundInode) {
    const { type, size, own, base } = inode;
    const mtime = own.mtime ?? base?.mtime;
    this.#reader = reader;
    this.#inode = inode;
    this.type = type === "file" || type === "directory" ? type : "other";
    this.size = size;
    this.isOfBase = isOfBase;
    this.mtime_ms = mtime ? mtime.seconds * 1000 + Math.floor(mtime.nanoseconds / 1e6) : 0;
    // Of what the base gives its signature, so that what did not change with a republished base stays the same.
    const signature = inode.content ? inode.signature : base?.signature;
    this.version = [
      inode.ino.toString(36),
      size.toString(36),
      inWords(own.mtime),
      inWords(own.ctime),
      encodeURIComponent(signature ?? ""),
    ].join("-");
  }

  async read(offset: number, into: Uint8Array): Promise<number> {
    return await run(this.#reader.read(this.#inode, offset, into));
  }
}

function inWords(time: Time | undefined): string {
  return time ? `${time.seconds.toString(36)}.${time.nanoseconds.toString(36)}` : "";
}
