/**
 * The core while a host owns the storage: the overlay over its base, and what has to be known to give it up. It knows
 * nothing of pages or locks; once `closed` it does nothing more, and whoever called it is sent to the next owner.
 */
import {
  type Fetcher,
  type FsPromises,
  feedOf,
  fsOf,
  httpFetcher,
  type ObjectRequest,
  OverlayFiles,
  run,
  type Storage,
} from "../src/index.ts";
import { fetchOfBase } from "./base-request.ts";
import { withFetchCache } from "./fetch-cache.ts";
import { openIndexedDbStorage } from "./indexeddb.ts";
import { openWebBase } from "./open-base.ts";
import { Moved, type Traffic } from "./protocol.ts";

/** A fetcher that counts what it gets. */
class CountingFetcher implements Fetcher {
  readonly #fetcher: Fetcher;
  #requests = 0;
  #bytes = 0;

  constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher;
  }

  get traffic(): Traffic {
    return { requests: this.#requests, bytes: this.#bytes };
  }

  get(request: ObjectRequest) {
    this.#requests += 1;
    const getting = this.#fetcher.get(request);
    getting.then(
      ({ bytes }) => {
        this.#bytes += bytes.length;
      },
      () => {}, // Whoever asked is told; nothing came that could be counted.
    );
    return getting;
  }

  close(): void {
    this.#fetcher.close();
  }
}

/**
 * Milliseconds of silence after which an owner cannot be sure that it was not taken for frozen meanwhile. Pages wait
 * several times as long before they do.
 */
const silence_ms = 2000;

/** See the head of this file. */
export class Core {
  readonly overlay: OverlayFiles;
  readonly fs: FsPromises;
  /** The base's URL as it was given. */
  readonly url: string;
  readonly #storage: Storage;
  readonly #fetcher: CountingFetcher;
  #closed: Error | undefined;
  #busy = 0;
  #idle: () => void = () => {};
  #lastSign_ms = performance.now();

  private constructor(
    overlay: OverlayFiles,
    storage: Storage,
    fetcher: CountingFetcher,
    url: string,
  ) {
    this.overlay = overlay;
    this.url = url;
    this.fs = fsOf(overlay).promises;
    this.#storage = storage;
    this.#fetcher = fetcher;
  }

  /**
   * Opens the overlay in the storage over the base; `lost` is told when the browser takes the storage away.
   * @throws ENOENT, EPROTO, EACCES, EIO the base cannot be read
   * @throws EINVAL the storage belongs to another base, or was written by a later version
   */
  static async open(storage: string, url: string, lost: (why: string) => void): Promise<Core> {
    const network = new CountingFetcher(httpFetcher({ transport: fetchOfBase }));
    const base = await run(openWebBase(url, await withFetchCache(network)));
    const opened = await openIndexedDbStorage(storage, { lost });
    try {
      return new Core(
        await run(OverlayFiles.open({ base, storage: opened })),
        opened,
        network,
        url,
      );
    } catch (error) {
      await run(opened.close());
      throw error;
    }
  }

  get traffic(): Traffic {
    return this.#fetcher.traffic;
  }

  /**
   * Does `work`, unless the storage has another owner by now.
   * @throws Moved it has, or gets one; nothing of the work is in the storage, unless it commits several times
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.refuseIfClosed();
    this.#busy += 1;
    try {
      await this.#refuseIfOvertaken();
      return await work();
    } catch (error) {
      // Whatever failed while we were overtaken failed because of that.
      this.refuseIfClosed();
      throw (await this.#isOvertakenBy(error)) ? new Moved() : error;
    } finally {
      this.#lastSign_ms = performance.now();
      this.#busy -= 1;
      if (this.#busy === 0) this.#idle();
    }
  }

  /** Tells the watchers that all of `paths` may mean something else. */
  tell(paths: readonly string[]): void {
    feedOf(this.overlay).publish(paths.map((path) => ({ path: `/${path}`, kind: "rename" })));
  }

  refuseIfClosed(): void {
    if (this.#closed) throw this.#closed;
  }

  /** Ends at once, without a commit: calls under way and later ones fail with `error`. */
  abandon(error: Error = new Moved()): void {
    if (this.#closed) return;
    this.#closed = error;
    // The storage is another's by now, or gone; what waits for a commit is not ours to store.
    run(this.#storage.close()).catch(() => {});
  }

  /** Lets the calls under way end, takes no more, commits everything and closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = new Moved();
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await run(this.overlay.close());
  }

  /** After a silence, asks the storage whether it is still ours before it answers anything from memory. */
  async #refuseIfOvertaken(): Promise<void> {
    if (performance.now() - this.#lastSign_ms < silence_ms) return;
    if (await this.#isOvertaken()) throw new Moved();
    this.#lastSign_ms = performance.now();
  }

  async #isOvertakenBy(error: unknown): Promise<boolean> {
    const isStale = error instanceof Error && Reflect.get(error, "code") === "ESTALE";
    return isStale && (await this.#isOvertaken());
  }

  async #isOvertaken(): Promise<boolean> {
    const stored = await run(this.#storage.superblock());
    const isOvertaken = stored !== undefined && stored.epoch !== this.overlay.superblock.epoch;
    if (isOvertaken) this.abandon();
    return isOvertaken;
  }
}
