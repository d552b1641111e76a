/**
 * The page's door: opens an overlay in a worker of its own and speaks to it through comlink. Options are plain data.
 */
import { type Remote, releaseProxy, wrap } from "comlink";
import type { Change } from "../src/index.ts";
import { installErrorTransfer, type Traffic, type WorkerCalls } from "./protocol.ts";
import { type PageFs, remoteFs } from "./remote-fs.ts";

/** What `openOverlay` opens. */
export interface PageOverlayOptions {
  /** URL of the base: a directory with a `minifo.json`. */
  readonly base: string;
  /** Name of the storage in this origin. It is created if there is none. */
  readonly storage: string;
  /** A worker that runs `minifo/worker`, for bundlers that have to see it made. It is the overlay's from now on. */
  readonly worker?: Worker;
}

/** An open overlay, seen from the page. */
export interface PageOverlay {
  /** What isomorphic-git and others take as `fs`. */
  readonly fs: { readonly promises: PageFs };
  /** Name of the storage. */
  readonly storage: string;
  /** Where the base is, and which version of it this is. */
  readonly base: { readonly locator: string; readonly identity: string };
  /** What differs from the base, sorted by path. */
  status(): Promise<readonly Change[]>;
  /** Undoes the changes at and below these paths, which have no slash in front. */
  revert(paths: readonly string[]): Promise<void>;
  /**
   * The base's content of the file at the base path `path`.
   * @throws ENOENT the base has no such file
   */
  original(path: string): Promise<Uint8Array>;
  /** What was fetched for the base so far. */
  traffic(): Promise<Traffic>;
  /** Makes everything done so far safe against a loss of power, as far as the browser can promise it. */
  flush(): Promise<void>;
  /** Commits, gives the storage free and ends the worker. Nothing may be called after it. */
  close(): Promise<void>;
}

/**
 * Opens an overlay of `base` in the storage `storage` of this origin, which nobody else may have open.
 * @throws EBUSY another tab has the storage open
 * @throws ENOENT, EPROTO, EACCES, EIO the base cannot be read; `reason` says why
 * @throws EINVAL the storage belongs to another base, or was written by a later version
 */
export async function openOverlay(options: PageOverlayOptions): Promise<PageOverlay> {
  installErrorTransfer();
  const { storage } = options;
  const worker =
    options.worker ?? new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const calls: Remote<WorkerCalls> = wrap(worker);
  const end = (): void => {
    calls[releaseProxy]();
    worker.terminate();
  };
  try {
    const base = await Promise.race([
      calls.open({ base: options.base, storage }),
      failureToStart(worker),
    ]);
    return {
      fs: { promises: remoteFs(calls) },
      storage,
      base,
      status: () => calls.status(),
      revert: (paths) => calls.revert(paths),
      original: (path) => calls.original(path),
      traffic: () => calls.traffic(),
      flush: () => calls.flush(),
      async close() {
        try {
          await calls.close();
        } finally {
          end();
        }
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Rejects if the worker's script cannot be loaded or run: no message would ever come from it. */
function failureToStart(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener(
      "error",
      ({ message }) =>
        reject(
          new Error(`The overlay's worker failed: ${message || "its script cannot be loaded"}`),
        ),
      { once: true },
    );
  });
}
