/**
 * From a URL to a base: what is there decides which driver reads it. A name that ends like an archive's is one; else a
 * manifest counts before anything else, for it alone lets every byte be verified; else what the URL itself gives: an
 * archive, or the page on which a server lists a directory.
 */
import { FsError } from "../errno.ts";
import { type Operation, waitFor } from "../operation.ts";
import type { Base } from "./base.ts";
import type { FetchedObject, Fetcher } from "./fetcher.ts";

/** What a driver for archives, lists and listings is given. */
export interface DriverOptions {
  readonly url: string;
  /** Belongs to the base from now on. */
  readonly fetcher: Fetcher;
  /** The first bytes of what is at `url`, where they were fetched already. */
  readonly start?: FetchedObject;
}

/** Opens a base by one driver. */
export type OpenDriver = (options: DriverOptions) => Operation<Base>;

/** The drivers; those besides the manifest's are loaded only when they are needed. */
export interface SiteDrivers {
  readonly manifest: OpenDriver;
  readonly zip: () => Operation<OpenDriver>;
  readonly tar: () => Operation<OpenDriver>;
  /** Of sites that list nothing, by a list of their pages. */
  readonly pages: () => Operation<OpenDriver>;
  readonly listing: () => Operation<OpenDriver>;
}

export interface SiteOptions {
  /** An http: or https: URL. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  readonly drivers: SiteDrivers;
}

/** Bytes of a resource that show what it is. */
const startBytes = 64 * 1024;

/**
 * Opens whatever base is at `url`.
 * @throws ENOENT, EACCES nothing there can be a base; the reason says what was tried, and what to do
 * @throws EINVAL, EPROTO, EFBIG, EIO as the drivers
 */
export function* openSite({ url, fetcher, drivers }: SiteOptions): Operation<Base> {
  const named = driverOfName(url);
  if (named) return yield* (yield* drivers[named]())({ url, fetcher });
  const refusals: FsError[] = [];
  const attempt = function* (opening: Operation<Base>): Operation<Base | undefined> {
    try {
      return yield* opening;
    } catch (error) {
      if (!(error instanceof FsError) || !isNotThere(error)) throw error;
      refusals.push(error);
      return undefined;
    }
  };
  const site = yield* attempt(drivers.manifest({ url, fetcher }));
  if (site) return site;
  if (!new URL(url).pathname.endsWith("/")) {
    const archive = yield* attempt(openByContent(url, fetcher, drivers));
    if (archive) return archive;
  }
  const openListing = yield* drivers.listing();
  const listing = yield* attempt(openListing({ url, fetcher }));
  if (listing) return listing;
  throw nothingThere(url, refusals);
}

type LoadedDriver = Exclude<keyof SiteDrivers, "manifest">;

/** The driver for what is called like that. */
function driverOfName(url: string): LoadedDriver | undefined {
  const name = nameIn(url);
  if (/\.zip$/i.test(name)) return "zip";
  if (/\.(?:tar|tar\.gz|tgz)$/i.test(name)) return "tar";
  if (/^sitemap.*\.xml$|\.txt$/i.test(name)) return "pages";
  return undefined;
}

function nameIn(url: string): string {
  try {
    const { pathname } = new URL(url);
    return pathname.slice(pathname.lastIndexOf("/") + 1);
  } catch {
    // No URL: the manifest's driver says so best.
    return "";
  }
}

function* openByContent(url: string, fetcher: Fetcher, drivers: SiteDrivers): Operation<Base> {
  const start = yield* waitFor(fetcher.get({ url, part: "start", maxBytes: startBytes }));
  const driver = driverOfContent(start.bytes);
  if (driver) return yield* (yield* drivers[driver]())({ url, fetcher, start });
  throw new FsError("ENOENT", {
    syscall: "open",
    reason: `${url} is no archive that minifo knows`,
  });
}

/** The driver for what begins with these bytes. */
function driverOfContent(bytes: Uint8Array): LoadedDriver | undefined {
  const [first, second, third, fourth] = bytes;
  const isZip = first === 0x50 && second === 0x4b;
  if (isZip && ((third === 3 && fourth === 4) || (third === 5 && fourth === 6))) return "zip";
  if (first === 0x1f && second === 0x8b) return "tar";
  if (String.fromCharCode(...bytes.subarray(257, 262)) === "ustar") return "tar";
  return undefined;
}

/** Whether an error only says that there is no base of the kind that was tried. */
function isNotThere({ code, reason = "" }: FsError): boolean {
  if (code === "ENOENT" || code === "EACCES") return true;
  return code === "EPROTO" && /is an HTML page|is no list of/.test(reason);
}

function nothingThere(url: string, refusals: readonly FsError[]): FsError {
  const isForbidden = refusals.every(({ code }) => code === "EACCES");
  const tried = refusals.map(({ reason, message }) => reason ?? message).join("; ");
  return new FsError(isForbidden ? "EACCES" : "ENOENT", {
    syscall: "open",
    path: url,
    reason:
      `there is neither a minifo.json, nor a directory listing, nor an archive (${tried}). Run \`minifo index DIR\` on the ` +
      "directory that is served there, let the server list it, or give the URL of a zip, a tar or a sitemap.xml",
    cause: refusals[0],
  });
}
