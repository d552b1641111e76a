/**
 * A site with a `minifo.json` as base, in either layout: one request opens it; names and attributes need another only
 * where the index is too large to stand inline; contents are fetched at their natural URLs or from the objects that hold
 * them. Every byte is verified before it is used.
 */
import { FsError } from "../../errno.ts";
import { all, drive, type Operation, waitFor } from "../../operation.ts";
import type {
  Base,
  BaseCapabilities,
  BaseEntry,
  BaseNode,
  KeptBase,
  ObjectBase,
  PastFile,
  PollingBase,
  RememberingBase,
  WalkingBase,
} from "../base.ts";
import { ObjectCache } from "../cache.ts";
import type { FetchedObject, Fetcher, KeptPart, ObjectRequest } from "../fetcher.ts";
import {
  digestAt,
  digestLetters,
  hexOfDigest,
  isCompressed,
  isDigestColumn,
  isReferenceColumn,
} from "./digests.ts";
import type { Content } from "./directory.ts";
import { chunkBytes, manifestName, maxManifestBytes, objectPath, type Pointer } from "./format.ts";
import type { ManifestIndex } from "./index-inline.ts";
import { baseUrlOf, fetchManifest, inlineIndex, pointerIn } from "./pointer.ts";
import { ReadAhead } from "./read-ahead.ts";

/** The largest whole that is put up with from a server that ignores ranges. */
const maxWholeForRange = 16 * chunkBytes;
/** Chunks of one read that are fetched side by side. */
const chunksAtOnce = 6;

export interface ManifestBaseOptions {
  /** Where the site is: the URL of its directory, or of its `minifo.json`. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  /** Bytes of contents kept in memory; default 32 MiB. */
  readonly cacheBytes?: number;
}

/** What only some manifests need. */
export interface ManifestParts {
  /** For an index that is not inline. */
  readonly indexTree: () => Operation<typeof import("./index-tree.ts")>;
}

/**
 * Opens the site at `url`.
 * @throws EINVAL `url` is no URL of a base
 * @throws ENOENT there is no `minifo.json`
 * @throws EPROTO what is there is no manifest, or a bad one; the reason names the entry
 * @throws EACCES, EIO as `Fetcher.get`
 */
export function* openManifest(
  { url: given, fetcher, cacheBytes }: ManifestBaseOptions,
  parts: ManifestParts,
): Operation<ManifestBase> {
  const directoryUrl = baseUrlOf(given);
  const url = directoryUrl + manifestName;
  const fetched = yield* fetchManifest(url, fetcher);
  const pointer = pointerIn(fetched.bytes, url);
  const objects = new Objects(directoryUrl, pointer, fetcher);
  const index = yield* indexOf(pointer, url, objects, parts);
  const cache = new ObjectCache(cacheBytes);
  return new ManifestBase(directoryUrl, fetched, pointer, index, objects, cache, parts);
}

function* indexOf(
  pointer: Pointer,
  url: string,
  objects: Objects,
  parts: ManifestParts,
): Operation<ManifestIndex> {
  const inline = inlineIndex(pointer, url);
  if (inline) return inline;
  const { IndexTree } = yield* parts.indexTree();
  return new IndexTree(pointer, (reference, most) => objects.get(reference, most));
}

/** What lies at the site beside its `minifo.json`. */
class Objects {
  readonly url: string;
  readonly fetcher: Fetcher;
  readonly #pointer: Pointer;

  constructor(url: string, pointer: Pointer, fetcher: Fetcher) {
    this.url = url;
    this.#pointer = pointer;
    this.fetcher = fetcher;
  }

