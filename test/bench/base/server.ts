/**
 * Serves a tree on loopback and counts: whole files and single ranges, each answer held back for a round trip, and
 * spoilt if it is told so. What begins with `~` is for the client to ask about the counts, and neither counts nor waits.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Spoiling } from "./plan.ts";
import type { BenchSite, ServedFile } from "./site.ts";

/** A body and what is said of it. */
interface Sending {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

export class BenchServer {
  readonly #site: BenchSite;
  readonly #server: Server;
  /** How long each answer is held back. */
  roundTrip_ms = 0;
  #spoiling: Spoiling | undefined;
  #underway = 0;
  #counts = { requests: 0, trips: 0, bytes: 0 };

  private constructor(site: BenchSite) {
    this.#site = site;
    this.#server = createServer((request, response) => this.#take(request, response));
    // A client that is busy for many seconds finds its connection as it left it.
    this.#server.keepAliveTimeout = 600_000;
  }

  static async over(site: BenchSite): Promise<BenchServer> {
    const server = new BenchServer(site);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? "/").slice(1));
    if (path.startsWith("~")) {
      response.end(JSON.stringify(this.#told(path.slice(1))));
      return;
    }
    this.#counts.requests += 1;
    if (this.#underway === 0) this.#counts.trips += 1;
    this.#underway += 1;
    const send = (): void => {
      const { status, headers, body } = this.#answer(path, request);
      this.#counts.bytes += body.length;
      response.writeHead(status, { ...headers, "content-length": String(body.length) });
      response.end(request.method === "HEAD" ? undefined : body, () => {
        this.#underway -= 1;
      });
    };
    if (this.roundTrip_ms === 0) send();
    else setTimeout(send, this.roundTrip_ms);
  }

  #told(what: string): unknown {
    if (what === "plan") return this.#site.plan;
    const [, spoiling] = /^spoil\/(.*)$/.exec(what) ?? [];
    if (spoiling !== undefined) this.#spoiling = (spoiling || undefined) as Spoiling | undefined;
    const counts = this.#counts;
    this.#counts = { requests: 0, trips: 0, bytes: 0 };
    return counts;
  }

  #answer(path: string, { headers }: IncomingMessage): Sending {
    const file = this.#site.file(path);
    if (!file || this.#spoiling === "gone") {
      return { status: 404, headers: {}, body: Buffer.from("not found") };
    }
    const honest = partOf(file, headers);
    return this.#spoiling ? spoilt(honest, this.#spoiling) : honest;
  }
}

function partOf({ bytes, isGzip }: ServedFile, headers: IncomingMessage["headers"]): Sending {
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
  // There is no validator that an If-Range could match: then the whole is due (RFC 9110, section 13.1.5).
  if (!range || headers["if-range"] !== undefined || isGzip) {
    return { status: 200, headers: isGzip ? { "content-encoding": "gzip" } : {}, body: bytes };
  }
  const from = Number(range[1]);
  const body = bytes.subarray(from, Number(range[2]) + 1);
  const said = `bytes ${from}-${from + body.length - 1}/${bytes.length}`;
  return { status: 206, headers: { "content-range": said }, body };
}

function spoilt(honest: Sending, how: Exclude<Spoiling, "gone">): Sending {
  const { body } = honest;
  switch (how) {
    case "flipped":
      return { ...honest, body: Uint8Array.from(body, (byte) => byte ^ 1) };
    case "truncated":
      return { ...honest, body: body.subarray(0, body.length >> 1) };
    case "html": {
      const page = Buffer.from("<!doctype html><title>An application</title>");
      return { status: 200, headers: { "content-type": "text/html" }, body: page };
    }
    case "gzip":
      return { ...honest, body: gzipSync(body) };
  }
}
