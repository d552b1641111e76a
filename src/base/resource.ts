/**
 * Files on an HTTP server that nothing but the server vouches for: what one is (its size and version), and its bytes,
 * in chunks of 1 MiB and all of one version. What is read is held in memory, by version, so that versions never mix.
 */
import { FsError } from "../errno.ts";
import { all, type Operation, waitFor } from "../operation.ts";
import type { ObjectCache } from "./cache.ts";
import type { FetchedObject, Fetcher, ObjectRequest, Packing, ResourceVersion } from "./fetcher.ts";
import { chunkBytes } from "./manifest/format.ts";
import { nameOfVersion, versionOf } from "./resource-version.ts";

/** The largest whole that is fetched, and held for a while, from a server that knows no ranges. */
export const maxWhole = 128 * chunkBytes;
/** Chunks of one read that are fetched side by side. */
const chunksAtOnce = 6;

/** A file on a server, of one version. */
export interface Resource {
  readonly url: string;
  readonly size: number;
  readonly version: ResourceVersion;
}

/** What a server tells of a file. */
export interface InspectedResource extends Resource {
  readonly contentType: string | undefined;
  /** Where it is after redirects. */
  readonly finalUrl: string;
}

/**
 * What is at `url`: by a HEAD, and where that does not tell the size, by fetching it.
 * @throws ENOENT, EACCES, EIO as `Fetcher.get`
 */
export function* inspect(
  fetcher: Fetcher,
  url: string,
  fresh = false,
): Operation<InspectedResource> {
  const ask = (part: "head" | "start"): Operation<FetchedObject> =>
    waitFor(fetcher.get({ url, part, maxBytes: part === "head" ? 0 : 1, fresh }));
  let told: FetchedObject;
  try {
    told = yield* ask("head");
    if (told.size === undefined) told = yield* ask("start");
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== "EIO") throw error;
    // Some servers answer no HEAD: what they say to a GET counts.
    told = yield* ask("start");
  }
  // One byte that is said to be the whole may be the part that was asked for, from a server that does not say so.
  const isDoubtful = told.bytes.length === 1 && !told.isPart;
  if (told.size === undefined || isDoubtful) {
    const whole = yield* waitFor(fetcher.get({ url, maxBytes: maxWhole, fresh }));
    told = { ...told, size: whole.bytes.length };
  }
  const size = told.size as number;
  const { contentType, url: finalUrl = url } = told;
  return { url, size, version: versionOf(told), contentType, finalUrl };
}

/** Reads resources in chunks, through a cache. */
export class ResourceReader {
  readonly #fetcher: Fetcher;
  readonly #cache: ObjectCache;
  readonly #ofArchive: boolean;
  /** What was read last, kept even if it is larger than the cache: programs read on where they were. */
  #last: { readonly key: string; readonly bytes: Uint8Array } | undefined;

  /** `ofArchive`: see `ObjectRequest`. */
  constructor(fetcher: Fetcher, cache: ObjectCache, { ofArchive = false } = {}) {
    this.#fetcher = fetcher;
    this.#cache = cache;
    this.#ofArchive = ofArchive;
  }

  /**
   * Fills `into` with what `resource` has from `offset` on, of the `length` bytes from `start` on; returns how many bytes.
   * @throws ESTALE it is of another version by now
   * @throws ENOENT, EACCES, EIO as `Fetcher.get`
   */
  *read(
    resource: Resource,
    offset: number,
    into: Uint8Array,
    { start = 0, length = resource.size } = {},
  ): Operation<number> {
    const end = Math.min(length, offset + into.length);
    if (offset >= end) return 0;
    const past = Math.ceil(end / chunkBytes);
    for (let from = Math.floor(offset / chunkBytes); from < past; from += chunksAtOnce) {
      const copies: Operation<void>[] = [];
      for (let chunk = from; chunk < Math.min(past, from + chunksAtOnce); chunk += 1) {
        copies.push(this.#copy(resource, start, length, chunk, offset, into));
      }
      yield* all(copies);
    }
    return end - offset;
  }

  /**
   * The bytes from `offset` on, `length` of them, unpacked if a packing is given. Held in the cache; not to be written to.
   * @throws as `read`
   */
  *bytes(
    resource: Resource,
    offset: number,
    length: number,
    packing?: Packing,
  ): Operation<Uint8Array> {
    const { url, size, version } = resource;
    const key = `${url}\n${nameOfVersion(version)}\n${offset}+${length}\n${packing?.method ?? ""}`;
    if (this.#last?.key === key) return this.#last.bytes;
    const request = {
      url,
      range: { offset, length, size },
      maxBytes: Math.max(length, Math.min(size, maxWhole)),
      version,
      ofArchive: this.#ofArchive,
      ...(packing && { packing }),
    };
    const bytes = yield* this.#cache.get(key, () => this.#fetch(request));
    this.#last = { key, bytes };
    return bytes;
  }

  *#fetch(request: ObjectRequest): Operation<Uint8Array> {
    return (yield* waitFor(this.#fetcher.get(request))).bytes;
  }

  /** Copies what `into`, which begins at `offset`, takes of one chunk. */
  *#copy(
    resource: Resource,
    start: number,
    length: number,
    chunk: number,
    offset: number,
    into: Uint8Array,
  ): Operation<void> {
    const at = chunk * chunkBytes;
    const chunkLength = Math.min(chunkBytes, length - at);
    const bytes = yield* this.bytes(resource, start + at, chunkLength);
    const from = Math.max(0, offset - at);
    const to = Math.min(chunkLength, offset + into.length - at);
    into.set(bytes.subarray(from, to), at + from - offset);
  }
}
