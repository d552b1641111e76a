/** All drivers, at hand: for where a module more costs nothing and none may be waited for. */
import type { Operation } from "../operation.ts";
import { openListingBase } from "./listing/reader.ts";
import { openManifestBase } from "./manifest/whole-reader.ts";
import { openPlainSite } from "./plain-site.ts";
import type { OpenDriver, SiteDrivers } from "./site.ts";
import { openTarBase } from "./tar/reader.ts";
import * as unindexed from "./unindexed-site.ts";
import { openZipBase } from "./zip/reader.ts";

function* at(driver: OpenDriver): Operation<OpenDriver> {
  return driver;
}

/** Drivers that are loaded with this module. */
export const siteDrivers: SiteDrivers = {
  manifest: openManifestBase,
  zip: () => at(openZipBase),
  pages: () => at(openPlainSite),
  tar: () => at(openTarBase),
  listing: () => at(openListingBase),
  *unindexed() {
    return unindexed;
  },
};
