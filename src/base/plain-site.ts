/**
 * A site that lists nothing, as base, by a list of its pages: a sitemap.xml, or a text file with a URL on each line. What
 * is not in the list is not there. Hosts that answer every name with one and the same page are found out first, by a name
 * that nobody has; what turns out to be that page is not there either.
 */
import { timeOfMilliseconds } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { type Operation, waitFor } from "../operation.ts";
import type { Base, BaseCapabilities, BaseEntry, BaseNode } from "./base.ts";
import { ObjectCache } from "./cache.ts";
import { type Clock, systemClock } from "./clock.ts";
import { EntryTree, maxPathLength, type TreeEntry } from "./entry-tree.ts";
import type { Fetcher } from "./fetcher.ts";
import { chunkBytes, maxEntries } from "./manifest/format.ts";
import { type InspectedResource, inspect, ResourceReader } from "./resource.ts";
import { nameOfVersion } from "./resource-version.ts";

/** The longest list that is read: sitemaps may have 50 MB. */
const maxListBytes = 50 * chunkBytes;
/** Lists that an index of sitemaps may name. */
const maxLists = 1000;
/** How long what a server told is believed, in ms. */
const believed_ms = 15_000;

export interface PlainSiteOptions {
  /** The URL of the list; the pages are those below its directory. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  readonly clock?: Clock;
  /** Bytes of contents kept in memory; default 32 MiB. */
  readonly cacheBytes?: number;
}

/**
 * Opens the site whose pages the list at `url` names.
 * @throws EPROTO what is there is no list, or none of its URLs is below the list's directory
 * @throws EFBIG it names more pages than a base can have
 * @throws ENOENT, EACCES, EIO as `Fetcher.get`
 */
export function* openPlainSite(options: PlainSiteOptions): Operation<Base> {
  const { url, fetcher, cacheBytes } = options;
  const root = new URL(".", url).href;
  const urls = yield* listedUrls(url, fetcher);
  const places = [...urls].map((listed) => ({ listed, path: pathBelow(root, listed) }));
  const below = places.filter(({ path }) => path !== undefined);
  if (below.length === 0) {
    const reason = `the list ${url} names no page below ${root}, so that there is nothing to show`;
    throw new FsError("EPROTO", { syscall: "open", reason });
  }
  const directories = new Set<string>();
  for (const { path = "" } of below) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const directory = path.slice(0, at);
      if (directories.has(directory)) break;
      directories.add(directory);
    }
    if (directories.size > maxEntries) throw tooMany(url);
  }
  const entries = below.map(({ listed, path = "" }): TreeEntry<string> => {
    // The page of a directory has no name in its URL; a server would look for this one.
    const isDirectory = path === "" || path.endsWith("/") || directories.has(path);
    const bare = path.endsWith("/") ? path.slice(0, -1) : path;
    return {
      path: isDirectory ? (bare === "" ? "index.html" : `${bare}/index.html`) : path,
      type: "file",
      mtime: { seconds: 0, nanoseconds: 0 },
      size: 0,
      signature: "",
      content: listed,
    };
  });
  const unique = new Map(entries.map((entry) => [entry.path, entry]));
  const tree = new EntryTree(unique.values(), places.length - below.length);
  const excuse = yield* pageForAnything(root, fetcher);
  const reader = new ResourceReader(fetcher, new ObjectCache(cacheBytes));
  return new PlainSite(url, tree, reader, fetcher, excuse, options.clock);
}

/** The URLs that the list at `url` names, with those of the lists it names. */
function* listedUrls(url: string, fetcher: Fetcher): Operation<Set<string>> {
  const urls = new Set<string>();
  const lists = [url];
  for (let next = 0; next < lists.length; next += 1) {
    const list = lists[next] as string;
    const { bytes } = yield* waitFor(
      fetcher.get({ url: list, maxBytes: maxListBytes, fresh: true }),
    );
    const text = new TextDecoder().decode(bytes);
    const found = urlsIn(text, list);
    if (!found) {
      const reason = `${list} is neither a sitemap nor a text file with a URL on each line`;
      throw new FsError("EPROTO", { syscall: "open", reason });
    }
    if (found.areLists) {
      const own = found.urls.filter((named) => isOfOneOrigin(named, url));
      lists.push(...own.slice(0, maxLists - lists.length));
    } else for (const one of found.urls) urls.add(one);
    if (urls.size > maxEntries) throw tooMany(url);
  }
  return urls;
}

function isOfOneOrigin(a: string, b: string): boolean {
  return new URL(a).origin === new URL(b).origin;
}

function tooMany(url: string): FsError {
  const reason = `the list ${url} names more than ${maxEntries} pages or directories, which is more than a base can have`;
  return new FsError("EFBIG", { syscall: "open", reason });
}

