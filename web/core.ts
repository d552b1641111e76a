/**
 * The core while a host owns the storage: what is read and changed over its base, and what has to be known to give it up.
 * It knows nothing of pages or locks; once `closed` it does nothing more, and whoever called it is sent to the next owner.
 *
 * It comes in two stages. What opens an overlay, lists directories and reads files is there at once; all that changes
 * something (whole-core.ts) is loaded right after the overlay is open, before anybody has asked for it, and then takes the
 * place of the first. Who needs it before waits for it; if it cannot be loaded that call fails, and the next one tries again.
 */
import {
  type Base,
  type ChangeListener,
  cachingFetcher,
  type Fetcher,
  FsError,
  FsReading,
  httpFetcher,
  isManifest,
  type ObjectRequest,
  ReadingOverlay,
  run,
  type Superblock,
} from "../src/index.ts";
import { fetchOfBase } from "./base-request.ts";
import { FetchCacheToCome } from "./fetch-cache-to-come.ts";
import { FirstStorage } from "./first-storage.ts";
import { openWebBase } from "./open-base.ts";
import { Moved, type Traffic } from "./protocol.ts";
import type { WholeCore } from "./whole-core.ts";

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

/** What a core tells its host. */
export interface CoreEvents {
  /** The browser, or another page, took the storage away. */
  lost(core: Core, why: string): void;
  readonly changed: ChangeListener;
  /** Nobody waits for the opening any more: what of it waits for the network fails. */
  readonly ending: AbortSignal;
}

/** What is there at once. */
interface FirstStage {
  readonly storage: FirstStorage;
  readonly fs: FsReading;
}

/**
 * Loads what changes things; the page may still do all else if that fails.
 * @throws EIO it cannot be loaded
 */
export async function loadWhole(): Promise<typeof import("./whole-core.ts")> {
  try {
    return await import("./whole-core.ts");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const reason =
      `the part of minifo that changes files could not be loaded (${why}); nothing was changed; try again, or reload ` +
      "the page";
    throw new FsError("EIO", { reason, cause });
  }
}

