/**
 * From a URL to a base: what is there decides which driver reads it. A name that ends like an archive's is one; else a
 * manifest counts before anything else, for it alone lets every byte be verified; else what the URL itself gives: an
 * archive, or the page on which a server lists a directory.
 */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
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
  /** What finds out which of these it is, where there is no manifest and the name tells nothing. */
  readonly unindexed: () => Operation<typeof import("./unindexed-site.ts")>;
}

export interface SiteOptions {
  /** An http: or https: URL. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  readonly drivers: SiteDrivers;
}

/**
 * Opens whatever base is at `url`.
 * @throws ENOENT, EACCES nothing there can be a base; the reason says what was tried, and what to do
 * @throws EINVAL, EPROTO, EFBIG, EIO as the drivers
 */
export function* openSite(options: SiteOptions): Operation<Base> {
  const { url, fetcher, drivers } = options;
  const named = driverOfName(url);
  if (named) return yield* (yield* drivers[named]())({ url, fetcher });
  try {
    return yield* drivers.manifest({ url, fetcher });
  } catch (error) {
    if (!(error instanceof FsError) || !isNotThere(error)) throw error;
    const { openUnindexed } = yield* drivers.unindexed();
    return yield* openUnindexed(options, error);
  }
}

/** The drivers that are loaded. */
export type LoadedDriver = Exclude<keyof SiteDrivers, "manifest" | "unindexed">;

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

/** Whether an error only says that there is no base of the kind that was tried. */
export function isNotThere({ code, reason = "" }: FsError): boolean {
  if (code === "ENOENT" || code === "EACCES") return true;
  return code === "EPROTO" && /is an HTML page|is no list of/.test(reason);
}
