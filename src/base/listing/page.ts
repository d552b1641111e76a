/**
 * The page on which a file server lists a directory, understood: nginx (HTML and JSON), Apache, Python's http.server, and
 * whatever else lists names as links under a title of the usual words. Only links straight into the directory count;
 * a page that is not recognised as a listing is none, however many links it has.
 */
import { Parser } from "htmlparser2";
import { type Time, timeOfMilliseconds } from "../../attributes.ts";
import { flawOfName } from "../manifest/names.ts";

/** A name that is listed. */
export interface ListedName {
  readonly name: string;
  readonly type: "file" | "directory";
  /** The moment of the last change as far as the page tells it, which may be to the minute and in any time zone. */
  readonly mtime: Time | undefined;
  /** Size and mtime where the page tells both to the byte and the second. */
  readonly exact: { readonly size: number; readonly mtime: Time } | undefined;
}

/** What a page lists. */
export interface ListingPage {
  readonly names: readonly ListedName[];
  /** Links into the directory whose names are no UTF-8 or otherwise illegal. */
  readonly omitted: number;
}

/** What `text` lists, which was fetched from the directory at `url`; undefined if it is no listing. */
export function readListing(
  text: string,
  url: string,
  contentType: string | undefined,
): ListingPage | undefined {
  if (contentType === "application/json" || /^\s*\[/.test(text)) return readJson(text);
  return readHtml(text, url);
}

/** nginx with `autoindex_format json`: the one listing that is exact. */
function readJson(text: string): ListingPage | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    // No JSON, so no listing: the caller says so.
    return undefined;
  }
  if (!Array.isArray(rows)) return undefined;
  const names = new Names();
  for (const row of rows as Readonly<Record<string, unknown>>[]) {
    if (typeof row?.name !== "string") return undefined;
    if (row.type !== "file" && row.type !== "directory") {
      names.omit();
      continue;
    }
    const time = typeof row.mtime === "string" ? Date.parse(row.mtime) : Number.NaN;
    const mtime = Number.isNaN(time) ? undefined : timeOfMilliseconds(time);
    const { size } = row;
    const isSize = Number.isSafeInteger(size) && (size as number) >= 0;
    const isExact = row.type === "file" && mtime && isSize;
    const exact = isExact ? { size: size as number, mtime } : undefined;
    names.add({ name: row.name, type: row.type, mtime, exact });
  }
  return names.page();
}

/** The words at the head of a listing, followed by the path. */
const listingTitle =
  /^\s*(?:Index of|Directory listing for|Listing directory|Directory:?)\s+\.?\//i;

function readHtml(text: string, url: string): ListingPage | undefined {
  const names = new Names();
  const directory = new URL(url).pathname;
  let heading = "";
  let isListing = false;
  let reading: "heading" | "link" | undefined;
  /** The link that was closed last: the text behind it tells its time. */
  let last: { readonly name: string; readonly isDirectory: boolean } | undefined;
  let behind = "";
  const settle = (): void => {
    if (!last) return;
    const { name, isDirectory } = last;
    last = undefined;
    const mtime = timeIn(behind);
    names.add({ name, type: isDirectory ? "directory" : "file", mtime, exact: undefined });
  };
  const parser = new Parser({
    onopentag(tag, attributes) {
      if (tag === "title" || tag === "h1" || tag === "h2") {
        reading = "heading";
        heading = "";
      } else if (tag === "a" && attributes.href !== undefined) {
        const link = linkInto(directory, attributes.href);
        // Apache's icons may be links, too: the same name again belongs to the same line.
        if (link && link !== "illegal" && link.name === last?.name) return;
        settle();
        reading = "link";
        behind = "";
        if (link === "illegal") names.omit();
        else last = link;
      }
    },
    ontext(words) {
      if (reading === "heading") heading += words;
      else if (reading !== "link") behind += words;
    },
    onclosetag(tag) {
      if (reading === "heading" && (tag === "title" || tag === "h1" || tag === "h2")) {
        isListing ||= listingTitle.test(heading);
        reading = undefined;
      } else if (tag === "a" && reading === "link") reading = undefined;
      else if (tag === "tr" || tag === "li") settle();
    },
  });
  parser.end(text);
  settle();
  return isListing ? names.page() : undefined;
}

/**
 * The name that `href` leads to if it leads straight into the directory at the URL path `directory`; "illegal" if what it
 * leads to there can have no name; undefined if it leads elsewhere: up, out, or to the same listing sorted.
 */
function linkInto(
  directory: string,
  href: string,
): { readonly name: string; readonly isDirectory: boolean } | "illegal" | undefined {
  let path = href.trim();
  if (/[?#]/.test(path)) return undefined;
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(path);
  if (scheme || path.startsWith("/")) {
    // Of another server a name that fits would be an accident; the path alone decides.
    if (scheme && !/^https?:$/i.test(scheme[0])) return undefined;
    path = path.replace(/^https?:\/\/[^/]*/i, "");
    const below = withoutDirectory(directory, path);
    if (below === undefined) return undefined;
    path = below;
  }
  path = path.replace(/^(?:\.\/)+/, "");
  const isDirectory = path.endsWith("/");
  const raw = isDirectory ? path.slice(0, -1) : path;
  if (raw === "" || raw === "." || raw === ".." || raw.includes("/")) return undefined;
  const name = decoded(raw);
  if (name === undefined || flawOfName(name) !== undefined) return "illegal";
  return { name, isDirectory };
}

/** What of the URL path `path` is below `directory`, compared as names, for servers differ in what they encode. */
function withoutDirectory(directory: string, path: string): string | undefined {
  const depth = directory.split("/").length - 1;
  const segments = path.split("/");
  const above = segments.slice(0, depth).map(decoded).join("/");
  if (`${above}/` !== directory.split("/").slice(0, depth).map(decoded).join("/").concat("/")) {
    return undefined;
  }
  return segments.slice(depth).join("/");
}

/** Percent-decoded; undefined if that is no UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // The one way it fails: bytes that are no UTF-8.
    return undefined;
  }
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** The time that stands in a line of a listing (22-Nov-2026 13:49, 2026-11-22 13:49, with seconds or not), as UTC. */
function timeIn(line: string): Time | undefined {
  const found = /(\d{1,4})-(\w{2,3})-(\d{1,4})\s+(\d\d):(\d\d)(?::(\d\d))?/.exec(line);
  if (!found) return undefined;
  const [, first = "", middle = "", third = "", hour, minute, second = "0"] = found;
  const month = /^\d+$/.test(middle) ? Number(middle) - 1 : months.indexOf(middle.toLowerCase());
  if (month < 0 || month > 11) return undefined;
  const [year, day] = first.length === 4 ? [first, third] : [third, first];
  const time = Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute));
  return { seconds: time / 1000 + Number(second), nanoseconds: 0 };
}

/** Collects names, each once. */
class Names {
  readonly #names = new Map<string, ListedName>();
  #omitted = 0;

  add(listed: ListedName): void {
    if (flawOfName(listed.name) !== undefined) this.#omitted += 1;
    else if (!this.#names.has(listed.name)) this.#names.set(listed.name, listed);
  }

  omit(): void {
    this.#omitted += 1;
  }

  page(): ListingPage {
    return { names: [...this.#names.values()], omitted: this.#omitted };
  }
}