/** See the head of this file. */
export class Core {
  readonly base: Base;
  /** The base's URL as it was given. */
  readonly url: string;
  readonly #name: string;
  readonly #network: CountingFetcher;
  readonly #cache: FetchCacheToCome;
  readonly #events: CoreEvents;
  #first: FirstStage | undefined;
  #whole: WholeCore | undefined;
  #gettingWhole: Promise<WholeCore> | undefined;
  /** From when the whole is loaded. */
  #openingWhole: Promise<WholeCore> | undefined;
  #closed: Error | undefined;
  #isAbandoned = false;
  /** Ends the waiting for what is being loaded. */
  #end: (error: Error) => void = () => {};
  readonly #ended = new Promise<never>((_, reject) => {
    this.#end = reject;
  });
  #busy = 0;
  #idle: () => void = () => {};
  #lastSign_ms = performance.now();

  private constructor(
    name: string,
    url: string,
    base: Base,
    network: CountingFetcher,
    cache: FetchCacheToCome,
    events: CoreEvents,
  ) {
    this.#name = name;
    this.url = url;
    this.base = base;
    this.#network = network;
    this.#cache = cache;
    this.#events = events;
    this.#ended.catch(() => {}); // Whoever waits is told.
  }

  /**
   * Opens the overlay in the storage over the base.
   * @throws ENOENT, EPROTO, EACCES, EIO the base cannot be read
   * @throws EINVAL the storage belongs to another base, or was written by a later version
   */
  static async open(name: string, url: string, events: CoreEvents): Promise<Core> {
    const network = new CountingFetcher(httpFetcher({ transport: fetchOfBase }));
    const cache = new FetchCacheToCome();
    const fetcher = cachingFetcher({ network, cache, isPointer: isManifest });
    const { ending } = events;
    ending.throwIfAborted();
    ending.addEventListener("abort", () => fetcher.close());
    const base = await run(openWebBase(url, fetcher));
    const core = new Core(name, url, base, network, cache, events);
    ending.addEventListener("abort", () => core.#end(new Moved()));
    try {
      await core.#openFirst();
      if (!core.#first) await core.whole();
      return core;
    } catch (error) {
      core.abandon();
      await run(base.close());
      throw error;
    }
  }

  /** Opens what only reads, where that will do. */
  async #openFirst(): Promise<void> {
    // What may change by itself, or has moved, needs records of what it was: that is the whole's matter.
    if (!this.base.capabilities.snapshot) return;
    const lost = (why: string): void => {
      if (!this.#whole) this.#events.lost(this, why);
    };
    let storage: FirstStorage | undefined;
    try {
      storage = await FirstStorage.take(this.#name, this.base, lost);
      if (!storage) return;
      const { superblock } = storage.taken;
      const reading = { base: this.base, storage: storage.records(), superblock };
      const fs = new FsReading(await run(ReadingOverlay.open(reading)));
      this.#first = { storage, fs };
    } catch {
      // Whatever is in the way, the whole meets it too, and can tell more of it and of what to do.
      storage?.close();
    }
  }

  get superblock(): Superblock {
    const superblock = this.#whole?.overlay.superblock ?? this.#first?.storage.taken.superblock;
    if (!superblock) throw new Error("bug: a core that is not open was asked for its superblock");
    return superblock;
  }

  get traffic(): Traffic {
    return this.#network.traffic;
  }

  /**
   * All of the core.
   * @throws EIO it cannot be loaded; nothing was changed, and the next call tries again
   * @throws ENODEV the storage is gone
   * @throws Moved it is another owner's by now
   */
  whole(): Promise<WholeCore> {
    this.#gettingWhole ??= this.#getWhole().catch(async (error) => {
      this.#gettingWhole = undefined;
      this.refuseIfClosed();
      throw (await this.#isOvertakenBy(error)) ? new Moved() : error;
    });
    return this.#gettingWhole;
  }

  async #getWhole(): Promise<WholeCore> {
    const { openWhole } = await Promise.race([loadWhole(), this.#ended]);
    this.refuseIfClosed();
    this.#openingWhole = openWhole({
      name: this.#name,
      base: this.base,
      taken: this.#first?.storage.taken,
      cache: this.#cache,
      lost: (why) => this.#events.lost(this, why),
      changed: this.#events.changed,
    });
    const whole = await this.#openingWhole;
    this.#whole = whole;
    this.#first?.storage.close();
    if (this.#isAbandoned) run(whole.storage.close()).catch(() => {}); // As in `abandon`.
    return whole;
  }

  /**
   * What `read` gives, by whatever is there: what only reads has not to wait for what changes things. What is read while
   * that comes is read again by it, since it may already have been changed.
   */
  async read<T>(read: (fs: FsReading) => Promise<T>): Promise<T> {
    if (this.#first && !this.#whole) {
      try {
        const answer = await read(this.#first.fs);
        if (!this.#whole) return answer;
      } catch (error) {
        if (!this.#whole) throw error;
      }
    }
    return await read((await this.whole()).fs);
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

  refuseIfClosed(): void {
    if (this.#closed) throw this.#closed;
  }

  /** Ends at once, without a commit: calls under way and later ones fail with `error`. */
  abandon(error: Error = new Moved()): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#isAbandoned = true;
    this.#end(error);
    this.#first?.storage.close();
    // The storage is another's by now, or gone; what waits for a commit is not ours to store.
    if (this.#whole) run(this.#whole.storage.close()).catch(() => {});
  }

  /** Lets the calls under way end, takes no more, commits everything and closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = new Moved();
    this.#end(this.#closed);
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    // That it could not be opened whoever asked for it was told.
    const whole = this.#whole ?? (await this.#openingWhole?.catch(() => undefined));
    if (whole) await run(whole.overlay.close());
    else {
      this.#first?.storage.close();
      await run(this.base.close());
    }
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
    const whole = this.#whole;
    const stored = await (whole
      ? run(whole.storage.superblock())
      : this.#first?.storage.superblock());
    const isOvertaken = stored !== undefined && stored.epoch !== this.superblock.epoch;
    if (isOvertaken) this.abandon();
    return isOvertaken;
  }
}