  /** What asks for the object that `reference` means. */
  requestOf(reference: string, maxBytes: number): ObjectRequest {
    const sha256 = hexOfDigest(reference);
    return {
      url: this.url + objectPath(this.#pointer.layout, sha256),
      sha256,
      maxBytes,
      ...(isCompressed(reference) && { packing: { method: "gzip", size: maxBytes } }),
    };
  }

  /** The object that `reference` means, which inflates to at most `maxBytes`. */
  *get(reference: string, maxBytes: number, ahead = false): Operation<Uint8Array> {
    const request = this.requestOf(reference, maxBytes);
    try {
      const { bytes } = yield* waitFor(this.fetcher.get({ ...request, ...(ahead && { ahead }) }));
      return bytes;
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== "ENOENT") throw error;
      // The pointer has the object, so that its absence is no fate of a name: this generation is no longer kept.
      const reason =
        `${error.reason}, but the manifest needs it: it was published anew, and what this reader began with is ` +
        "no longer kept; open the base again";
      throw new FsError("ESTALE", { syscall: "read", reason, cause: error });
    }
  }
}

/** See the head of this file. */
export class ManifestBase
  implements Base, WalkingBase, KeptBase, PollingBase, RememberingBase, ObjectBase
{
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities = { integrity: "sha256", snapshot: true };
  readonly omitted: number;
  readonly kept: KeptPart | undefined;
  readonly #pointer: Pointer;
  readonly #index: ManifestIndex;
  readonly #objects: Objects;
  readonly #cache: ObjectCache;
  readonly #parts: ManifestParts;
  readonly #readAhead = new ReadAhead();
  readonly #etag: string | undefined;
  /** Earlier generations by the SHA-256 of their pointers, as far as they were needed; null: no longer to be had. */
  readonly #earlier = new Map<string, ManifestBase | null>();

  constructor(
    url: string,
    { sha256, kept, etag }: FetchedObject,
    pointer: Pointer,
    index: ManifestIndex,
    objects: Objects,
    cache: ObjectCache,
    parts: ManifestParts,
  ) {
    this.locator = url;
    this.identity = `sha256:${sha256}`;
    this.omitted = pointer.omitted;
    this.kept = kept;
    this.#pointer = pointer;
    this.#index = index;
    this.#objects = objects;
    this.#cache = cache;
    this.#parts = parts;
    this.#etag = etag;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    return (yield* this.#index.find(path))?.node ?? null;
  }

  *walk(path: string): Operation<readonly BaseNode[]> {
    const paths = [...path.matchAll(/\/|$/g)].map(({ index }) => path.slice(0, index));
    const found = yield* all(paths.map((one) => this.lookup(one)));
    const end = found.indexOf(null);
    return found.slice(0, end < 0 ? found.length : end) as BaseNode[];
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    const entries = yield* this.#index.list(path);
    if (entries) return entries;
    const code = (yield* this.lookup(path)) ? "ENOTDIR" : "ENOENT";
    throw new FsError(code, { syscall: "scandir", path });
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path, size } = node;
    const found = yield* this.#index.find(path);
    if (found?.node.type !== "file" || found.node.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    const end = Math.min(size, offset + into.length);
    if (offset >= end || !found.content) return 0;
    try {
      yield* this.#copy(node, found.content, offset, into.subarray(0, end - offset));
      return end - offset;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      throw new FsError(error.code, { ...error.details(), syscall: "read", path, cause: error });
    }
  }

  *past(path: string, signature: string): Operation<PastFile | null> {
    for (const sha256 of this.#pointer.previous) {
      const base = yield* this.#generation(sha256);
      if (!base) continue;
      const node = yield* orIfGone(base.lookup(path));
      if (node?.type === "file" && node.signature === signature) return { base, node };
    }
    return null;
  }

  *poll(): Operation<string | null> {
    const { fetcher } = this.#objects;
    const url = this.locator + manifestName;
    const unlessTag = this.#etag;
    const request = { url, maxBytes: maxManifestBytes, ahead: true, retries: 0 };
    const { bytes, sha256, isUnchanged } = yield* waitFor(
      fetcher.get({ ...request, ...(unlessTag === undefined ? { fresh: true } : { unlessTag }) }),
    );
    const identity = `sha256:${sha256}`;
    if (isUnchanged || identity === this.identity) return null;
    pointerIn(bytes, url);
    return identity;
  }

  *requestsOf(node: BaseNode): Operation<readonly ObjectRequest[]> {
    const content = (yield* this.#index.find(node.path))?.content;
    if (!content) return [];
    if ("pack" in content) return [this.#objects.requestOf(content.pack, chunkBytes)];
    const isList = "list" in content;
    const digests = isList ? yield* this.#list(content.list, node.size) : content.chunks;
    const isTree = this.#pointer.layout === "tree";
    const chunks = Array.from({ length: digests.length / digestLetters }, (_, chunk) => {
      const digest = digestAt(digests, chunk);
      const length = Math.min(chunkBytes, node.size - chunk * chunkBytes);
      return isTree
        ? this.#naturalRequest(node, digest, chunk)
        : this.#objects.requestOf(digest, length);
    });
    if (!isList) return chunks;
    return [this.#objects.requestOf(content.list, chunks.length * digestLetters), ...chunks];
  }

  *fetch(request: ObjectRequest): Operation<void> {
    yield* waitFor(this.#objects.fetcher.get(request));
  }

  *close(): Operation<void> {
    this.#objects.fetcher.close();
  }

  /** The earlier generation whose pointer has this SHA-256, or null if it is no longer kept. */
  *#generation(sha256: string): Operation<ManifestBase | null> {
    const known = this.#earlier.get(sha256);
    if (known !== undefined) return known;
    const { url, fetcher } = this.#objects;
    const generation = yield* orIfGone(
      openGeneration(url, sha256, fetcher, this.#cache, this.#parts),
    );
    this.#earlier.set(sha256, generation);
    return generation;
  }

  *#copy(node: BaseNode, content: Content, offset: number, into: Uint8Array): Operation<void> {
    if ("pack" in content) {
      const pack = yield* this.#object(content.pack, chunkBytes);
      const from = content.offset + offset;
      if (pack.length < content.offset + node.size) throw tooShort("pack", content.pack);
      into.set(pack.subarray(from, from + into.length));
      return;
    }
    const digests =
      "chunks" in content ? content.chunks : yield* this.#list(content.list, node.size);
    const past = Math.ceil((offset + into.length) / chunkBytes);
    const ahead = this.#readAhead.seen(node.path, offset, offset + into.length);
    for (let from = Math.floor(offset / chunkBytes); from < past; from += chunksAtOnce) {
      const copies: Operation<void>[] = [];
      for (let chunk = from; chunk < Math.min(past, from + chunksAtOnce); chunk += 1) {
        copies.push(this.#copyChunk(node, digests, chunk, offset, into));
      }
      // Behind what is waited for, so that it is asked for later.
      if (from + chunksAtOnce >= past) copies.push(this.#fetchAhead(node, digests, past, ahead));
      yield* all(copies);
    }
  }

  /** Copies what `into`, which begins at `offset` of the file, takes of one chunk. */
  *#copyChunk(
    node: BaseNode,
    digests: string,
    chunk: number,
    offset: number,
    into: Uint8Array,
  ): Operation<void> {
    const bytes = yield* this.#chunk(node, digests, chunk, false);
    const start = chunk * chunkBytes;
    const from = Math.max(0, offset - start);
    const to = Math.min(bytes.length, offset + into.length - start);
    into.set(bytes.subarray(from, to), start + from - offset);
  }

  /** Begins to fetch the chunks from `from` on, which nobody waits for. */
  *#fetchAhead(node: BaseNode, digests: string, from: number, count: number): Operation<void> {
    const past = Math.min(Math.ceil(node.size / chunkBytes), from + count);
    for (let chunk = from; chunk < past; chunk += 1) {
      if (this.#cache.has(digestAt(digests, chunk))) continue;
      // Whoever comes to need it asks again, and hears what went wrong.
      const ignore = (): void => {};
      drive(this.#chunk(node, digests, chunk, true), ignore, ignore);
    }
  }

  *#chunk(node: BaseNode, digests: string, chunk: number, ahead: boolean): Operation<Uint8Array> {
    const digest = digestAt(digests, chunk);
    const length = Math.min(chunkBytes, node.size - chunk * chunkBytes);
    if (this.#pointer.layout === "tree") {
      const request = this.#naturalRequest(node, digest, chunk);
      const bytes = yield* this.#cache.get(digest, () =>
        this.#fetch({ ...request, ...(ahead && { ahead }) }),
      );
      // The digest is right, and the size that the manifest states is not.
      if (bytes.length < length) throw tooShort("content", digest);
      return bytes;
    }
    const bytes = yield* this.#object(digest, length, ahead);
    if (bytes.length < length) throw tooShort("chunk", digest);
    return bytes;
  }

  /** The digests of the chunks of a file of `size` bytes, of which there are too many to stand in its record. */
  *#list(reference: string, size: number): Operation<string> {
    const count = Math.ceil(size / chunkBytes);
    const bytes = yield* this.#object(reference, count * digestLetters);
    const column = new TextDecoder().decode(bytes);
    const isColumn = this.#pointer.layout === "packed" ? isReferenceColumn : isDigestColumn;
    if (isColumn(column, count)) return column;
    throw new FsError("EIO", {
      reason: `the object ${hexOfDigest(reference)} does not list the file's ${count} chunks; publish it again`,
    });
  }

  /** An object, from the cache or the server. */
  *#object(reference: string, maxBytes: number, ahead = false): Operation<Uint8Array> {
    return yield* this.#cache.get(reference, () => this.#objects.get(reference, maxBytes, ahead));
  }

  /** What asks for a file, or a chunk of it, at its natural URL. */
  #naturalRequest({ path, size }: BaseNode, digest: string, chunk: number): ObjectRequest {
    const offset = chunk * chunkBytes;
    const length = Math.min(chunkBytes, size - offset);
    const isWhole = length === size;
    return {
      url: this.#objects.url + path.split("/").map(encodeURIComponent).join("/"),
      sha256: hexOfDigest(digest),
      ...(!isWhole && { range: { offset, length, size } }),
      maxBytes: isWhole ? length : Math.max(length, Math.min(size, maxWholeForRange)),
    };
  }

  *#fetch(request: ObjectRequest): Operation<Uint8Array> {
    try {
      return (yield* waitFor(this.#objects.fetcher.get(request))).bytes;
    } catch (error) {
      // The manifest has the file, so to the reader its absence on the server is damage and no fate of the name.
      if (!(error instanceof FsError) || error.code !== "ENOENT") throw error;
      const reason = `${error.reason}, but the manifest has the file; run \`minifo index\` there again`;
      throw new FsError("EIO", { reason, cause: error });
    }
  }
}

/** An earlier generation of the packed base at `directoryUrl`, by its pointer, which is kept as an object. */
function* openGeneration(
  directoryUrl: string,
  sha256: string,
  fetcher: Fetcher,
  cache: ObjectCache,
  parts: ManifestParts,
): Operation<ManifestBase> {
  const url = directoryUrl + objectPath("packed", sha256);
  const fetched = yield* waitFor(fetcher.get({ url, sha256, maxBytes: maxManifestBytes }));
  const pointer = pointerIn(fetched.bytes, url);
  const objects = new Objects(directoryUrl, pointer, fetcher);
  const index = yield* indexOf(pointer, url, objects, parts);
  return new ManifestBase(directoryUrl, fetched, pointer, index, objects, cache, parts);
}

/** What `operation` gives, or null if what it needs is no longer published, or never was readable. */
function* orIfGone<T>(operation: Operation<T>): Operation<T | null> {
  try {
    return yield* operation;
  } catch (error) {
    const codes: readonly string[] = ["ENOENT", "ESTALE", "EPROTO"];
    if (error instanceof FsError && codes.includes(error.code)) return null;
    throw error;
  }
}

function tooShort(what: string, reference: string): FsError {
  const reason = `the ${what} ${hexOfDigest(reference)} is shorter than the manifest says; publish it again`;
  return new FsError("EIO", { reason });
}
