/**
 * Builds the demo: the workbench's page with its worker, and the view's service worker beside it as one classic script,
 * so that its address stays the same from build to build.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { bundleServiceWorker, target } from "./bin/bundle-browser.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles the service worker after the page. */
function serviceWorker(): Plugin {
  let outDir = "";
  return {
    name: "minifo-service-worker",
    apply: "build",
    configResolved(config) {
      ({ outDir } = config.build);
    },
    async closeBundle() {
      const entry = at("web/service-worker-any-base.ts");
      await bundleServiceWorker(entry, outDir, "service-worker.js");
    },
  };
}

export default defineConfig({
  root: at("demo"),
  base: "./",
  publicDir: false,
  worker: { format: "es" },
  plugins: [serviceWorker()],
  // The editor is large; it is the demo's, not the library's.
  build: {
    target,
    outDir: at(".cache/demo"),
    emptyOutDir: true,
    chunkSizeWarningLimit: 1000,
    // Out of the way of sites that are shown on the same server, on other origins.
    assetsDir: "minifo-workbench",
    rolldownOptions: {
      input: [
        at("demo/index.html"),
        at("demo/minifo-workbench/core.html"),
        at("demo/minifo-workbench/keep.html"),
      ],
    },
  },
});
