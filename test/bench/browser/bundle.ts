/**
 * Bundles the benchmark's pages, and the packages they compare with, as an application's bundler would, into `.cache`.
 * The packages are modules of their own that pages load by URL: the pages compile without them.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { cacheFolder, type Peer, peersFolder } from "../peers.ts";

/** Where the bundles are. */
export interface Bundles {
  readonly app: string;
  /** Missing, with the reason: the packages could not be had. */
  readonly peers: string | { readonly missing: string };
}

export type PageName = "minifo" | "zenfs" | "lightning" | "raw";

const pages: readonly PageName[] = ["minifo", "zenfs", "lightning", "raw"];

const zenFsPeers: readonly Peer[] = ["@zenfs/core", "@zenfs/dom"];
const modules: Readonly<Record<string, string>> = {
  zenfs: zenFsPeers.map((peer) => `export * from "${peer}";\n`).join(""),
  "lightning-fs": 'export { default } from "@isomorphic-git/lightning-fs";\n',
};

export async function bundle(): Promise<Bundles> {
  const made = join(cacheFolder, "bench-browser");
  rmSync(made, { recursive: true, force: true });
  const app = join(made, "app");
  await bundled(
    Object.fromEntries(pages.map((name) => [name, join(import.meta.dirname, `${name}-page.js`)])),
    app,
  );
  for (const name of pages) {
    const html = `<!doctype html><title>${name}</title><script type="module" src="/app/${name}.js"></script>\n`;
    writeFileSync(join(app, `${name}.html`), html);
  }
  try {
    return { app, peers: await bundledPeers(join(made, "peers")) };
  } catch (error) {
    return { app, peers: { missing: (error as Error).message } };
  }
}

async function bundledPeers(out: string): Promise<string> {
  const folder = peersFolder();
  const entries = Object.entries(modules).map(([name, text]): [string, string] => {
    const entry = join(folder, `${name}-entry.js`);
    writeFileSync(entry, text);
    return [name, entry];
  });
  await bundled(Object.fromEntries(entries), out);
  return out;
}

async function bundled(input: Readonly<Record<string, string>>, outDir: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    base: "./",
    worker: { format: "es" },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2022",
      minify: true,
      modulePreload: false,
      rolldownOptions: {
        input,
        preserveEntrySignatures: "exports-only",
        output: { entryFileNames: "[name].js" },
      },
    },
  });
}
