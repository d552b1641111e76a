/**
 * A plain file server as base, by the pages on which it lists its directories. Names and types come from the pages, and
 * nothing is asked about a file before somebody wants to know: then its size and times cost one HEAD, unless the page
 * told them to the byte and the second. The server may change a file at any time; what is read is of one version, or
 * ESTALE.
 */
import { type Time, timeOfMilliseconds } from "../../attributes.ts";
import { FsError } from "../../errno.ts";
import { all, type Operation, waitFor } from "../../operation.ts";
import {
  type Base,
  type BaseCapabilities,
  type BaseEntry,
  type BaseNode,
  joinBasePath,
  parentOfBasePath,
  pathIdentity,
} from "../base.ts";
import { ObjectCache } from "../cache.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Fetcher } from "../fetcher.ts";
import { chunkBytes } from "../manifest/format.ts";
import { baseUrlOf } from "../manifest/pointer.ts";
import { type InspectedResource, inspect, type Resource, ResourceReader } from "../resource.ts";
import { nameOfVersion } from "../resource-version.ts";
import { type ListedName, readListing } from "./page.ts";

/** The longest page that is read: some hundred thousand names. */
const maxPageBytes = 32 * chunkBytes;
/** How long what a server told is believed, in ms. */
const believed_ms = 15_000;
/** Files that are remembered. */
const rememberedFiles = 50_000;
/** Names and pages that are remembered, but for the page read last. */
const rememberedNames = 200_000;

export interface ListingBaseOptions {
  /** The URL of the directory that is listed. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  readonly clock?: Clock;
  /** Bytes of contents kept in memory; default 32 MiB. */
  readonly cacheBytes?: number;
}

/** A directory as its page shows it. */
interface Page {
  readonly names: ReadonlyMap<string, ListedName>;
  readonly omitted: number;
  readonly read_ms: number;
}

/** A file as its server tells of it. */
interface Told {
  readonly node: BaseNode;
  readonly resource: Resource;
  readonly told_ms: number;
}

const unknownTime: Time = { seconds: 0, nanoseconds: 0 };

/**
 * Opens the directory at `url`.
 * @throws EPROTO what is there is no listing
 * @throws EINVAL `url` is no URL of a base
 * @throws ENOENT, EACCES, EIO as `Fetcher.get`
 */
export function* openListingBase(options: ListingBaseOptions): Operation<Base> {
  const url = baseUrlOf(options.url);
  const base = new ListingBase(url, options);
  yield* base.open();
  return base;
}

