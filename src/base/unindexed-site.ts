/**
 * A URL at which there is no manifest, and whose name tells nothing: what it gives decides which driver reads it, an
 * archive, or the page on which a server lists a directory. Loaded only then.
 */
import { FsError } from "../errno.ts";
import { type Operation, waitFor } from "../operation.ts";
import type { Base } from "./base.ts";
import type { Fetcher } from "./fetcher.ts";
import { isNotThere, type LoadedDriver, type SiteDrivers, type SiteOptions } from "./site.ts";

/** Bytes of a resource that show what it is. */
const startBytes = 64 * 1024;

/** As `openSite`, after the manifest's driver has said by `refusal` that there is no manifest. */
export function* openUnindexed(
  { url, fetcher, drivers }: SiteOptions,
  refusal: FsError,
): Operation<Base> {
  const refusals = [refusal];
  const attempt = function* (opening: Operation<Base>): Operation<Base | undefined> {
    try {
      return yield* opening;
    } catch (error) {
      if (!(error instanceof FsError) || !isNotThere(error)) throw error;
      refusals.push(error);
      return undefined;
    }
  };
  if (!new URL(url).pathname.endsWith("/")) {
    const archive = yield* attempt(openByContent(url, fetcher, drivers));
    if (archive) return archive;
  }
  const openListing = yield* drivers.listing();
  const listing = yield* attempt(openListing({ url, fetcher }));
  if (listing) return listing;
  throw nothingThere(url, refusals);
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
