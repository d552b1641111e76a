/**
 * What a page at a host does beyond reading whole files and directories: its open files, its batches, its prefetches, and
 * what it asks of the changes as such. It ends with the page's `leave`. A part of what is loaded later (core.ts).
 */
import {
  changesOf,
  type FileHandle,
  FsError,
  type FsPromises,
  feedOf,
  type OverlayFiles,
  poll,
  revertOf,
  run,
} from "../src/index.ts";
import type { Core } from "./core.ts";
import { Prefetching } from "./prefetching.ts";
import { handedOver, Moved, methodOf, pack, type VisitCalls } from "./protocol.ts";

/** What a visit needs of the core. */
export type VisitedCore = Pick<Core, "base" | "run">;

/** A batch that is under way. */
interface Batch {
  readonly fs: FsPromises;
  /** Lets it end; resolves once it is committed. */
  end(): Promise<void>;
}

/** See the head of this file. */
export class Visit implements VisitCalls {
  readonly #core: VisitedCore;
  readonly #fs: FsPromises;
  readonly #overlay: OverlayFiles;
  /** Open files by the number they have for the page; each batch counts its own, so theirs cannot serve. */
  readonly #files = new Map<number, FileHandle>();
  readonly #batches = new Map<number, Batch>();
  readonly #prefetches = new Map<number, Prefetching>();
  #lastNumber = 0;
  /** What was begun for the page and comes to pass after that would be nobody's to end. */
  #hasLeft = false;

  constructor(
    core: VisitedCore,
    { fs, overlay }: { readonly fs: FsPromises; readonly overlay: OverlayFiles },
  ) {
    this.#core = core;
    this.#fs = fs;
    this.#overlay = overlay;
  }

  /** Closes all that is open. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const prefetching of this.#prefetches.values()) prefetching.end();
    for (const batch of this.#batches.keys()) this.#endBatch(batch).catch(() => {});
    // Whether they close well matters to nobody any more: the page that opened them is gone.
    await Promise.allSettled(files.map((file) => file.close()));
  }

  call(batch: number | undefined, method: string, values: readonly unknown[]) {
    return this.#core.run(async () => pack(await methodOf(this.#fsFor(batch), method)(...values)));
  }

  openFile(batch: number | undefined, values: readonly unknown[]) {
    return this.#core.run(async () => {
      const file = (await methodOf(this.#fsFor(batch), "open")(...values)) as FileHandle;
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
    return this.#core.run(async () => {
      if (this.#hasLeft) throw new Moved();
      const number = this.#nextNumber();
      let end = (): void => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const committed = this.#fs.batch((inner) => {
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
    return this.#core.run(() => this.#endBatch(number));
  }

  callFile(fd: number, method: string, values: readonly unknown[]) {
    return this.#core.run(async () => {
      const file = this.#fileOf(fd);
      if (method === "close") this.#files.delete(fd);
      return pack(await methodOf(file, method)(...values));
    });
  }

  readFile(fd: number, length: number, position: unknown) {
    return this.#core.run(async () => {
      const buffer = new Uint8Array(length);
      const at = position as number | bigint | null;
      const { bytesRead } = await this.#fileOf(fd).read(buffer, 0, length, at);
      return handedOver(bytesRead < length ? buffer.slice(0, bytesRead) : buffer);
    });
  }

  listDirectory(values: readonly unknown[]) {
    return this.#core.run(async () => {
      const directory = (await methodOf(this.#fs, "opendir")(...values)) as AsyncIterable<unknown>;
      const entries: unknown[] = [];
      for await (const entry of directory) entries.push(entry);
      return pack(entries);
    });
  }

  original(path: string) {
    return this.#core.run(async () => {
      const { base } = this.#core;
      const node = await run(base.lookup(path));
      if (!node) throw new FsError("ENOENT", { syscall: "open", path });
      const bytes = new Uint8Array(node.size);
      const length = await run(base.read(node, 0, bytes));
      return handedOver(bytes.slice(0, length));
    });
  }

  status() {
    return this.#core.run(() => run(changesOf(this.#overlay)));
  }

  revert(paths: readonly string[]) {
    return this.#core.run(async () => {
      const reverted = await run(revertOf(this.#overlay, paths));
      // All of them may mean something else.
      feedOf(this.#overlay).publish(
        reverted.map(({ path }) => ({ path: `/${path}`, kind: "rename" })),
      );
    });
  }

  poll() {
    return this.#core.run(() => run(poll(this.#overlay.base)));
  }

  async beginPrefetch(paths: readonly string[]) {
    if (this.#hasLeft) throw new Moved();
    const number = this.#nextNumber();
    this.#prefetches.set(number, new Prefetching(this.#overlay.base, paths));
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
    return this.#core.run(() => run(this.#overlay.commit("strict")));
  }

  /** The API that calls go to: a batch's, or the one that commits each call. */
  #fsFor(batch: number | undefined): FsPromises {
    if (batch === undefined) return this.#fs;
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
