/**
 * One page at a host: answers its calls, and keeps what it has open. When the page has left, or its tab has ended in
 * whatever way, its files are closed and its batches end.
 */
import { transfer } from "comlink";
import {
  baseUrlOf,
  type FileHandle,
  FsError,
  type FsPromises,
  keptPart,
  run,
} from "../src/index.ts";
import type { Core } from "./core.ts";
import { foreign, protocolVersion } from "./gathering.ts";
import { ended, showLife } from "./ownership.ts";
import type { Prefetching } from "./prefetching.ts";
import { type AttachRequest, buffersOf, Moved, pack, type WorkerCalls } from "./protocol.ts";

/** What a visitor needs of the core. */
export type OpenCore = Pick<Core, "overlay" | "fs" | "url" | "traffic" | "run" | "tell">;

/** What a visitor needs of the host it visits. */
export interface Host {
  readonly name: string;
  /** Waits until the host is the owner, with the overlay of the base at the URL `base` open. */
  become(base: string): Promise<OpenCore>;
  /** @throws Moved the host is not the owner */
  ownCore(): OpenCore;
  takeOver(owner: string | undefined): Promise<void>;
  enter(visitor: object): void;
  left(visitor: object): Promise<void>;
}

/** A batch that is under way. */
interface Batch {
  readonly fs: FsPromises;
  /** Lets it end; resolves once it is committed. */
  end(): Promise<void>;
}

type Method = (...values: readonly unknown[]) => Promise<unknown>;

/** The method `name` of `object`, for calls that come as messages. */
function methodOf(object: object, name: string): Method {
  const method: unknown = Reflect.get(object, name);
  if (typeof method !== "function") throw new FsError("ENOSYS", { syscall: name });
  return (...values) => method.apply(object, values);
}

