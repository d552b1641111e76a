/**
 * `npm run size`: bundles what a page loads to open an overlay and to read from it, the second stage that it asks for right
 * after that, what is loaded only when it is asked for, and the service worker, as an application's bundler would, into
 * .cache/size; then size-limit holds them to their limits, which stand in .size-limit.json. test/e2e/stages.e2e.test.ts shows
 * that the first stage is enough to open, list and read.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));
const made = join(root, ".cache", "size");

/**
 * Bundles `input` as a library, without the loader of style sheets that vite gives an application's imports on demand;
 * returns every file of it, workers it starts included. A service worker may load nothing on demand.
 */
async function bundled(input, codeSplitting = true) {
  const results = await build({
    root,
    configFile: false,
    logLevel: "silent",
    worker: { format: "es" },
    build: {
      write: false,
      target: "es2022",
      minify: true,
      modulePreload: false,
      lib: { entry: input, formats: ["es"] },
      rolldownOptions: {
        preserveEntrySignatures: "allow-extension",
        output: { entryFileNames: "[name].js", codeSplitting, minify: true },
      },
    },
  });
  return [results].flat().flatMap(({ output }) => output);
}

rmSync(made, { recursive: true, force: true });
for (const folder of ["first-stage", "second-stage", "later", "service-worker"]) {
  mkdirSync(join(made, folder), { recursive: true });
}
const entry = join(made, "page.js");
writeFileSync(
  entry,
  `import { openOverlay } from ${JSON.stringify(join(root, "web/index.ts"))};\nglobalThis.open = openOverlay;\n`,
);
/** The names of the files that are loaded with those that `isEntry` matches: they and what they import. */
function loadedWith(files, isEntry) {
  const codes = new Map(files.map((file) => [basename(file.fileName), file.code ?? file.source]));
  const names = new Set([...codes.keys()].filter((name) => isEntry.test(name)));
  for (const name of names) {
    // A worker comes as text; imports on demand are written `import(…)`.
    const imports = String(codes.get(name)).matchAll(/(?:from|import)\s*["'`]([^"'`]+)["'`]/g);
    for (const [, imported] of imports) names.add(basename(imported));
  }
  return names;
}

const page = await bundled({ page: entry });
const serviceWorker = await bundled(
  { "service-worker": join(root, "web/service-worker.ts") },
  false,
);
const first = loadedWith(page, /^(page|worker)\b/);
const second = loadedWith(page, /^(whole-core|remote-file)\b/);
for (const file of page) {
  const name = basename(file.fileName);
  const place = join(
    made,
    first.has(name) ? "first-stage" : second.has(name) ? "second-stage" : "later",
  );
  writeFileSync(join(place, name), file.code ?? file.source);
}
for (const file of serviceWorker) {
  writeFileSync(join(made, "service-worker", basename(file.fileName)), file.code ?? file.source);
}
const { status } = spawnSync(process.execPath, [join(root, "node_modules/size-limit/bin.js")], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
