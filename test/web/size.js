/**
 * `npm run size`: bundles what a page loads to open an overlay, what its worker loads later, when it is asked for more,
 * and the service worker, as an application's bundler would, into .cache/size; then size-limit holds them to their limits,
 * which stand in .size-limit.json.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));
const made = join(root, ".cache", "size");

/** What is loaded before the first read or write works; every other chunk waits until it is asked for. */
const atOnce = /^(page|worker)\b/;

/** Bundles `input`; returns every file of it, workers it starts included. */
async function bundled(input) {
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
      rolldownOptions: { input, output: { entryFileNames: "[name].js" } },
    },
  });
  return [results].flat().flatMap(({ output }) => output);
}

rmSync(made, { recursive: true, force: true });
mkdirSync(join(made, "later"), { recursive: true });
const entry = join(made, "page.js");
writeFileSync(
  entry,
  `import { openOverlay } from ${JSON.stringify(join(root, "web/index.ts"))};\nglobalThis.open = openOverlay;\n`,
);
const page = await bundled({ page: entry });
const serviceWorker = await bundled({ "service-worker": join(root, "web/service-worker.ts") });
for (const file of [...page, ...serviceWorker]) {
  const name = file.fileName.split("/").at(-1);
  const place = atOnce.test(name) || name === "service-worker.js" ? made : join(made, "later");
  writeFileSync(join(place, name), file.code ?? file.source);
}
const { status } = spawnSync(process.execPath, [join(root, "node_modules/size-limit/bin.js")], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
