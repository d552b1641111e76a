/**
 * Serves trees and a bundled application on one loopback origin, as a plain web server would: whole files and single
 * ranges, an ETag with `no-cache`, so that a browser asks each time and is told 304. It counts what is fetched of the
 * trees, the application apart.
 */
import { createReadStream, type Stats, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { lookup } from "mrmime";

/** What is fetched of the trees. */
export interface Fetched {
  readonly requests: number;
  /** Of the answers' bodies. */
  readonly bytes: number;
}

/** What to serve below `/NAME/`: a directory, and files served as if they were in it. */
export interface ServedTree {
  readonly directory?: string;
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** What is fetched of it counts. */
  readonly counts: boolean;
}

export class TreeServer {
  readonly #trees: ReadonlyMap<string, ServedTree>;
  readonly #server: Server;
  #fetched = { requests: 0, bytes: 0 };

  private constructor(trees: ReadonlyMap<string, ServedTree>) {
    this.#trees = trees;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: Error) => response.destroy(error));
    });
    // A client that is busy for many seconds finds its connection as it left it.
    this.#server.keepAliveTimeout = 600_000;
  }

  static async over(trees: ReadonlyMap<string, ServedTree>): Promise<TreeServer> {
    const server = new TreeServer(trees);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** With a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** What was fetched since this was asked the last time. */
  takeFetched(): Fetched {
    const fetched = this.#fetched;
    this.#fetched = { requests: 0, bytes: 0 };
    return fetched;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/"] = (request.url ?? "/").split("?");
    const [, name = "", inside = ""] = /^\/([^/]+)\/(.*)$/.exec(decodeURIComponent(path)) ?? [];
    const tree = this.#trees.get(name);
    if (tree?.counts) this.#fetched.requests += 1;
    const content = tree && contentAt(tree, inside);
    if (!content) {
      response.writeHead(404, { "content-length": 0 }).end();
      return;
    }
    const headers: Record<string, string | number> = {
      etag: content.etag,
      "cache-control": "no-cache",
      "content-type": lookup(inside) ?? "application/octet-stream",
    };
    if (request.headers["if-none-match"] === content.etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const wanted = request.headers["if-range"] ?? content.etag;
    const isPart = range !== null && wanted === content.etag;
    const first = isPart ? Number(range[1]) : 0;
    const last = isPart ? Math.min(Number(range[2]), content.size - 1) : content.size - 1;
    if (isPart) headers["content-range"] = `bytes ${first}-${last}/${content.size}`;
    headers["content-length"] = last - first + 1;
    response.writeHead(isPart ? 206 : 200, headers);
    if (request.method === "HEAD" || last < first) {
      response.end();
      return;
    }
    if (tree.counts) this.#fetched.bytes += last - first + 1;
    if (typeof content.place !== "string") {
      response.end(content.place.subarray(first, last + 1));
      return;
    }
    await pipeline(createReadStream(content.place, { start: first, end: last }), response);
  }
}

/** A file to be served: its bytes, or where they are. */
interface Content {
  readonly place: string | Uint8Array;
  readonly size: number;
  readonly etag: string;
}

function contentAt({ directory, files }: ServedTree, path: string): Content | undefined {
  const bytes = files?.get(path);
  if (bytes) return { place: bytes, size: bytes.length, etag: `"${bytes.length}"` };
  if (directory === undefined || path.split("/").includes("..")) return undefined;
  const place = join(directory, path);
  const stat: Stats | undefined = statSync(place, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  return { place, size: stat.size, etag: `"${stat.size}-${stat.mtimeMs}"` };
}
