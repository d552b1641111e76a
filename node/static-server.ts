/**
 * A small static web server for one directory: GET and HEAD, single ranges, strong ETags, CORS for reading. It is for
 * trying and for tests; nothing outside the directory can be reached, through symlinks neither.
 */
import { close, constants, createReadStream, fstat, open, realpath } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, sep } from "node:path";
import { promisify } from "node:util";
import { lookup as mimeTypeOf } from "mrmime";

export interface ServeOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Files served in place of what the directory has, by path from its root: what must not be written into it. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** What was asked of a server so far. */
export interface ServerCounts {
  readonly requests: number;
  /** Bytes of bodies that were begun to be sent. */
  readonly bytes: number;
}

/** A server that listens. */
export interface StaticServer {
  /** Its root, with a slash at the end. */
  readonly url: string;
  /** Live: read it again to see it moved. */
  readonly counts: ServerCounts;
  /** Stops listening and ends open connections. */
  close(): Promise<void>;
}

/**
 * Serves the directory at `directory`; resolves once it listens. Rejects with Node's error if the directory does not
 * exist or the port is not to be had.
 */
export async function serveDirectory(
  directory: string,
  options: ServeOptions = {},
): Promise<StaticServer> {
  const root = await promisify(realpath.native)(directory);
  const { port = 0, host = "127.0.0.1", files = new Map() } = options;
  const counts = { requests: 0, bytes: 0 };
  const server = createServer((request, response) => {
    counts.requests += 1;
    answer(root, files, request, response)
      .then((bytes) => {
        counts.bytes += bytes;
      })
      .catch((error: unknown) => {
        if (response.headersSent) response.destroy(error as Error);
        else refuse(response, 500, `the server failed: ${(error as Error).message}`);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: chosen } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${chosen}/`,
    counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const commonHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "content-range, etag, content-length, accept-ranges",
  "cross-origin-resource-policy": "cross-origin",
} as const;

/** Answers one request and tells how many bytes of a file it began to send. */
async function answer(
  root: string,
  files: ReadonlyMap<string, Uint8Array>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number> {
  if (request.method === "OPTIONS") return allow(response);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD, OPTIONS");
    return refuse(response, 405, "only GET and HEAD are served");
  }
  const [rawPath = "/", query] = (request.url ?? "/").split("?", 2);
  const names = namesIn(rawPath);
  if (!names) return refuse(response, 400, "the path is malformed");
  const isDirectory = rawPath.endsWith("/");
  const bytes = files.get(names.join("/"));
  if (bytes && !isDirectory) return sendBytes(bytes, names.join("/"), request, response);
  const path = join(root, ...names, isDirectory ? "index.html" : "");
  const place = await placeOf(path);
  if (place === undefined || !isWithin(root, place)) return refuse(response, 404, "not found");
  const file = await openFile(place);
  if (file === "directory" && !isDirectory) {
    const location = `/${[...names.map(encodeURIComponent), ""].join("/")}`;
    response.setHeader("location", query === undefined ? location : `${location}?${query}`);
    return refuse(response, 301, "moved");
  }
  if (typeof file === "string") return refuse(response, 404, "not found");
  return send(file, contentTypeOf(path), request, response);
}

function allow(response: ServerResponse): number {
  response.writeHead(204, {
    ...commonHeaders,
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-allow-headers":
      "range, if-range, if-match, if-none-match, cache-control, pragma",
    "access-control-max-age": "600",
  });
  response.end();
  return 0;
}

function refuse(response: ServerResponse, status: number, words: string): number {
  response.writeHead(status, { ...commonHeaders, "content-type": "text/plain; charset=utf-8" });
  response.end(`${status} ${words}\n`);
  return 0;
}

/** The decoded names in a raw path; undefined if it is malformed or tries to climb. */
function namesIn(rawPath: string): string[] | undefined {
  if (!rawPath.startsWith("/")) return undefined;
  const raw = rawPath.slice(1).split("/");
  if (raw.at(-1) === "") raw.pop();
  const names: string[] = [];
  for (const segment of raw) {
    let name: string;
    try {
      name = decodeURIComponent(segment);
    } catch {
      // A stray % or bytes that are no UTF-8: malformed, says the caller.
      return undefined;
    }
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return undefined;
    names.push(name);
  }
  return names;
}

/** Where `path` leads, all symlinks followed; undefined if it leads nowhere. */
async function placeOf(path: string): Promise<string | undefined> {
  try {
    return await promisify(realpath.native)(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EACCES"].includes(code)) return undefined;
    throw error;
  }
}

function isWithin(root: string, place: string): boolean {
  return place === root || place.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** An open file; size, ETag and content are of the same descriptor, whatever happens to its name. */
interface OpenFile {
  readonly descriptor: number;
  readonly size: number;
  readonly etag: string;
  readonly modified: Date;
}

async function openFile(place: string): Promise<OpenFile | "directory" | "none"> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = await promisify(open)(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENXIO"].includes(code)) return "none";
    throw error;
  }
  const stat = await promisify(fstat)(descriptor, { bigint: true });
  if (!stat.isFile()) {
    await promisify(close)(descriptor);
    return stat.isDirectory() ? "directory" : "none";
  }
  const etag = `"${stat.size.toString(16)}-${stat.mtimeNs.toString(16)}"`;
  return { descriptor, size: Number(stat.size), etag, modified: stat.mtime };
}

async function send(
  file: OpenFile,
  type: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number> {
  const { descriptor, size, etag, modified } = file;
  const headers: Record<string, string | number> = {
    ...commonHeaders,
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    etag,
    "last-modified": modified.toUTCString(),
  };
  if (isUnchanged(request, etag)) {
    await promisify(close)(descriptor);
    response.writeHead(304, headers).end();
    return 0;
  }
  const range = request.method === "GET" ? rangeOf(request, file) : undefined;
  if (range === "unsatisfiable") {
    await promisify(close)(descriptor);
    response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
    return 0;
  }
  const { first, last } = range ?? { first: 0, last: size - 1 };
  const length = last - first + 1;
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "content-type": type,
    "content-length": length,
    ...(range && { "content-range": `bytes ${first}-${last}/${size}` }),
  });
  if (request.method === "HEAD" || length === 0) {
    await promisify(close)(descriptor);
    response.end();
    return 0;
  }
  const content = createReadStream("", { fd: descriptor, start: first, end: last });
  content.on("error", (error) => response.destroy(error));
  response.on("close", () => content.destroy());
  content.pipe(response);
  return length;
}

function sendBytes(
  bytes: Uint8Array,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): number {
  response.writeHead(200, {
    ...commonHeaders,
    "cache-control": "no-store",
    "content-type": contentTypeOf(name),
    "content-length": bytes.length,
  });
  const isWanted = request.method === "GET";
  response.end(isWanted ? bytes : undefined);
  return isWanted ? bytes.length : 0;
}

/** Whether the client has this very version. */
function isUnchanged(request: IncomingMessage, etag: string): boolean {
  const known = request.headers["if-none-match"];
  if (known === undefined) return false;
  return known
    .split(",")
    .some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}

/** The one range asked for; undefined where the whole is to be sent: none asked, several, or of another version. */
function rangeOf(
  request: IncomingMessage,
  file: OpenFile,
): { first: number; last: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  if (!match) return undefined;
  const [, from = "", to = ""] = match;
  const condition = request.headers["if-range"];
  if (condition !== undefined && condition !== file.etag) return undefined;
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const length = Math.min(Number(to), file.size);
    return length === 0 ? "unsatisfiable" : { first: file.size - length, last: file.size - 1 };
  }
  const first = Number(from);
  const last = to === "" ? file.size - 1 : Math.min(Number(to), file.size - 1);
  if (to !== "" && Number(to) < first) return undefined;
  return first >= file.size ? "unsatisfiable" : { first, last };
}

/** HTML states its charset itself, often; other text is UTF-8 nowadays. */
function contentTypeOf(path: string): string {
  const type = mimeTypeOf(path) ?? "application/octet-stream";
  return type.startsWith("text/") && type !== "text/html" ? `${type}; charset=utf-8` : type;
}
