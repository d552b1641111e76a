/**
 * Sites as hosts serve them, for the browser suites, by vitest's own server: `/hosted/plain/` sends a directory on to its
 * slash, has a 404.html, a policy and a file that its manifest does not know; `/hosted/app/` gives its index.html for all
 * that is not there; `/hosted/clean/` gives `about.html` for `about`. Every answer says `X-Host: yes`.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { type ServedBase, servedBase } from "./bases.ts";

const policy = "script-src 'self'; object-src 'none'";

const files = {
  "index.html": '<!doctype html><link rel="stylesheet" href="style.css"><h1>Home</h1>',
  "about.html": "<!doctype html><h1>About</h1>",
  "style.css": "h1 { color: rgb(1, 2, 3); }",
  "docs/index.html": "<!doctype html><h1>Docs</h1>",
  "docs/gone.html": "<!doctype html><h1>Gone</h1>",
  "absolute.html":
    '<!doctype html><link rel="stylesheet" href="/from-the-root/style.css"><h1>Absolute</h1>',
  "from-the-root/style.css": "h1 { color: rgb(4, 5, 6); }",
};

const missing = "<!doctype html><h1>The host's own 404</h1>";

const sites: ReadonlyMap<string, ServedBase> = new Map([
  ["plain", servedBase({ ...files, "404.html": missing })],
  ["app", servedBase(files)],
  ["clean", servedBase(files)],
]);

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
};

/** The vite plugin that serves them. */
export function hostedSites(): Plugin {
  return {
    name: "minifo-test-hosts",
    configureServer(server) {
      server.middlewares.use("/hosted/", answerHosted);
    },
  };
}

/** Answers a request for what is below `/hosted/`. */
function answerHosted(request: IncomingMessage, response: ServerResponse): unknown {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [name = "", ...names] = decodeURIComponent(pathname).slice(1).split("/");
  const site = sites.get(name);
  const path = names.join("/");
  const send = (status: number, file: string, bytes: Buffer | string) => {
    const type = types[file.slice(file.lastIndexOf(".") + 1)];
    response.writeHead(status, {
      "x-host": "yes",
      "cache-control": "no-cache",
      ...(type && { "content-type": type }),
      ...(type === types.html && { "content-security-policy": policy }),
    });
    return response.end(request.method === "HEAD" ? undefined : bytes);
  };
  if (request.method === "POST") return send(200, "", "posted");
  if (path === "sw.js") return send(200, path, 'import "/web/service-worker.ts";');
  if (path === "unlisted.txt") return send(200, path, "in no manifest");
  const file = path === "" || path.endsWith("/") ? `${path}index.html` : path;
  const bytes = site?.get(file);
  if (bytes) return send(200, file, bytes);
  if (site?.has(`${path}/index.html`)) {
    return response.writeHead(301, { location: `/hosted${pathname}/` }).end();
  }
  const page = name === "clean" ? site?.get(`${path}.html`) : undefined;
  if (page) return send(200, "about.html", page);
  const start = name === "app" ? site?.get("index.html") : undefined;
  if (start) return send(200, "index.html", start);
  return send(404, "404.html", site?.get("404.html") ?? "no such page");
}
