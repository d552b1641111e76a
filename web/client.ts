/**
 * The page's door: opens an overlay, whose core runs in one worker for all tabs that have the storage open. Options are
 * plain data. What the page asks goes over a `Connection`, which finds the worker.
 */
import type { Change, PathChange, PrefetchOptions, PrefetchProgress } from "../src/index.ts";
import { catchWholeErrors } from "./caught-errors.ts";
import { Connection, everySecond, type Heartbeat } from "./connection.ts";
import { hostWorker, type SharedWorkerLike } from "./host-worker.ts";
import type { Ask } from "./link.ts";
import {
  type Attached,
  type AttachedBase,
  type ListedEntry,
  revivedStats,
  type Traffic,
  type WorkerCalls,
} from "./protocol.ts";
import { loadOpenFiles, type PageFs, remoteFs, untilAborted } from "./remote-fs.ts";

/** What `openOverlay` opens. */
export interface PageOverlayOptions {
  /** URL of the base: a directory with a `minifo.json`. */
  readonly base: string;
  /** Name of the storage in this origin. It is created if there is none. */
  readonly storage: string;
  /**
   * Where the core runs: in a SharedWorker ("shared", the default where there are any), or in a worker of one of the
   * tabs, which the others reach through their browser.
   */
  readonly ownership?: "shared" | "tab";
  /** A worker that runs `minifo/worker`, for bundlers that have to see it made. It is the overlay's from now on. */
  readonly worker?: Worker | SharedWorkerLike;
}

/** What a call takes that can be ended. */
export interface Abortable {
  /** Ends the waiting with an AbortError. */
  readonly signal?: AbortSignal;
}

/** Tells a page what changed, in whichever tab. */
export class OverlayChangeEvent extends Event {
  /** What changed, in order; undefined: anything may have, as when another tab took over from one that crashed. */
  readonly changes: readonly PathChange[] | undefined;

  constructor(changes: readonly PathChange[] | undefined) {
    super("change");
    this.changes = changes;
  }
}

/** Tells a page that its storage was deleted, or cleared by the browser: whatever was in it is gone. */
export class OverlayLostEvent extends Event {
  readonly reason: string;

  constructor(reason: string) {
    super("lost");
    this.reason = reason;
  }
}

interface OverlayEvents {
  readonly change: OverlayChangeEvent;
  readonly lost: OverlayLostEvent;
}

/** An open overlay, seen from the page. Tells of changes with the events "change" and "lost". */
export class PageOverlay extends EventTarget {
  /** What isomorphic-git and others take as `fs`. */
  readonly fs: { readonly promises: PageFs };
  /** Name of the storage. */
  readonly storage: string;
  /** Where the base is, which version of it this is, and whether there was no network, so that it is what was kept. */
  readonly base: AttachedBase;
  /**
   * Drawn at random when the storage was begun. One that differs from what it was says that the browser, or somebody,
   * has cleared the storage meanwhile.
   */
  readonly id: string;
  readonly #connection: Connection;

  static {
    // Where the runtime has `await using`, an overlay can be declared so.
    const asyncDispose: unknown = Reflect.get(Symbol, "asyncDispose");
    if (typeof asyncDispose === "symbol") {
      const value = function (this: PageOverlay) {
        return this.close();
      };
      Object.defineProperty(PageOverlay.prototype, asyncDispose, { value, configurable: true });
    }
  }

  /** For `openOverlay` alone. */
  constructor(connection: Connection, storage: string, { base, overlayId }: Attached) {
    super();
    this.#connection = connection;
    this.fs = { promises: remoteFs(connection) };
    this.storage = storage;
    this.base = base;
    this.id = overlayId;
    connection.changes.subscribe((changes) => this.dispatchEvent(new OverlayChangeEvent(changes)));
  }

