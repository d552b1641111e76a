#!/usr/bin/env node
/**
 * What `npm start` runs: serves a site as base and the workbench on it, until Ctrl-C. The site is reveal.js, which is
 * among the development dependencies, or the directory given: `npm start -- DIR`. Nothing is written into either; the
 * manifest is made in memory.
 */
import { rmSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const usage = `usage: npm start -- [DIR] [--port N] [--base-port N]

Serves DIR (default: reveal.js) as a base, and the workbench that edits it in the browser.
  --port N       port of the workbench, default 4280
  --base-port N  port of the base, default 4281
The browser keeps changes by address: with other ports they are others.`;

/** Ends with `message` on stderr and exit code `code`. */
function end(code, message) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function portOf(text, name) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    end(2, `--${name} ${text}: a port is 0 to 65535\n\n${usage}`);
  return port;
}

function argumentsOf(given) {
  try {
    const { values, positionals } = parseArgs({
      args: given,
      allowPositionals: true,
      options: {
        port: { type: "string", default: "4280" },
        "base-port": { type: "string", default: "4281" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(`${usage}\n`);
      process.exit(0);
    }
    if (positionals.length > 1)
      end(2, `one directory is served, not ${positionals.length}\n\n${usage}`);
    return {
      directory: positionals[0],
      port: portOf(values.port, "port"),
      basePort: portOf(values["base-port"], "base-port"),
    };
  } catch (error) {
    return end(2, `${error.message}\n\n${usage}`);
  }
}

/** Serves on `port`, or on any free one if it is taken, and says so. */
async function listen(serveDirectory, directory, options) {
  try {
    return await serveDirectory(directory, options);
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    process.stderr.write(
      `Port ${options.port} is taken, so another is used; changes made under the usual address are not seen there.\n`,
    );
    return serveDirectory(directory, { ...options, port: 0 });
  }
}

const { directory, port, basePort } = argumentsOf(process.argv.slice(2));
const site = directory === undefined ? join(root, "node_modules", "reveal.js") : resolve(directory);
if (!statSync(site, { throwIfNoEntry: false })?.isDirectory()) {
  end(1, directory === undefined ? "reveal.js is missing: run npm ci" : `${site} is no directory`);
}

const built = await Promise.all([
  import("../dist/node/static-server.js"),
  import("../dist/node/base/indexing.js"),
]).catch((error) => {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  return end(1, `minifo is not built yet: run npm run build (${error.message})`);
});
const [{ serveDirectory }, { manifestOf }] = built;

process.stderr.write("Building the workbench…\n");
const { build } = await import("vite");
// A place of its own, so that a second one that starts does not pull the page from under the first.
const page = join(root, ".cache", `demo-${process.pid}`);
process.once("exit", () => rmSync(page, { recursive: true, force: true }));
await build({
  configFile: join(root, "vite.config.ts"),
  logLevel: "warn",
  build: { outDir: page },
});

const { bytes, objects, summary } = manifestOf(site, {
  warn: (message) => process.stderr.write(`${message}\n`),
});
const manifest = new Map([["minifo.json", bytes], ...objects]);
const base = await listen(serveDirectory, site, { port: basePort, files: manifest });
const demo = await listen(serveDirectory, page, { port });
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await Promise.all([demo.close(), base.close()]);
    process.exit(0);
  });
}

// Browsers take every name below localhost for this machine. The workbench has one, and each site another beside it.
const workbench = new URL(demo.url);
workbench.hostname = "workbench.minifo.localhost";
const count = `${summary.entries} files and directories`;
process.stdout.write(`
  Workbench   ${workbench}#${new URLSearchParams({ base: base.url })}
  Base        ${base.url} (${relative(process.cwd(), site) || "."}, ${count}, only read)

  The same base on Linux:
  mkdir -p site && npx minifo mount ${base.url} site --storage site-changes

  Ctrl-C ends.
`);
