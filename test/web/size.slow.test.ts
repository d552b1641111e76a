/** What a page loads to open an overlay, and what a service worker loads: counted as a bundler makes it, gzipped. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bytes of everything a bundle of `entry` consists of, workers it starts included, gzipped. */
async function loaded(entry: string): Promise<number> {
  const results = (await build({
    root,
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      target: "es2022",
      minify: true,
      lib: { entry: `${root}web/${entry}.ts`, formats: ["es"], fileName: entry },
    },
  })) as Rolldown.RolldownOutput[];
  const files = results.flatMap(({ output }) => output);
  return files
    .map((file) => gzipSync(file.type === "chunk" ? file.code : file.source, { level: 9 }).length)
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
