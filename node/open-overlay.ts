/**
 * `openOverlay` for Node programs: a directory or a URL as base, a directory as storage, and over them the programs'
 * API. The core runs in the caller's thread; disk access is synchronous, HTTP is not.
 */
import {
  type Change,
  FsError,
  type FsPromises,
  fsOf,
  type KeptPart,
  keptPart,
  Overlay,
  type PrefetchOptions,
  type PrefetchProgress,
  poll,
  prefetch,
  run,
  type Storage,
} from "../src/index.ts";
import { type CacheSetting, cacheSetting, networkFetcher } from "./base/network.ts";
import { openBase } from "./base/open-base.ts";
import { openDiskStorage } from "./storage/disk.ts";

/** What `openOverlay` needs. Plain data. */
export interface OpenOptions {
  /** URL of a site with a `minifo.json`, or the path of a directory. Default: the base the storage was made over. */
  readonly base?: string;
  /** The directory that keeps the changes; made if it is missing. */
  readonly storage: string;
  /** Take no ownership and refuse every change; works while another process has the storage. */
  readonly readOnly?: boolean;
  /**
   * Where what is fetched of a base over HTTP is kept; default: `XDG_CACHE_HOME/minifo`, or `~/.cache/minifo`, with at most
   * 1 GiB. Many overlays and processes may share one. `false`: nothing is kept.
   */
  readonly cache?: Partial<CacheSetting> | false;
  /** Owner of base objects that state none. Default: this process's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Lie over a base that is neither where nor what the storage's base was. */
  readonly adoptBase?: boolean;
  /** See `OverlayOptions`. */
  readonly maxDirtyBytes?: number;
  /** See `OverlayOptions`. */
  readonly maxInodes?: number;
  /** What others are told this process does with the storage. */
  readonly holder?: string;
}

/** An open overlay, for programs. */
export interface OpenOverlay {
  /** What isomorphic-git and others take as `fs`. */
  readonly fs: { readonly promises: FsPromises };
  readonly overlay: Overlay;
  /** What differs from the base, sorted by path. */
  status(): Promise<Change[]>;
  /** That there was no network when the base was opened, so that it is what was kept of it. */
  readonly kept: KeptPart | undefined;
  /**
   * Asks whether something else is published in the base's place by now: its identity, or null. The overlay stays over the
   * base it was opened with; open it again to follow.
   * @throws EIO, EPROTO it could not be found out
   * @throws EOPNOTSUPP this kind of base cannot be asked
   */
  poll(): Promise<string | null>;
  /**
   * Fetches all of the base at and below `paths`, which are paths of the base, "" all of it, so that it can be read without
   * a network. Requests that somebody waits for go first.
   * @throws ENOENT there is nothing at a path
   * @throws ENOSPC the cache has no room for it; what was fetched stays
   * @throws EOPNOTSUPP nothing vouches for the contents of this kind of base, or nothing is kept (`cache: false`)
   * @throws EIO something cannot be fetched; what was fetched stays
   */
  prefetch(paths: readonly string[], options?: PrefetchOptions): Promise<PrefetchProgress>;
  /** Undoes the changes at and below these paths; returns every path that changed by it. */
  revert(paths: readonly string[]): Promise<string[]>;
  /** Returns when everything done so far is safe from a loss of power. */
  flush(): Promise<void>;
  /** Flushes, and gives the storage free. */
  close(): Promise<void>;
}

/**
 * Opens an overlay.
 * @throws EBUSY a living process has the storage; the message names it
 * @throws ENOENT `readOnly`, or no base was given, and there is no such storage
 * @throws EINVAL the storage belongs to another base, or is not ours to read
 * @throws EIO the base cannot be reached
 */
export async function openOverlay(options: OpenOptions): Promise<OpenOverlay> {
  const { readOnly = false, holder } = options;
  const owner = options.owner ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const storage = openDiskStorage(options.storage, {
    readOnly,
    create: !readOnly && options.base !== undefined,
    ...(holder !== undefined && { holder }),
  });
  const overlay = await opened(storage, async () => {
    const cache = options.cache === false ? undefined : cacheSetting(options.cache);
    const locator = options.base ?? (await locatorOf(storage, options.storage));
    const base = await run(openBase(locator, () => networkFetcher(cache)));
    try {
      const { adoptBase = false, maxDirtyBytes, maxInodes } = options;
      const bounds = {
        ...(maxDirtyBytes !== undefined && { maxDirtyBytes }),
        ...(maxInodes !== undefined && { maxInodes }),
      };
      return await run(Overlay.open({ base, storage, readOnly, owner, adoptBase, ...bounds }));
    } catch (error) {
      await run(base.close());
      throw error;
    }
  });
  return {
    fs: fsOf(overlay),
    overlay,
    status: () => run(overlay.changes()),
    kept: keptPart(overlay.base),
    prefetch: (paths, settings) => run(prefetch(overlay.base, paths, settings)),
    poll: () => run(poll(overlay.base)),
    revert: async (paths) => (await run(overlay.revert(paths))).map(({ path }) => path),
    flush: () => run(overlay.commit("strict")),
    close: () => run(overlay.close()),
  };
}

/** What `open` gives; if it fails the storage is closed again. */
async function opened(storage: Storage, open: () => Promise<Overlay>): Promise<Overlay> {
  try {
    return await open();
  } catch (error) {
    await run(storage.close());
    throw error;
  }
}

async function locatorOf(storage: Storage, path: string): Promise<string> {
  const superblock = await run(storage.superblock());
  if (superblock) return superblock.base.locator;
  throw new FsError("ENOENT", { syscall: "open", path, reason: "nothing was ever stored there" });
}
