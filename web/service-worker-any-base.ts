/** The service worker that serves the view over any base: with a manifest, a listing, in an archive. */
import { openSite, siteDrivers } from "../src/index.ts";
import { serveView } from "./view-worker.ts";

serveView((url, fetcher) => openSite({ url, fetcher, drivers: siteDrivers }));
