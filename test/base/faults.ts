/**
 * What goes wrong between a server and us, as answers that a site server gives in place of its own: each fault takes a
 * request and answers it badly. Faults that take time make the clock of the test ring instead of waiting.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { FakeClock } from "./fake-clock.ts";

/** An honest answer, and what a fault needs to spoil it. */
export interface SpoiledExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly clock: FakeClock;
  /** A whole number from 0 to below `limit`. */
  readonly draw: (limit: number) => number;
}

/** Answers a request badly. */
export type Fault = (exchange: SpoiledExchange) => void;

const html = { "content-type": "text/html" };

/** Rings every deadline until the client has given the answer up. */
function stall({ response, clock }: SpoiledExchange): void {
  const ringing = setInterval(() => clock.ring(10_000), 5);
  response.on("close", () => clearInterval(ringing));
}

function page(draw: (limit: number) => number): string {
  return `<!doctype html><p>Not what was asked for.</p><!-- ${"x".repeat(draw(3000))} -->`;
}

/** Every fault by its name. After those of `undetectable` nothing but a hash can tell. */
export const faults: Readonly<Record<string, Fault>> = {
  "a delay": ({ response, status, headers, body }) => {
    setTimeout(() => response.writeHead(status, headers).end(body), 1);
  },
  "no answer": stall,
  "an answer that stops halfway": (exchange) => {
    const { response, status, headers, body } = exchange;
    response.writeHead(status, { ...headers, "content-length": String(body.length + 1) });
    response.write(body.subarray(0, body.length >> 1));
    stall(exchange);
  },
  "a reset": ({ request }) => request.socket.resetAndDestroy(),
  "an answer that breaks off": ({ response, status, headers, body }) => {
    response.writeHead(status, { ...headers, "content-length": String(body.length + 1) });
    response.write(body.subarray(0, body.length >> 1), () => response.destroy());
  },
  "an answer that is short, and says so": ({ response, status, headers, body }) => {
    const short = body.subarray(0, Math.max(0, body.length - 1));
    response.writeHead(status, { ...headers, "content-length": String(short.length) }).end(short);
  },
  "status 500": ({ response }) => response.writeHead(500).end("trouble"),
  "status 503": ({ response }) => response.writeHead(503, html).end("<p>trouble</p>"),
  "status 429": ({ response }) => response.writeHead(429, { "retry-after": "1" }).end(),
  "200 with a part only": ({ response, headers, body }) => {
    const { "content-range": _, ...rest } = headers;
    response.writeHead(200, rest).end(body);
  },
  "another range than was asked for": ({ response, headers, body, status }) => {
    const range = headers["content-range"]?.replace(/bytes (\d+)-(\d+)/, (_, from, to) => {
      return `bytes ${Number(from) + 1}-${Number(to) + 1}`;
    });
    const whole = { ...headers, "content-range": range ?? "bytes 1-2/3" };
    response.writeHead(status === 200 ? 206 : status, whole).end(body);
  },
  "a page with status 200": ({ response, draw }) => {
    response.writeHead(200, html).end(page(draw));
  },
  "a redirect to a page": ({ response, request }) => {
    if (request.url?.startsWith("/elsewhere/")) response.writeHead(200, html).end("<p>here</p>");
    else response.writeHead(302, { location: "/elsewhere/page" }).end();
  },
  "a gzipped part": ({ response, status, headers, body }) => {
    const packed = gzipSync(body);
    const { "content-length": _, ...rest } = headers;
    response.writeHead(status, { ...rest, "content-encoding": "gzip" }).end(packed);
  },
  "another ETag": ({ response, status, headers, body }) => {
    response.writeHead(status, { ...headers, etag: '"of another version"' }).end(body);
  },
  "a flipped bit": ({ response, status, headers, body, draw }) => {
    const flipped = Buffer.from(body);
    const at = draw(Math.max(1, body.length));
    if (body.length > 0) flipped[at] = (flipped[at] as number) ^ (1 << draw(8));
    response.writeHead(status, headers).end(flipped);
  },
};

/** Faults that are seen only where content is held to a checksum. */
export const undetectable: readonly string[] = ["a flipped bit"];