/** See the head of this file. */
export class Visitor implements WorkerCalls {
  readonly #name: string;
  readonly #hostOf: (storage: string) => Host;
  readonly #isOwn: boolean;
  readonly #hangUp: () => void;
  readonly #gone = new AbortController();
  #host: Host | undefined;
  #enter: () => void = () => {};
  /** Resolves with the first `attach`: calls may overtake it. */
  readonly #entered = new Promise<void>((resolve) => {
    this.#enter = resolve;
  });
  #core: OpenCore | undefined;
  /** Open files by the number they have for the page; each batch counts its own, so theirs cannot serve. */
  readonly #files = new Map<number, FileHandle>();
  readonly #batches = new Map<number, Batch>();
  readonly #prefetches = new Map<number, Prefetching>();
  #lastNumber = 0;

  /** A page of an endpoint of this worker, called `name` as a host (`isOwn`), or of another tab's. */
  constructor(
    name: string,
    hostOf: (storage: string) => Host,
    isOwn: boolean,
    hangUp: () => void = () => {},
  ) {
    this.#name = name;
    this.#hostOf = hostOf;
    this.#isOwn = isOwn;
    this.#hangUp = hangUp;
  }

  async hello() {
    // Whoever knows the name may watch for its end.
    await showLife("", this.#name);
    return { host: this.#name, protocol: protocolVersion };
  }

  async attach({ protocol, page, base, storage, overlayId }: AttachRequest) {
    if (protocol !== protocolVersion) throw foreign(storage, protocolVersion, protocol);
    const host = this.#hostOf(storage);
    if (!this.#host) {
      this.#host = host;
      if (this.#isOwn) host.enter(this);
      ended(page, this.#gone.signal).then(
        () => this.leave(),
        () => {}, // It has left by itself.
      );
    }
    const becoming = this.#isOwn ? host.become(base) : host.ownCore();
    this.#enter();
    const core = await becoming;
    const { overlay } = core;
    refuseOtherBase(storage, core.url, base);
    if (overlayId !== undefined && overlayId !== overlay.superblock.overlayId) {
      const reason =
        "the storage is not the one this page had open: it was deleted, or cleared by the browser, " +
        "and what was changed in it is gone; open the overlay again";
      throw new FsError("ENODEV", { syscall: "open", path: storage, reason });
    }
    this.#core = core;
    const { locator, identity } = overlay.base;
    const kept = keptPart(overlay.base);
    return {
      host: host.name,
      epoch: overlay.superblock.epoch,
      overlayId: overlay.superblock.overlayId,
      base: { locator, identity, ...(kept && { kept }) },
    };
  }

  async takeOver(owner: string | undefined) {
    await this.#entered;
    await this.#host?.takeOver(owner);
  }

  async ping() {}

  async leave() {
    this.#gone.abort();
    this.#core = undefined;
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const prefetching of this.#prefetches.values()) prefetching.end();
    for (const batch of this.#batches.keys()) this.#endBatch(batch).catch(() => {});
    // Whether they close well matters to nobody any more: the page that opened them is gone.
    await Promise.allSettled(files.map((file) => file.close()));
    await this.#host?.left(this);
    // After the answer to this call has been sent.
    setTimeout(this.#hangUp);
  }

  call(batch: number | undefined, method: string, values: readonly unknown[]) {
    return this.#run(async (core) =>
      pack(await methodOf(this.#fsFor(core, batch), method)(...values)),
    );
  }

  openFile(batch: number | undefined, values: readonly unknown[]) {
    return this.#run(async (core) => {
      const file = (await methodOf(this.#fsFor(core, batch), "open")(...values)) as FileHandle;
      if (this.#hasLeft) {
        await file.close();
        throw new Moved();
      }
      const fd = this.#nextNumber();
      this.#files.set(fd, file);
      return fd;
    });
  }

  beginBatch() {
    return this.#run(async (core) => {
      if (this.#hasLeft) throw new Moved();
      const number = this.#nextNumber();
      let end = (): void => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const committed = core.fs.batch((inner) => {
        const stop = (): Promise<void> => {
          end();
          return committed;
        };
        this.#batches.set(number, { fs: inner, end: stop });
        return ended;
      });
      return number;
    });
  }

  endBatch(number: number) {
    return this.#run(() => this.#endBatch(number));
  }

  callFile(fd: number, method: string, values: readonly unknown[]) {
    return this.#run(async () => {
      const file = this.#fileOf(fd);
      if (method === "close") this.#files.delete(fd);
      return pack(await methodOf(file, method)(...values));
    });
  }

  readFile(fd: number, length: number, position: unknown) {
    return this.#run(async () => {
      const buffer = new Uint8Array(length);
      const at = position as number | bigint | null;
      const { bytesRead } = await this.#fileOf(fd).read(buffer, 0, length, at);
      return handedOver(bytesRead < length ? buffer.slice(0, bytesRead) : buffer);
    });
  }

  listDirectory(values: readonly unknown[]) {
    return this.#run(async ({ fs }) => {
      const directory = (await methodOf(fs, "opendir")(...values)) as AsyncIterable<unknown>;
      const entries: unknown[] = [];
      for await (const entry of directory) entries.push(entry);
      return pack(entries);
    });
  }

  listWithStats(path: string) {
    return this.#run(async ({ fs }) => {
      const names = await fs.readdir(path);
      const directory = path.endsWith("/") ? path : `${path}/`;
      const listed = names.map(async (name) => {
        try {
          return [{ name, stats: await fs.lstat(directory + name) }];
        } catch (error) {
          // A name that went while we listed is as if it had gone before.
          if (error instanceof FsError && error.code === "ENOENT") return [];
          throw error;
        }
      });
      return (await Promise.all(listed)).flat();
    });
  }

  readFiles(paths: readonly string[]) {
    return this.#run(async ({ fs }) => {
      const contents = await Promise.all(paths.map((path) => fs.readFile(path)));
      return transfer(contents, buffersOf(contents));
    });
  }

  status() {
    return this.#run(async ({ overlay }) => {
      const { changesOf } = await import("./review.ts");
      return run(changesOf(overlay));
    });
  }

  revert(paths: readonly string[]) {
    return this.#run(async (core) => {
      const { revertOf } = await import("./review.ts");
      const reverted = await run(revertOf(core.overlay, paths));
      core.tell(reverted.map(({ path }) => path));
    });
  }

  original(path: string) {
    return this.#run(async ({ overlay: { base } }) => {
      const node = await run(base.lookup(path));
      if (!node) throw new FsError("ENOENT", { syscall: "open", path });
      const bytes = new Uint8Array(node.size);
      const length = await run(base.read(node, 0, bytes));
      return handedOver(bytes.slice(0, length));
    });
  }

  async traffic() {
    return this.#attached().traffic;
  }

  poll() {
    return this.#run(async ({ overlay }) => {
      const { poll } = await import("./review.ts");
      return run(poll(overlay.base));
    });
  }

  async beginPrefetch(paths: readonly string[]) {
    const { base } = this.#attached().overlay;
    const { Prefetching } = await import("./review.ts");
    if (this.#hasLeft) throw new Moved();
    const number = this.#nextNumber();
    this.#prefetches.set(number, new Prefetching(base, paths));
    return number;
  }

  async prefetchStep(number: number) {
    const prefetching = this.#prefetches.get(number);
    if (!prefetching) throw new Moved();
    return prefetching.step();
  }

  async endPrefetch(number: number) {
    this.#prefetches.get(number)?.end();
    this.#prefetches.delete(number);
  }

  flush() {
    return this.#run(({ overlay }) => run(overlay.commit("strict")));
  }

  /** What was begun for the page and comes to pass after that would be nobody's to end. */
  get #hasLeft(): boolean {
    return this.#gone.signal.aborted;
  }

  #attached(): OpenCore {
    if (!this.#core) throw new Moved();
    return this.#core;
  }

  async #run<T>(work: (core: OpenCore) => Promise<T>): Promise<T> {
    const core = this.#attached();
    return core.run(() => work(core));
  }

  /** The API that calls go to: a batch's, or the one that commits each call. */
  #fsFor(core: OpenCore, batch: number | undefined): FsPromises {
    if (batch === undefined) return core.fs;
    const found = this.#batches.get(batch);
    if (!found) throw new FsError("EBADF", { reason: "the batch has ended" });
    return found.fs;
  }

  async #endBatch(number: number): Promise<void> {
    const batch = this.#batches.get(number);
    this.#batches.delete(number);
    await batch?.end();
  }

  #fileOf(fd: number): FileHandle {
    const file = this.#files.get(fd);
    if (!file) throw new FsError("EBADF", { reason: "file closed" });
    return file;
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}

function handedOver(bytes: Uint8Array): Uint8Array {
  return transfer(bytes, buffersOf([bytes]));
}

function refuseOtherBase(storage: string, open: string, wanted: string): void {
  if (wanted === open || baseUrlOf(wanted) === baseUrlOf(open)) return;
  const reason = `the storage is open over another base, ${open}, in another tab; use another storage`;
  throw new FsError("EINVAL", { syscall: "open", path: storage, reason });
}
