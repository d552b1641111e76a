/**
 * The service worker that serves the view over bases with a manifest. One that also reads archives and listings is
 * service-worker-any-base.ts, more than twice as large because a service worker can load nothing later.
 */
import { openManifestBase } from "../src/index.ts";
import { serveView } from "./view-worker.ts";

serveView((url, fetcher) => openManifestBase({ url, fetcher }));
