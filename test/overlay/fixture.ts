/** An overlay over an in-memory base and storage, with the steps that most tests take. */
import { MemoryBase, type MemoryTree } from "../../src/base/memory.ts";
import {
  type Context,
  FsError,
  type Inode,
  MemoryDisk,
  type Operation,
  Overlay,
  type OverlayOptions,
  openMemoryStorage,
  run,
  type Storage,
} from "../../src/index.ts";

export const context: Context = { uid: 1000, gid: 1000, umask: 0o022 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a fixture may be told: all that an overlay may be, and where to store in place of the memory. */
export interface FixtureOptions extends Partial<Omit<OverlayOptions, "storage">> {
  readonly openStorage?: () => Storage | Promise<Storage>;
}

/** An overlay and what it stands on. */
export class Fixture {
  base: MemoryBase;
  /** Where all is stored unless the options say otherwise. */
  readonly disk = new MemoryDisk();
  readonly #options: Partial<OverlayOptions>;
  readonly #openStorage: () => Storage | Promise<Storage>;
  overlay!: Overlay;
  storage!: Storage;

  private constructor(base: MemoryBase, options: FixtureOptions) {
    const { openStorage = () => openMemoryStorage(this.disk), ...rest } = options;
    this.base = base;
    this.#openStorage = openStorage;
    this.#options = rest;
  }

  static async open(tree: MemoryTree, options: FixtureOptions = {}): Promise<Fixture> {
    const fixture = new Fixture(new MemoryBase(tree), options);
    await fixture.mount();
    return fixture;
  }

  /** Opens the overlay anew, as after a crash if the one before was not closed. */
  async mount(): Promise<void> {
    const { base } = this;
    this.storage = await this.#openStorage();
    this.overlay = await run(Overlay.open({ base, storage: this.storage, ...this.#options }));
  }

  /** The owner dies: nothing is committed any more, and another one opens the storage. */
  async crash(): Promise<void> {
    await run(this.storage.close());
    await this.mount();
  }

  /** Closes, and opens over another tree at the same place: the base was republished. */
  async republish(tree: MemoryTree): Promise<void> {
    await run(this.overlay.close());
    this.base = new MemoryBase(tree, { identity: `${this.base.identity}'` });
    await this.mount();
  }

  /** Closes and opens again. */
  async remount(): Promise<void> {
    await run(this.overlay.close());
    await this.mount();
  }

  run<T>(operation: Operation<T>): Promise<T> {
    return run(operation);
  }

  async at(path: string): Promise<Inode> {
    let inode = this.overlay.root;
    for (const name of path === "" ? [] : path.split("/")) {
      inode = await run(this.overlay.lookup(inode, name));
    }
    return inode;
  }

  /** The directory `path` lies in, and its name there. */
  async placeOf(path: string): Promise<[Inode, string]> {
    const slash = path.lastIndexOf("/");
    const parent = await this.at(path.slice(0, Math.max(0, slash)));
    if (parent.type !== "directory") throw new FsError("ENOTDIR");
    return [parent, path.slice(slash + 1)];
  }

  async read(path: string): Promise<string> {
    return decoder.decode(await this.readBytes(path));
  }

  async readBytes(path: string): Promise<Uint8Array> {
    const inode = await this.at(path);
    const { size } = await run(this.overlay.getattr(inode));
    return await this.readAt(path, 0, size);
  }

  async readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
    const handle = await run(this.overlay.open(await this.at(path), { read: true }));
    try {
      const into = new Uint8Array(length).fill(0xee);
      return into.subarray(0, await run(this.overlay.read(handle, offset, into)));
    } finally {
      await run(this.overlay.release(handle));
    }
  }

  /** Writes into an existing file. */
  async writeAt(path: string, offset: number, data: string | Uint8Array): Promise<void> {
    const handle = await run(this.overlay.open(await this.at(path), { write: true }));
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    try {
      await run(this.overlay.write(handle, offset, bytes));
    } finally {
      await run(this.overlay.release(handle));
    }
  }

  /** Creates a file. */
  async create(path: string, data: string | Uint8Array = ""): Promise<void> {
    const [parent, name] = await this.placeOf(path);
    const handle = await run(this.overlay.create(parent, name, 0o644, { write: true }, context));
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    await run(this.overlay.write(handle, 0, bytes));
    await run(this.overlay.release(handle));
  }

  async mkdir(path: string): Promise<void> {
    await run(this.overlay.mkdir(...(await this.placeOf(path)), 0o755, context));
  }

  async unlink(path: string): Promise<void> {
    await run(this.overlay.unlink(...(await this.placeOf(path))));
  }

  async rmdir(path: string): Promise<void> {
    await run(this.overlay.rmdir(...(await this.placeOf(path))));
  }

  async rename(from: string, to: string, flags = {}): Promise<void> {
    const [parent, name] = await this.placeOf(from);
    await run(this.overlay.rename(parent, name, ...(await this.placeOf(to)), flags));
  }

  async link(from: string, to: string): Promise<void> {
    await run(this.overlay.link(await this.at(from), ...(await this.placeOf(to))));
  }

  async names(path: string): Promise<string[]> {
    const listing = await run(this.overlay.opendir(await this.at(path)));
    return Array.from({ length: listing.length }, (_, i) => listing.entry(i).name).sort();
  }

  /** `status` as short lines. */
  async status(): Promise<string[]> {
    const changes = await run(this.overlay.changes());
    return changes.map(({ path, state, from, linkTo }) =>
      [state, path, from && `from ${from}`, linkTo && `link to ${linkTo}`]
        .filter(Boolean)
        .join(" "),
    );
  }
}
