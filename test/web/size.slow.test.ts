/** What a page loads to open an overlay, and what a service worker loads: counted as a bundler makes it, gzipped. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bytes of all that a bundle of `entry` loads at once, and its workers, gzipped; what waits to be needed is not in it. */
async function loaded(entry: string): Promise<number> {
  const results = (await build({
    root,
    configFile: false,
    logLevel: "silent",
    worker: { format: "es" },
    build: {
      write: false,
      target: "es2022",
      minify: true,
      lib: { entry: `${root}web/${entry}.ts`, formats: ["es"], fileName: entry },
    },
  })) as Rolldown.RolldownOutput[];
  const codes = new Map(
    results
      .flatMap(({ output }) => output)
      .map((file) => [
        basename(file.fileName),
        String(file.type === "chunk" ? file.code : file.source),
      ]),
  );
  const isLoaded = (name: string): boolean => name === `${entry}.js` || /worker-.*\.js$/.test(name);
  const loaded = new Set([...codes.keys()].filter(isLoaded));
  for (const name of loaded) {
    for (const [, imported = ""] of (codes.get(name) ?? "").matchAll(/(?:from|import)"([^"]+)"/g)) {
      loaded.add(basename(imported));
    }
  }
  return [...loaded]
    .map((name) => gzipSync(codes.get(name) as string, { level: 9 }).length)
    .reduce((sum, length) => sum + length, 0);
}

test.each([
  ["client", 66],
  ["service-worker", 62],
])("%s and what it starts stay below %i KiB", async (entry, kibibytes) => {
  const bytes = await loaded(entry);
  expect(bytes).toBeGreaterThan(1024);
  expect(bytes).toBeLessThan(kibibytes * 1024);
});
