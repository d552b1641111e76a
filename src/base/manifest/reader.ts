/**
 * A site with a `minifo.json` as base: one request opens it, names and attributes never need another, contents are
 * fetched at their natural URLs and verified. Files up to 1 MiB come whole, larger ones in chunks of 1 MiB.
 */
import { FsError } from "../../errno.ts";
import { all, type Operation, waitFor } from "../../operation.ts";
import type { Base, BaseCapabilities, BaseEntry, BaseNode } from "../base.ts";
import { ObjectCache } from "../cache.ts";
import type { FetchedObject, Fetcher, ObjectRequest } from "../fetcher.ts";
import { digestAt, hexOfDigest } from "./digests.ts";
import { chunkBytes, manifestName, maxManifestBytes } from "./format.ts";
import { ManifestFlaw } from "./shape.ts";
import { ManifestTree } from "./tree.ts";

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

/**
 * Opens the site at `url`.
 * @throws EINVAL `url` is no URL of a base
 * @throws ENOENT there is no `minifo.json`
 * @throws EPROTO what is there is no manifest, or a bad one; the reason names the entry
 * @throws EACCES, EIO as `Fetcher.get`
 */
export function* openManifestBase(options: ManifestBaseOptions): Operation<Base> {
  const { fetcher, cacheBytes } = options;
  const directoryUrl = baseUrlOf(options.url);
  const url = directoryUrl + manifestName;
  const { bytes, sha256 } = yield* fetchManifest(url, fetcher);
  const tree = readTree(bytes, url);
  return new ManifestBase(directoryUrl, sha256, tree, fetcher, new ObjectCache(cacheBytes));
}

/**
 * The directory's URL, with a slash at its end, for what a user gives: that directory with or without the slash, or
 * the `minifo.json` in it.
 * @throws EINVAL
 */
export function baseUrlOf(given: string): string {
  const refuse = (reason: string): FsError =>
    new FsError("EINVAL", { syscall: "open", path: given, reason });
  let url: URL;
  try {
    url = new URL(given);
  } catch (error) {
    throw refuse(`no URL, such as https://example.org/site/ (${(error as Error).message})`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refuse(`a base's URL begins with http: or https:, not with ${url.protocol}`);
  }
  if (/^https?:\/\/[^/]*@/i.test(url.href)) {
    throw refuse("fetch takes no URL with a user name or password in it");
  }
  if (url.search !== "") throw refuse("the URL of a base has no '?': give the directory's own URL");
  url.hash = "";
  if (url.pathname.endsWith(`/${manifestName}`)) {
    url.pathname = url.pathname.slice(0, -manifestName.length);
  } else if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

function* fetchManifest(url: string, fetcher: Fetcher): Operation<FetchedObject> {
  try {
    return yield* waitFor(fetcher.get({ url, maxBytes: maxManifestBytes, fresh: true }));
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    if (error.code !== "ENOENT") throw error.at({ syscall: "open" });
    throw new FsError("ENOENT", {
      syscall: "open",
      reason:
        `there is no minifo.json at ${url}: run \`minifo index DIR\` on the directory that the server serves there, ` +
        "and try again",
      cause: error,
    });
  }
}

function readTree(bytes: Uint8Array, url: string): ManifestTree {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badManifest(url, "is no UTF-8", cause);
  }
  if (/^\s*</.test(text)) {
    throw badManifest(
      url,
      "is an HTML page, as some servers send for files they do not have; run `minifo index DIR` on the directory " +
        "that the server serves there",
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw badManifest(url, `is no JSON: ${(cause as Error).message}`, cause);
  }
  try {
    return new ManifestTree(parsed);
  } catch (cause) {
    if (!(cause instanceof ManifestFlaw)) throw cause;
    throw badManifest(url, `is refused: ${cause.message}`, cause);
  }
}

function badManifest(url: string, flaw: string, cause?: unknown): FsError {
  return new FsError("EPROTO", { syscall: "open", reason: `the manifest ${url} ${flaw}`, cause });
}

class ManifestBase implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities = { integrity: "sha256", snapshot: true };
  readonly omitted: number;
  readonly #tree: ManifestTree;
  readonly #fetcher: Fetcher;
  readonly #cache: ObjectCache;

  constructor(
    url: string,
    sha256: string,
    tree: ManifestTree,
    fetcher: Fetcher,
    cache: ObjectCache,
  ) {
    this.locator = url;
    this.identity = `sha256:${sha256}`;
    this.omitted = tree.omitted;
    this.#tree = tree;
    this.#fetcher = fetcher;
    this.#cache = cache;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    return this.#tree.node(path);
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    const entries = this.#tree.list(path);
    if (entries) return entries;
    throw new FsError(this.#tree.node(path) ? "ENOTDIR" : "ENOENT", { syscall: "scandir", path });
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path, size } = node;
    const digests = this.#tree.digests(path);
    if (!digests || this.#tree.node(path)?.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    const end = Math.min(size, offset + into.length);
    if (offset >= end) return 0;
    if (!digests.chunks) {
      const object = yield* this.#object(path, digests.sha256, { maxBytes: size });
      into.set(object.subarray(offset, end));
      return end - offset;
    }
    const past = Math.ceil(end / chunkBytes);
    for (let from = Math.floor(offset / chunkBytes); from < past; from += chunksAtOnce) {
      const copies: Operation<void>[] = [];
      for (let chunk = from; chunk < Math.min(past, from + chunksAtOnce); chunk += 1) {
        copies.push(this.#copyChunk(node, digests.chunks, chunk, offset, into));
      }
      yield* all(copies);
    }
    return end - offset;
  }

  *close(): Operation<void> {
    this.#fetcher.close();
  }

  /** Copies what `into`, which begins at `offset` of the file, takes of one chunk. */
  *#copyChunk(
    node: BaseNode,
    digests: string,
    chunk: number,
    offset: number,
    into: Uint8Array,
  ): Operation<void> {
    const start = chunk * chunkBytes;
    const length = Math.min(chunkBytes, node.size - start);
    const bytes = yield* this.#object(node.path, digestAt(digests, chunk), {
      range: { offset: start, length, size: node.size },
      maxBytes: Math.max(length, Math.min(node.size, maxWholeForRange)),
    });
    const from = Math.max(0, offset - start);
    const to = Math.min(length, offset + into.length - start);
    into.set(bytes.subarray(from, to), start + from - offset);
  }

  /** One object of the file at `path`, from the cache or the server. */
  *#object(
    path: string,
    digest: string,
    request: Pick<ObjectRequest, "range" | "maxBytes">,
  ): Operation<Uint8Array> {
    try {
      return yield* this.#cache.get(digest, () =>
        this.#fetcher.get({ url: this.#urlOf(path), sha256: hexOfDigest(digest), ...request }),
      );
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      const details = { ...error.details(), syscall: "read", path, cause: error };
      // The manifest has the file, so to the reader its absence on the server is damage and no fate of the name.
      if (error.code === "ENOENT") {
        const reason = `${error.reason}, but the manifest has the file; run \`minifo index\` there again`;
        throw new FsError("EIO", { ...details, reason });
      }
      throw new FsError(error.code, details);
    }
  }

  #urlOf(path: string): string {
    return this.locator + path.split("/").map(encodeURIComponent).join("/");
  }
}