/** What a list names, as absolute URLs; undefined if it is no list. */
function urlsIn(
  text: string,
  list: string,
): { readonly urls: string[]; readonly areLists: boolean } | undefined {
  const isIndex = /<sitemapindex[\s>]/.test(text);
  const isSitemap = isIndex || /<urlset[\s>]/.test(text);
  const said = isSitemap
    ? [...text.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, loc = ""]) => unescaped(loc.trim()))
    : text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (!isSitemap && (said.length === 0 || /^\s*[<{[]/.test(text))) return undefined;
  const urls: string[] = [];
  for (const one of said) {
    const url = resolved(one.trim(), list);
    if (url !== undefined) urls.push(url);
  }
  return { urls, areLists: isIndex };
}

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** The five entities that XML has, and numbers. */
function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|(\w+));/g, (whole, number, name) => {
    if (number === undefined) return entities.get(name) ?? whole;
    return Number(number) <= 0x10ffff ? String.fromCodePoint(Number(number)) : whole;
  });
}

function resolved(url: string, base: string): string | undefined {
  try {
    const { href } = new URL(url, base);
    return href.replace(/#.*$/, "");
  } catch {
    // No URL: it names no page.
    return undefined;
  }
}

/** The base path of the page at `url`; undefined if it is not below `root`, or has no name a file can have. */
function pathBelow(root: string, url: string): string | undefined {
  if (!url.startsWith(root) || url.includes("?")) return undefined;
  try {
    const segments = url.slice(root.length).split("/").map(decodeURIComponent);
    const path = segments.join("/");
    const isPath = path.length <= maxPathLength && !segments.some((name) => name.includes("/"));
    return isPath ? path : undefined;
  } catch {
    // Percent-encoded bytes that are no UTF-8: no name.
    return undefined;
  }
}

/** What the host answers to a name that nobody has; undefined if it says, as it should, that it is not there. */
function* pageForAnything(
  root: string,
  fetcher: Fetcher,
): Operation<InspectedResource | undefined> {
  const random = crypto.getRandomValues(new Uint8Array(12));
  const name = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    return yield* inspect(fetcher, `${root}${name}.html`, true);
  } catch (error) {
    if (error instanceof FsError && (error.code === "ENOENT" || error.code === "EACCES")) {
      return undefined;
    }
    throw error;
  }
}

class PlainSite implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities = {
    integrity: "etag",
    snapshot: false,
    listing: "names",
  };
  readonly omitted: number;
  readonly #tree: EntryTree<string>;
  readonly #reader: ResourceReader;
  readonly #fetcher: Fetcher;
  /** The page that the host has for whatever it does not have. */
  readonly #excuse: InspectedResource | undefined;
  readonly #clock: Clock;
  readonly #pages = new Map<
    string,
    { readonly page: InspectedResource; readonly told_ms: number }
  >();

  constructor(
    locator: string,
    tree: EntryTree<string>,
    reader: ResourceReader,
    fetcher: Fetcher,
    excuse: InspectedResource | undefined,
    clock: Clock = systemClock,
  ) {
    this.locator = locator;
    this.identity = `pages:${locator}`;
    this.omitted = tree.omitted;
    this.#tree = tree;
    this.#reader = reader;
    this.#fetcher = fetcher;
    this.#excuse = excuse;
    this.#clock = clock;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    const node = this.#tree.node(path);
    if (node?.type !== "file") return node;
    const known = this.#pages.get(path);
    const isFresh = known && Math.abs(this.#clock.now() - known.told_ms) < believed_ms;
    const page = isFresh ? known.page : yield* this.#inspect(path);
    return page ? nodeOf(node, page) : null;
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    return this.#tree.list(path);
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path } = node;
    const page = this.#pages.get(path)?.page ?? (yield* this.#inspect(path));
    if (!page || nameOfVersion(page.version) !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    try {
      return yield* this.#reader.read(page, offset, into);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      const isGone = error.code === "ESTALE" || error.code === "ENOENT";
      if (isGone) this.#pages.delete(path);
      const code = isGone ? "ESTALE" : error.code;
      throw new FsError(code, { ...error.details(), syscall: "read", path, cause: error });
    }
  }

  *close(): Operation<void> {
    this.#fetcher.close();
  }

  /** What the host says of the page at `path`; undefined if it has none. */
  *#inspect(path: string): Operation<InspectedResource | undefined> {
    const url = this.#tree.entry(path)?.content;
    if (url === undefined) return undefined;
    const told_ms = this.#clock.now();
    try {
      const page = yield* inspect(this.#fetcher, url, true);
      // As a list names only pages of its own site, so a redirect leads to no other one.
      if (!isOfOneOrigin(page.finalUrl, url)) {
        const reason = `${url}: the server sends us to another site, ${page.finalUrl}`;
        throw new FsError("EIO", { syscall: "stat", path, reason });
      }
      // The front page may rightly be what the host shows for all it does not have.
      if (path !== "index.html" && this.#isExcuse(page)) return undefined;
      this.#pages.set(path, { page, told_ms });
      return page;
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== "ENOENT") throw error;
      return undefined;
    }
  }

  #isExcuse(page: InspectedResource): boolean {
    const excuse = this.#excuse;
    if (!excuse || page.contentType !== excuse.contentType) return false;
    return nameOfVersion(page.version) === nameOfVersion(excuse.version);
  }
}

function nodeOf(node: BaseNode, { size, version }: InspectedResource): BaseNode {
  const time = version.lastModified === undefined ? Number.NaN : Date.parse(version.lastModified);
  return {
    ...node,
    size,
    ...(!Number.isNaN(time) && { mtime: timeOfMilliseconds(time) }),
    signature: nameOfVersion(version),
  };
}
