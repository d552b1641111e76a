/**
 * An ordinary static server over a tree in memory that a test may change while it is used: ranges or none, directories
 * listed in the manner of the servers people have, a validator or none, and a count of what was asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { type MemoryEntry, parentOfBasePath } from "../../src/index.ts";
import { bytesOf } from "./contract.ts";

/** In whose manner directories are listed. */
export type ListingManner = "nginx" | "nginx-json" | "apache" | "apache-table" | "python" | "none";

export interface SiteServer {
  /** With a slash at the end. */
  readonly url: string;
  /** Method and path of every request, in order. */
  readonly asked: string[];
  readonly bytesSent: () => number;
  /** What is served; may be changed. */
  readonly files: Map<string, MemoryEntry>;
  /** Called before each answer; true: it has answered itself. */
  before: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Given each answer before it is sent; true: it has sent another one. */
  spoil: ((answer: HonestAnswer) => boolean) | undefined;
}

/** An answer that is about to be sent. */
export interface HonestAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface SiteServerOptions {
  readonly listing?: ListingManner;
  readonly ranges?: boolean;
  /** ETag and Last-Modified are sent; default true. */
  readonly validators?: boolean;
}

/** Starts a server for the running test. */
export async function siteServer(
  tree: ReadonlyMap<string, MemoryEntry>,
  { listing = "none", ranges = true, validators = true }: SiteServerOptions = {},
): Promise<SiteServer> {
  const files = new Map(tree);
  let bytesSent = 0;
  const server = createServer((request, response) => {
    site.asked.push(`${request.method} ${request.url}`);
    if (site.before?.(request, response)) return;
    const path = decodeURIComponent((request.url ?? "/").slice(1).split("?")[0] as string);
    const send = (status: number, body: Uint8Array | string, headers: Record<string, string>) => {
      const bytes = Buffer.from(body as string);
      const complete = { "content-length": String(bytes.length), ...headers };
      if (site.spoil?.({ request, response, status, headers: complete, body: bytes })) return;
      response.writeHead(status, complete);
      if (request.method === "HEAD") response.end();
      else {
        bytesSent += bytes.length;
        response.end(bytes);
      }
    };
    const directory = path === "" ? "" : path.endsWith("/") ? path.slice(0, -1) : undefined;
    if (directory !== undefined) {
      const isThere = directory === "" || files.get(directory)?.type === "directory";
      if (!isThere || listing === "none") send(404, "not found", {});
      else {
        const type = listing === "nginx-json" ? "application/json" : "text/html";
        send(200, pageOf(files, directory, listing), { "content-type": type });
      }
      return;
    }
    const entry = files.get(path);
    if (entry?.type === "directory") {
      send(301, "", { location: `${request.url}/` });
      return;
    }
    if (!entry) {
      send(404, "not found", {});
      return;
    }
    const bytes = bytesOf(entry);
    const headers: Record<string, string> = { "content-type": "application/octet-stream" };
    if (validators) {
      const { seconds } = entry.mtime ?? { seconds: 1_000_000_000 };
      headers["last-modified"] = new Date(seconds * 1000).toUTCString();
      headers.etag = `"${seconds.toString(16)}-${bytes.length.toString(16)}"`;
    }
    const range = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") : null;
    if (!range) {
      send(200, bytes, headers);
      return;
    }
    const from = Number(range[1]);
    if (from >= bytes.length) {
      send(416, "", { ...headers, "content-range": `bytes */${bytes.length}` });
      return;
    }
    const to = Math.min(bytes.length - 1, range[2] ? Number(range[2]) : bytes.length - 1);
    const part = bytes.subarray(from, to + 1);
    send(206, part, { ...headers, "content-range": `bytes ${from}-${to}/${bytes.length}` });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const site: SiteServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: [],
    bytesSent: () => bytesSent,
    files,
    before: undefined,
    spoil: undefined,
  };
  return site;
}

/** A server with one file, whose URL is `url` and `name`. */
export async function fileServer(
  name: string,
  content: Uint8Array,
  options: SiteServerOptions = {},
): Promise<SiteServer & { readonly fileUrl: string }> {
  const server = await siteServer(new Map([[name, { content }]]), options);
  return Object.assign(server, { fileUrl: `${server.url}${encodeURIComponent(name)}` });
}

function pageOf(
  files: ReadonlyMap<string, MemoryEntry>,
  directory: string,
  manner: ListingManner,
): string {
  const rows = [...files]
    .filter(([path]) => parentOfBasePath(path) === directory)
    .map(([path, entry]) => rowOf(path.slice(directory === "" ? 0 : directory.length + 1), entry));
  const title = `/${escaped(directory)}${directory === "" ? "" : "/"}`;
  switch (manner) {
    case "nginx-json":
      return JSON.stringify(
        rows.map(({ name, isDirectory, date, size }) => ({
          name,
          type: isDirectory ? "directory" : "file",
          mtime: date.toUTCString(),
          ...(!isDirectory && { size }),
        })),
      );
    case "python":
      return `<!DOCTYPE HTML><html><head><title>Directory listing for ${title}</title></head><body>
<h1>Directory listing for ${title}</h1><hr><ul>
${rows.map(({ href, text }) => `<li><a href="${href}">${text}</a></li>`).join("\n")}
</ul><hr></body></html>`;
    case "nginx":
      return `<html><head><title>Index of ${title}</title></head><body>
<h1>Index of ${title}</h1><hr><pre><a href="../">../</a>
${rows.map(({ href, text, minute, size, isDirectory }) => `<a href="${href}">${text}</a>      ${minute}    ${isDirectory ? "-" : size}`).join("\n")}
</pre><hr></body></html>`;
    case "apache":
      return `<html><head><title>Index of ${title}</title></head><body><h1>Index of ${title}</h1>
<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a> <a href="?C=M;O=A">Last modified</a><hr>
<img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/">Parent Directory</a>   -
${rows.map(({ href, text, minute }) => `<img src="/icons/u.gif" alt="[   ]"> <a href="${href}">${text}</a>   ${minute}  1.2K`).join("\n")}
<hr></pre></body></html>`;
    default:
      return `<html><head><title>Index of ${title}</title></head><body><h1>Index of ${title}</h1><table>
<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
<tr><td><a href="/"><img src="/icons/back.gif"></a></td><td><a href="/">Parent Directory</a></td></tr>
${rows.map(({ href, text, minute }) => `<tr><td><a href="${href}"><img src="/icons/u.gif"></a></td><td><a href="${href}">${text}</a></td><td align="right">${minute}  </td><td>1.2K</td></tr>`).join("\n")}
</table></body></html>`;
  }
}

function rowOf(name: string, entry: MemoryEntry) {
  const isDirectory = entry.type === "directory";
  const date = new Date((entry.mtime?.seconds ?? 1_000_000_000) * 1000);
  const slash = isDirectory ? "/" : "";
  return {
    name,
    isDirectory,
    date,
    minute: date.toISOString().slice(0, 16).replace("T", " "),
    size: bytesOf(entry).length,
    href: `${encodeURIComponent(name)}${slash}`.replaceAll("'", "%27"),
    text: escaped(name) + slash,
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
