/**
 * `npm run bundle [-- DIR]`: bundles what a static site needs to be writable, or to show views, for who has no bundler, into
 * dist/browser: `web.js`, an ES module that finds its worker beside it, and the service workers as classic scripts.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** WebKit knows no `using`, no Symbol.asyncDispose. */
export const target = "es2022";

/** One classic script of the module at `entry`: `fileName` in `outDir`, where all else stays. */
export async function bundleServiceWorker(entry, outDir, fileName) {
  await build({
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    build: {
      target,
      outDir,
      emptyOutDir: false,
      lib: { entry, name: "minifo", formats: ["iife"], fileName: () => fileName },
    },
  });
}

/** Everything, into `outDir`, which is emptied first. */
export async function bundle(outDir) {
  await build({
    configFile: false,
    root: at(".."),
    base: "./",
    logLevel: "warn",
    publicDir: false,
    worker: { format: "es", rolldownOptions: { output: { entryFileNames: "[name].js" } } },
    build: {
      target,
      outDir,
      emptyOutDir: true,
      minify: true,
      modulePreload: false,
      assetsDir: ".",
      // As an application's, its imports on demand would bring vite's loader of style sheets along.
      lib: { entry: { web: at("../web/index.ts") }, formats: ["es"] },
      rolldownOptions: {
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "[name].js", chunkFileNames: "[name].js", minify: true },
      },
    },
  });
  for (const name of ["service-worker", "service-worker-any-base"]) {
    await bundleServiceWorker(at(`../web/${name}.ts`), outDir, `${name}.js`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await bundle(process.argv[2] ?? at("../dist/browser"));
}
