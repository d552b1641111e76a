/** How Node programs fetch: as everybody does, but inflating by zlib, and keeping what they fetched in a directory. */
import { resolve } from "node:path";
import {
  cachingFetcher,
  defaultFetchCacheBytes,
  type Fetcher,
  FsError,
  httpFetcher,
  isManifest,
  keepingArchives,
} from "../../src/index.ts";
import { defaultCacheDirectory, openDiskCache } from "./disk-cache.ts";
import { inflateByZlib } from "./sealing.ts";
import { tellingFetch } from "./telling-fetch.ts";

/** Where fetched objects are kept. Plain data. */
export interface CacheSetting {
  /** The absolute path of a directory; it is made if it is missing. */
  readonly directory: string;
  /** What it holds at most; 0: nothing is kept, nor looked for. */
  readonly maxBytes: number;
}

/** The setting with this directory and size; `XDG_CACHE_HOME/minifo`, or `~/.cache/minifo`, and 1 GiB unless given. */
export function cacheSetting(given: Partial<CacheSetting> = {}): CacheSetting {
  const { directory, maxBytes = defaultFetchCacheBytes } = given;
  return {
    directory: directory === undefined ? defaultCacheDirectory() : resolve(directory),
    maxBytes,
  };
}

/**
 * Bytes that `text` says, as in "0", "65536", "512M" or "2G".
 * @throws EINVAL it says nothing of the kind
 */
export function bytesIn(text: string): number {
  const [, digits, unit] = /^(\d{1,12})([KMGT]?)$/i.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new FsError("EINVAL", {
      reason: `'${text}' is no size; sizes are such as 0, 512M or 2G`,
    });
  }
  return Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " ");
}

/** A fetcher for this process; without a `cache` it keeps nothing. `say` is told when the network goes and comes back. */
export function networkFetcher(cache?: CacheSetting, say?: (message: string) => void): Fetcher {
  const inflate = inflateByZlib;
  const network = httpFetcher({ inflate, transport: tellingFetch });
  if (!cache || cache.maxBytes === 0) return network;
  const kept = openDiskCache(cache.directory, cache.maxBytes);
  const fetcher = cachingFetcher({
    network,
    cache: kept,
    isPointer: isManifest,
    inflate,
    ...(say && { say }),
  });
  return keepingArchives({ fetcher, cache: kept, inflate });
}