  override addEventListener<Type extends keyof OverlayEvents>(
    type: Type,
    listener: ((event: OverlayEvents[Type]) => void) | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    // biome-ignore lint/suspicious/noExplicitAny: narrowed by the overloads, which are all that is seen from outside
    listener: any,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options);
  }

  /**
   * What differs from the base, sorted by path.
   * @throws AbortError `signal`
   */
  status({ signal }: Abortable = {}): Promise<readonly Change[]> {
    return untilAborted(signal, () => this.#read("status", (calls) => calls.status()));
  }

  /**
   * Undoes the changes at and below these paths, which have no slash in front.
   * @throws AbortError `signal`; what was begun is done all the same
   */
  revert(paths: readonly string[], { signal }: Abortable = {}): Promise<void> {
    const asked = {
      syscall: "revert",
      path: paths[0],
      repeatable: false,
      ask: (calls: WorkerCalls) => calls.revert(paths),
    };
    return untilAborted(signal, () => this.#connection.call(asked));
  }

  /**
   * The base's content of the file at the base path `path`.
   * @throws ENOENT the base has no such file
   */
  original(path: string): Promise<Uint8Array> {
    return this.#read("open", (calls) => calls.original(path));
  }

  /** The names in a directory, sorted, each with what `lstat` tells of it: one message for all of them. */
  async list(path: string): Promise<readonly ListedEntry[]> {
    const entries = await this.#read("scandir", (calls) => calls.listWithStats(path));
    return entries.map(({ name, stats }) => ({ name, stats: revivedStats(stats) }));
  }

  /** The contents of many files, in their order: one message for all of them. Fails if one cannot be read. */
  readMany(paths: readonly string[]): Promise<readonly Uint8Array[]> {
    return this.#read("open", (calls) => calls.readFiles(paths));
  }

  /** What was fetched for the base since the worker that keeps the storage now opened it. */
  traffic(): Promise<Traffic> {
    return this.#read("statfs", (calls) => calls.traffic());
  }

  /**
   * Asks whether something else is published in the base's place by now: its identity, or null. The overlay stays over the
   * base it was opened with; close it in every tab and open it again to follow.
   * @throws EIO, EPROTO it could not be found out
   * @throws EOPNOTSUPP this kind of base cannot be asked
   */
  poll(): Promise<string | null> {
    return this.#read("poll", (calls) => calls.poll());
  }

  /**
   * Fetches all of the base at and below `paths`, which are paths of the base, "" all of it, so that it can be read without
   * a network. Requests that somebody waits for go first.
   * @throws ENOENT there is nothing at a path
   * @throws ENOSPC the browser gives no room for it; what was fetched stays
   * @throws ECANCELED `signal`; what was fetched stays
   * @throws EOPNOTSUPP nothing vouches for the contents of this kind of base, or this browser keeps nothing
   */
  prefetch(paths: readonly string[], options: PrefetchOptions = {}): Promise<PrefetchProgress> {
    const ask = async (calls: WorkerCalls): Promise<PrefetchProgress> => {
      const { followPrefetch } = await import("./follow-prefetch.ts");
      return followPrefetch(calls, paths, options);
    };
    return this.#read("prefetch", ask);
  }

  /** Makes everything done so far safe against a loss of power, as far as the browser can promise it. */
  flush(): Promise<void> {
    return this.#read("fsync", (calls) => calls.flush());
  }

  /** Gives the storage free for whoever else wants it. Nothing may be called after it; a second time does nothing. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #read<T>(syscall: string, ask: Ask<T>["ask"]): Promise<T> {
    return this.#connection.call({ syscall, repeatable: true, ask });
  }
}

/**
 * Opens an overlay of `base` in the storage `storage` of this origin. Other tabs may have it open too.
 * @throws ENOENT, EPROTO, EACCES, EIO the base cannot be read; `reason` says why
 * @throws EINVAL the storage belongs to another base, or was written by a later version
 * @throws EBUSY another tab has it open with another version of the library
 */
export function openOverlay(options: PageOverlayOptions): Promise<PageOverlay> {
  return openOverlayWith(options, everySecond);
}

/** As `openOverlay`, with a heartbeat of the caller's: tests play a frozen owner through without waiting. */
export async function openOverlayWith(
  { base, storage, ownership, worker }: PageOverlayOptions,
  heartbeat: Heartbeat,
): Promise<PageOverlay> {
  catchWholeErrors();
  let given = worker;
  const makeHost = (wanted: "shared" | "tab") => {
    const own = given ?? newWorker(storage, wanted === "tab" ? wanted : (ownership ?? wanted));
    given = undefined;
    return hostWorker(own);
  };
  let overlay: PageOverlay | undefined;
  const lost = (reason: string) => overlay?.dispatchEvent(new OverlayLostEvent(reason));
  const connection = new Connection(base, storage, makeHost, heartbeat, lost);
  try {
    const { attached } = await connection.link();
    overlay = new PageOverlay(connection, storage, attached);
    // If it fails, who opens a file asks again, and is told.
    loadOpenFiles("open", base).catch(() => {});
    return overlay;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

declare const SharedWorker: new (
  url: URL,
  options: { readonly type: "module"; readonly name: string },
) => SharedWorkerLike;

function newWorker(storage: string, ownership: "shared" | "tab"): Worker | SharedWorkerLike {
  // Chrome on Android has no SharedWorker.
  if (ownership === "tab" || !("SharedWorker" in globalThis)) {
    return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  }
  const name = `minifo ${storage}`;
  return new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name });
}
