/**
 * What was read of an archive, kept from one opening to the next: the bytes in a fetch cache by their digest, and, kept like
 * a pointer, one record an archive that says which digest each part had in which version. A part is given without asking
 * the server only while the version is the one that was seen there at opening, and only if it still has its digest. Where a
 * server tells no version, nothing is kept. The cache never fails a read.
 */
import type { FetchCache } from "./fetch-cache.ts";
import type { FetchedObject, Fetcher, ObjectRequest } from "./fetcher.ts";
import { nameOfVersion } from "./resource-version.ts";
import { type Inflate, inflateByStream, unpackedObject } from "./unpack.ts";
import { sha256Of } from "./verify.ts";

export interface ArchiveKeepingOptions {
  /** Asked for what is not kept; closed with this fetcher. */
  readonly fetcher: Fetcher;
  /** Closed by `fetcher`, whose it is too. */
  readonly cache: FetchCache;
  /** Default: by DecompressionStream. */
  readonly inflate?: Inflate;
}

/** `fetcher`, but parts of archives (see `ObjectRequest.ofArchive`) are kept. */
export function keepingArchives(options: ArchiveKeepingOptions): Fetcher {
  return new ArchiveKeeper(options);
}

/** What is kept of one version of an archive. */
interface ArchiveRecord {
  readonly url: string;
  readonly version: string;
  /** The SHA-256 of each part. */
  readonly digests: Map<string, string>;
  /** Being written down, so that what comes meanwhile waits for the next time. */
  isUnderWay: boolean;
  isBehind: boolean;
}

class ArchiveKeeper implements Fetcher {
  readonly #fetcher: Fetcher;
  readonly #cache: FetchCache;
  readonly #inflate: Inflate;
  /** By URL, of the version that was asked for last. */
  readonly #records = new Map<string, { version: string; record: Promise<ArchiveRecord> }>();

  constructor({ fetcher, cache, inflate = inflateByStream }: ArchiveKeepingOptions) {
    this.#fetcher = fetcher;
    this.#cache = cache;
    this.#inflate = inflate;
  }

  get(request: ObjectRequest): ReturnType<Fetcher["get"]> {
    const { ofArchive, version } = request;
    const isVersioned = version?.etag !== undefined || version?.lastModified !== undefined;
    if (!ofArchive || !isVersioned) return this.#fetcher.get(request);
    return this.#getPart(request, nameOfVersion(version));
  }

  close(): void {
    this.#fetcher.close();
  }

  async #getPart(request: ObjectRequest, version: string): Promise<FetchedObject> {
    const record = await this.#recordOf(request.url, version);
    const part = partOf(request);
    const kept = await this.#kept(record.digests.get(part), request);
    if (kept) return await unpackedObject(kept, request, this.#inflate);
    // As it comes, for the digest is that of the packed bytes.
    const { packing, ...packed } = request;
    const fetched = await this.#fetcher.get(packed);
    // A cache that is full or broken takes nothing from a reader.
    this.#keep(record, part, fetched).catch(() => {});
    return await unpackedObject(fetched, request, this.#inflate);
  }

  async #kept(
    sha256: string | undefined,
    { range }: ObjectRequest,
  ): Promise<FetchedObject | undefined> {
    if (sha256 === undefined) return undefined;
    try {
      const bytes = await this.#cache.object(sha256);
      if (!bytes || (range && bytes.length !== range.length)) return undefined;
      if ((await sha256Of(bytes)) === sha256) return { bytes, sha256 };
      await this.#cache.drop(sha256);
    } catch {
      // A cache that cannot be read is one in which nothing is.
    }
    return undefined;
  }

  async #keep(record: ArchiveRecord, part: string, fetched: FetchedObject): Promise<void> {
    await this.#cache.keep(fetched.sha256, fetched.bytes);
    record.digests.set(part, fetched.sha256);
    record.isBehind = true;
    if (record.isUnderWay) return;
    record.isUnderWay = true;
    try {
      while (record.isBehind) {
        record.isBehind = false;
        await this.#write(record);
      }
    } finally {
      record.isUnderWay = false;
    }
  }

  async #write({ url, version, digests }: ArchiveRecord): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify([version, ...digests]));
    const sha256 = await sha256Of(bytes);
    await this.#cache.keepPointer({ url: nameOf(url), bytes, sha256, fetched_ms: Date.now() });
  }

  /** What is kept of that version; what was kept of another one is forgotten with the first part that is kept. */
  #recordOf(url: string, version: string): Promise<ArchiveRecord> {
    const known = this.#records.get(url);
    if (known?.version === version) return known.record;
    const record = this.#read(url, version);
    this.#records.set(url, { version, record });
    return record;
  }

  async #read(url: string, version: string): Promise<ArchiveRecord> {
    const fresh = { url, version, isUnderWay: false, isBehind: false };
    try {
      const pointer = await this.#cache.pointer(nameOf(url));
      if (pointer && (await sha256Of(pointer.bytes)) === pointer.sha256) {
        const [of, ...digests] = JSON.parse(new TextDecoder().decode(pointer.bytes));
        if (of === version) return { ...fresh, digests: new Map(digests) };
      }
    } catch {
      // As above.
    }
    return { ...fresh, digests: new Map() };
  }
}

/** Under which the record of the archive at `url` is kept: no URL of any base. */
function nameOf(url: string): string {
  return `archive:${url}`;
}

function partOf({ range }: ObjectRequest): string {
  return range ? `${range.offset}+${range.length}` : "whole";
}