class ListingBase implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly #fetcher: Fetcher;
  readonly #clock: Clock;
  readonly #reader: ResourceReader;
  readonly #pages = new Map<string, Page>();
  /** Names in `#pages`, and pages. */
  #names = 0;
  readonly #files = new Map<string, Told>();
  /** Where the root is after redirects; the URL of everything is below it. */
  #url: string;
  #isExact = false;

  constructor(url: string, { fetcher, clock = systemClock, cacheBytes }: ListingBaseOptions) {
    this.locator = url;
    this.identity = `listing:${url}`;
    this.#url = url;
    this.#fetcher = fetcher;
    this.#clock = clock;
    this.#reader = new ResourceReader(fetcher, new ObjectCache(cacheBytes));
  }

  get capabilities(): BaseCapabilities {
    const listing = this.#isExact ? "whole" : "names";
    return { integrity: "etag", snapshot: false, listing };
  }

  get omitted(): number {
    let omitted = 0;
    for (const page of this.#pages.values()) omitted += page.omitted;
    return omitted;
  }

  *open(): Operation<void> {
    const { names } = yield* this.#fetchPage("");
    const files = [...names.values()].filter(({ type }) => type === "file");
    this.#isExact = files.length > 0 && files.every(({ exact }) => exact !== undefined);
  }

  *lookup(path: string): Operation<BaseNode | null> {
    const parent = parentOfBasePath(path);
    if (parent === undefined) return directoryNode("", undefined);
    const page = yield* this.#page(parent);
    const listed = page?.names.get(path.slice(parent === "" ? 0 : parent.length + 1));
    return listed ? yield* this.#node(path, listed) : null;
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    const page = yield* this.#page(path);
    if (!page) {
      const code = (yield* this.lookup(path)) ? "ENOTDIR" : "ENOENT";
      throw new FsError(code, { syscall: "scandir", path });
    }
    const listed = [...page.names.values()];
    if (!this.#isExact) {
      return listed.map((one) => ({
        name: one.name,
        node: roughNode(joinBasePath(path, one.name), one),
      }));
    }
    const nodes = yield* all(listed.map((one) => this.#node(joinBasePath(path, one.name), one)));
    return listed.flatMap(({ name }, index) => {
      const node = nodes[index];
      return node ? [{ name, node }] : [];
    });
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path } = node;
    let told = this.#files.get(path);
    if (told?.node.signature !== node.signature) {
      this.#files.delete(path);
      yield* this.lookup(path);
      told = this.#files.get(path);
    }
    if (told?.node.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    try {
      return yield* this.#reader.read(told.resource, offset, into);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      const { code } = error;
      const isGone = code === "ESTALE" || code === "ENOENT";
      if (isGone) this.#forget(path);
      throw new FsError(isGone ? "ESTALE" : code, {
        ...error.details(),
        syscall: "read",
        path,
        cause: error,
      });
    }
  }

  *close(): Operation<void> {
    this.#fetcher.close();
  }

  /** The object that is listed as `listed`; null if the server says by now that it is not there. */
  *#node(path: string, listed: ListedName): Operation<BaseNode | null> {
    if (listed.type === "directory") return directoryNode(path, listed.mtime);
    const known = this.#files.get(path);
    if (known && this.#isFresh(known.told_ms)) return known.node;
    const told_ms = this.#clock.now();
    const url = this.#urlOf(path);
    if (listed.exact) {
      const { size, mtime } = listed.exact;
      // What nginx lists is what it sends: a file that is replaced meanwhile shows by it.
      const lastModified = new Date(mtime.seconds * 1000).toUTCString();
      const version = { size, lastModified };
      return this.#remember({ url, size, version }, path, mtime, told_ms);
    }
    let resource: InspectedResource;
    try {
      resource = yield* inspect(this.#fetcher, url, true);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (error.code === "ENOENT") return null;
      throw error.at({ syscall: "stat", path });
    }
    const end = new URL(resource.finalUrl).pathname;
    if (end === `${new URL(url).pathname}/`) return directoryNode(path, listed.mtime);
    this.#refuseElsewhere(url, resource.finalUrl, path);
    const { lastModified } = resource.version;
    const time = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
    const mtime = Number.isNaN(time) ? (listed.mtime ?? unknownTime) : timeOfMilliseconds(time);
    return this.#remember(resource, path, mtime, told_ms);
  }

  #remember(
    { url, size, version }: Resource,
    path: string,
    mtime: Time,
    told_ms: number,
  ): BaseNode {
    const node: BaseNode = {
      path,
      type: "file",
      mode: 0o644,
      mtime,
      size,
      nlink: 1,
      identity: pathIdentity(path),
      signature: nameOfVersion(version),
    };
    this.#files.delete(path);
    this.#files.set(path, { node, resource: { url, size, version }, told_ms });
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= rememberedFiles) break;
      this.#files.delete(oldest);
    }
    return node;
  }

  /** A redirect to another name of the same directory is a server's way with suffixes; any other leads to another page. */
  #refuseElsewhere(asked: string, got: string, path: string): void {
    const directoryOf = (url: string): string => {
      const { origin, pathname } = new URL(url);
      return origin + decoded(pathname.slice(0, pathname.lastIndexOf("/") + 1));
    };
    if (directoryOf(asked) === directoryOf(got)) return;
    throw new FsError("EIO", {
      syscall: "stat",
      path,
      reason: `${asked}: the server sends us elsewhere, to ${got}`,
    });
  }

  /** What is in the directory at `path`; undefined if there is no such directory. */
  *#page(path: string): Operation<Page | undefined> {
    const parent = parentOfBasePath(path);
    if (parent !== undefined) {
      const above = yield* this.#page(parent);
      const listed = above?.names.get(path.slice(parent === "" ? 0 : parent.length + 1));
      if (listed?.type !== "directory") return undefined;
    }
    const known = this.#pages.get(path);
    if (known && this.#isFresh(known.read_ms)) return known;
    try {
      return yield* this.#fetchPage(path);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (error.code === "ENOENT" && parent !== undefined) return undefined;
      const code = error.code === "EPROTO" ? "EIO" : error.code;
      throw new FsError(code, { ...error.details(), syscall: "scandir", path, cause: error });
    }
  }

  *#fetchPage(path: string): Operation<Page> {
    const read_ms = this.#clock.now();
    const asked = path === "" ? this.#url : `${this.#urlOf(path)}/`;
    const answer = yield* waitFor(
      this.#fetcher.get({ url: asked, maxBytes: maxPageBytes, fresh: true }),
    );
    const url = answer.url ?? asked;
    const text = new TextDecoder().decode(answer.bytes);
    const listing = url.endsWith("/") ? readListing(text, url, answer.contentType) : undefined;
    if (!listing) {
      throw new FsError("EPROTO", {
        syscall: "open",
        reason:
          `the server shows a page at ${url} that is no list of the directory's files; where a directory has an ` +
          "index.html, servers show that instead",
      });
    }
    if (path === "") this.#url = url;
    const names = new Map(listing.names.map((listed) => [listed.name, listed]));
    const page = { names, omitted: listing.omitted, read_ms };
    this.#keep(path, page);
    return page;
  }

  /** Remembers a page, and forgets those read longest ago where they have too many names. */
  #keep(path: string, page: Page): void {
    this.#drop(path);
    this.#pages.set(path, page);
    this.#names += page.names.size + 1;
    for (const oldest of this.#pages.keys()) {
      if (this.#names <= rememberedNames || oldest === path) break;
      this.#drop(oldest);
    }
  }

  #drop(path: string): void {
    const page = this.#pages.get(path);
    if (page) this.#names -= page.names.size + 1;
    this.#pages.delete(path);
  }

  /** The page and the file are asked for anew. */
  #forget(path: string): void {
    this.#files.delete(path);
    this.#drop(parentOfBasePath(path) ?? "");
  }

  #isFresh(then_ms: number): boolean {
    return Math.abs(this.#clock.now() - then_ms) < believed_ms;
  }

  #urlOf(path: string): string {
    return this.#url + path.split("/").map(encodeURIComponent).join("/");
  }
}

/** A directory; how many are in it is not counted, for that would take a request. */
function directoryNode(path: string, mtime: Time | undefined): BaseNode {
  const { seconds, nanoseconds } = mtime ?? unknownTime;
  return {
    path,
    type: "directory",
    mode: 0o755,
    mtime: { seconds, nanoseconds },
    size: 0,
    nlink: 2,
    identity: pathIdentity(path),
    signature: `${seconds}`,
  };
}

/** What a page tells of an object: name and type for sure. */
function roughNode(path: string, { type, mtime, exact }: ListedName): BaseNode {
  if (type === "directory") return directoryNode(path, mtime);
  return {
    path,
    type,
    mode: 0o644,
    mtime: mtime ?? unknownTime,
    size: exact?.size ?? 0,
    nlink: 1,
    identity: pathIdentity(path),
    signature: "",
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // No UTF-8: then it is compared as it stands.
    return text;
  }
}
