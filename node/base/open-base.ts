/**
 * From what a user writes to a base: a URL is a site, whose content decides how it is read, anything else a directory of
 * this machine.
 */
import { fileURLToPath } from "node:url";
import {
  type Base,
  type Fetcher,
  FsError,
  type Operation,
  openSite,
  siteDrivers,
} from "../../src/index.ts";
import { openDirectoryBase } from "./directory.ts";
import { stableDirectory } from "./stable-directory.ts";

/** Whether `locator` means a site, so that opening and reading it needs the network. */
export function isRemote(locator: string): boolean {
  return /^https?:/i.test(locator);
}

/**
 * Opens the base at `locator`: an http: or https: URL, a file: URL, or a path. `fetcher` is asked for only where the
 * network is needed, and belongs to the base from then on.
 * `stable` promises that a directory does not change while it is open.
 * @throws EINVAL the locator is a URL of another kind; else as the drivers throw
 */
export function* openBase(
  locator: string,
  fetcher: () => Fetcher,
  { stable = false }: { readonly stable?: boolean } = {},
): Operation<Base> {
  if (isRemote(locator)) {
    return yield* openSite({ url: locator, fetcher: fetcher(), drivers: siteDrivers });
  }
  if (/^file:/i.test(locator)) return yield* directoryAt(pathOf(locator), stable);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(locator)?.[1];
  if (scheme !== undefined) {
    throw new FsError("EINVAL", {
      syscall: "open",
      path: locator,
      reason: `a base is a directory, or a URL that begins with http: or https:, not with ${scheme}:`,
    });
  }
  return yield* directoryAt(locator, stable);
}

function* directoryAt(path: string, stable: boolean): Operation<Base> {
  const directory = yield* openDirectoryBase(path);
  return stable ? stableDirectory(directory) : directory;
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const reason = "a file: URL has three slashes and an absolute path, as in file:///srv/site";
    throw new FsError("EINVAL", { syscall: "open", path: url, reason, cause });
  }
}
