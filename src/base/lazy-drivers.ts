/**
 * The drivers besides the manifest's, and what large manifests need of that, each loaded when a base needs it: a page with a
 * manifest loads none of them.
 */
import { type Operation, waitFor } from "../operation.ts";
import { type ManifestParts, openManifest } from "./manifest/reader.ts";
import type { OpenDriver, SiteDrivers } from "./site.ts";

function* from<Module>(
  importing: Promise<Module>,
  driver: (module: Module) => OpenDriver,
): Operation<OpenDriver> {
  return driver(yield* waitFor(importing));
}

const manifestParts: ManifestParts = {
  indexTree: () => waitFor(import("./manifest/index-tree.ts")),
};

/** Drivers that are loaded on demand, by the runtime's `import`. */
export const lazySiteDrivers: SiteDrivers = {
  manifest: (options) => openManifest(options, manifestParts),
  zip: () => from(import("./zip/reader.ts"), ({ openZipBase }) => openZipBase),
  pages: () => from(import("./unpacked-sites.ts"), ({ openPlainSite }) => openPlainSite),
  tar: () => from(import("./tar/reader.ts"), ({ openTarBase }) => openTarBase),
  listing: () => from(import("./unpacked-sites.ts"), ({ openListingBase }) => openListingBase),
  unindexed: () => waitFor(import("./unindexed-site.ts")),
};
