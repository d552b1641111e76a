/**
 * Builds the demo: the workbench's page with its worker, and the view's service worker beside it as one classic script,
 * so that its address stays the same from build to build.
 */
import { fileURLToPath } from "node:url";
import { build, defineConfig, type Plugin } from "vite";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** WebKit knows no `using`, no Symbol.asyncDispose. */
const target = "es2022";

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
      await build({
        configFile: false,
        logLevel: "warn",
        publicDir: false,
        build: {
          target,
          outDir,
          emptyOutDir: false,
          lib: {
            entry: at("web/service-worker-any-base.ts"),
            name: "minifo",
            formats: ["iife"],
            fileName: () => "service-worker.js",
          },
        },
      });
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
      input: [at("demo/index.html"), at("demo/minifo-workbench/core.html")],
    },
  },
});
