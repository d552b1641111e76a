/**
 * The core's worker as it is shipped, in a bundle of a few files, for pages of vitest's own server: unbundled it is some
 * hundred modules, which a suite's many short-lived workers would each load.
 */
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";

const entry = fileURLToPath(new URL("../../web/worker.ts", import.meta.url));

/** By file name: `worker.js` and what it imports. One for all engines. */
let bundling: Promise<ReadonlyMap<string, string>> | undefined;

async function bundle(): Promise<ReadonlyMap<string, string>> {
  const results = await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      target: "es2022",
      lib: { entry: { worker: entry }, formats: ["es"] },
      rolldownOptions: { output: { entryFileNames: "[name].js" } },
    },
  });
  const outputs = [results].flat().flatMap((result) => ("output" in result ? result.output : []));
  return new Map(outputs.flatMap((file) => ("code" in file ? [[file.fileName, file.code]] : [])));
}

/** The vite plugin that serves it where pages look for the worker, and its other files beside it. */
export function bundledWorker(): Plugin {
  return {
    name: "minifo-test-bundled-worker",
    configureServer({ middlewares }) {
      bundling ??= bundle();
      middlewares.use(async (request, response, next) => {
        const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
        const isWorker = pathname === "/web/worker.ts" && searchParams.has("worker_file");
        const name = isWorker ? "worker.js" : pathname.replace(/^\/web\//, "");
        const code = (await bundling)?.get(name);
        if (code === undefined) return next();
        response.setHeader("content-type", "text/javascript").end(code);
      });
    },
  };
}
