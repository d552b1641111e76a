/**
 * From a URL to a base in a page's worker: what is there decides which driver reads it, and only a base that needs another
 * driver than the manifest's loads one.
 */
import {
  type Base,
  type Fetcher,
  lazySiteDrivers,
  type Operation,
  openSite,
} from "../src/index.ts";

/**
 * Opens whatever base is at `url`.
 * @throws as `openSite`
 */
export function openWebBase(url: string, fetcher: Fetcher): Operation<Base> {
  return openSite({ url, fetcher, drivers: lazySiteDrivers });
}
