/**
 * One request and its answer, judged: status, range, encoding and length are checked here, and the body is cut off
 * where an honest one must have ended. Whether to try again is left to retry.ts, the hash to verify.ts.
 */
import { FsError } from "../errno.ts";
import type { Clock } from "./clock.ts";
import { Deadline } from "./deadline.ts";
import type { ObjectRequest } from "./fetcher.ts";
import { isCrossOrigin, refusedByCors, whyUnreachable } from "./unreachable.ts";

/** The runtime's fetch, or something that behaves like it. */
export type Transport = (url: string, init?: RequestInit) => Promise<Response>;

/** What an exchange needs besides the request. */
export interface Exchange {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly credentials: "omit" | "same-origin" | "include";
  /** Aborts everything. */
  readonly closing: AbortSignal;
}

/** What came back, judged. */
export type Answer =
  /** The bytes that were asked for, still to be verified. */
  | {
      readonly verdict: "good";
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly etag: string | null;
      readonly lastModified: string | null;
      readonly isHtml: boolean;
    }
  /** The server or the network is in trouble; `wait_ms` is how long the server asks to be left alone. */
  | { readonly verdict: "busy"; readonly error: FsError; readonly wait_ms: number }
  /** The deadline was missed. */
  | { readonly verdict: "late"; readonly error: FsError }
  /** Not what was asked for; a cache on the way may be to blame. */
  | { readonly verdict: "wrong"; readonly error: FsError }
  /** A clear no. */
  | { readonly verdict: "refused"; readonly error: FsError };

/** The error of a fetch; `reason` begins with the URL. */
export function fetchError(
  code: "EIO" | "ENOENT" | "EACCES" | "ECANCELED",
  reason: string,
  cause?: unknown,
): FsError {
  return new FsError(code, { syscall: "fetch", reason, cause });
}

/** Sends `request` once and judges the answer. Rejects only if `via.closing` was aborted. */
export async function exchange(request: ObjectRequest, via: Exchange): Promise<Answer> {
  if (via.closing.aborted) throw closed(request.url);
  const deadline = new Deadline(via.clock);
  const abandon = (): void => deadline.abandon();
  via.closing.addEventListener("abort", abandon);
  let received = 0;
  let response: Response | undefined;
  try {
    response = await via.transport(request.url, requestInit(request, via, deadline.signal));
    const refusal = judgeHead(request, response, via.clock);
    if (refusal) {
      await response.body?.cancel();
      return refusal;
    }
    const bytes = await readBody(response, request.maxBytes, (count) => {
      received += count;
      deadline.received(count);
    });
    return judgeBody(request, response, bytes);
  } catch (error) {
    if (via.closing.aborted) throw closed(request.url);
    if (deadline.missed !== undefined) {
      const reason = `${request.url}: ${deadline.missed}`;
      return { verdict: "late", error: fetchError("EIO", reason, error) };
    }
    if (response) {
      const reason = `${request.url}: the connection broke off after ${received} bytes`;
      return { verdict: "busy", error: fetchError("EIO", reason, error), wait_ms: 0 };
    }
    if (await isWithheld(request.url, via)) {
      return { verdict: "refused", error: fetchError("EIO", refusedByCors(request.url), error) };
    }
    const reason = `cannot reach ${request.url}: ${whyUnreachable(error)}`;
    return { verdict: "busy", error: fetchError("EIO", reason, error), wait_ms: 0 };
  } finally {
    deadline.end();
    via.closing.removeEventListener("abort", abandon);
  }
}

/** What a closed fetcher answers. */
export function closed(url: string): FsError {
  return fetchError("ECANCELED", `${url}: the base was closed`);
}

function requestInit(request: ObjectRequest, via: Exchange, signal: AbortSignal): RequestInit {
  const { range } = request;
  return {
    signal,
    credentials: via.credentials,
    redirect: "follow",
    cache: request.fresh ? "reload" : "default",
    ...(range && {
      headers: { range: `bytes=${range.offset}-${range.offset + range.length - 1}` },
    }),
  };
}

/** What is wrong with the head of the answer already, if anything. */
function judgeHead(request: ObjectRequest, response: Response, clock: Clock): Answer | undefined {
  const { status, headers } = response;
  const { url, range, maxBytes } = request;
  const wrong = (reason: string): Answer => ({
    verdict: "wrong",
    error: fetchError("EIO", `${url}: ${reason}`),
  });
  if (status === 404 || status === 410) {
    return { verdict: "refused", error: fetchError("ENOENT", `${url}: the server says ${status}`) };
  }
  if (status === 401 || status === 403) {
    return { verdict: "refused", error: fetchError("EACCES", `${url}: the server says ${status}`) };
  }
  if (status === 408 || status === 429 || status >= 500) {
    const wait_ms = retryAfter(headers.get("retry-after"), clock);
    return {
      verdict: "busy",
      error: fetchError("EIO", `${url}: the server says ${status}`),
      wait_ms,
    };
  }
  if (status !== 200 && status !== 206) {
    return wrong(`expected status ${range ? "206" : "200"}, got ${status}`);
  }
  const length = statedLength(headers);
  if (!range) {
    if (status === 206) return wrong("expected the whole, got a part (206)");
    if (length !== undefined && length > maxBytes) {
      return wrong(`expected at most ${maxBytes} bytes, got ${length}`);
    }
    return undefined;
  }
  const encoding = headers.get("content-encoding");
  if (status === 206) {
    if (encoding !== null && encoding !== "identity") {
      return wrong(`expected a range of the bytes as they are, got it in '${encoding}' encoding`);
    }
    const { offset, length: wanted, size } = range;
    const expected = `bytes ${offset}-${offset + wanted - 1}/${size}`;
    const got = headers.get("content-range");
    // Another origin's server may keep this header from us; then length and hash must do.
    if (got === null ? request.sha256 === undefined : got !== expected) {
      return wrong(`expected Content-Range '${expected}', got '${got ?? "none"}'`);
    }
    return undefined;
  }
  if (range.size > maxBytes) {
    return wrong(
      `the server ignores ranges, and the whole of ${range.size} bytes is too much to fetch for ${range.length}; ` +
        "serve it with a server that answers Range requests, such as `minifo serve`",
    );
  }
  if (length !== undefined && length !== range.size) {
    return wrong(`expected a range or a whole of ${range.size} bytes, got ${length}`);
  }
  return undefined;
}

/** Checks the length and takes what was asked for out of the body. */
function judgeBody(
  request: ObjectRequest,
  response: Response,
  body: Uint8Array<ArrayBuffer> | undefined,
): Answer {
  const { url, range, maxBytes } = request;
  const wrong = (reason: string): Answer => ({
    verdict: "wrong",
    error: fetchError("EIO", `${url}: ${reason}`),
  });
  if (!body) return wrong(`expected at most ${maxBytes} bytes, got more`);
  let bytes = body;
  if (range) {
    const isWhole = response.status === 200;
    const expected = isWhole ? range.size : range.length;
    if (body.length !== expected) return wrong(`expected ${expected} bytes, got ${body.length}`);
    if (isWhole) bytes = body.slice(range.offset, range.offset + range.length);
  } else {
    const length = statedLength(response.headers);
    if (length !== undefined && length !== body.length) {
      return wrong(`expected ${length} bytes, got ${body.length}`);
    }
  }
  return {
    verdict: "good",
    bytes,
    etag: response.headers.get("etag"),
    lastModified: response.headers.get("last-modified"),
    isHtml: response.headers.get("content-type")?.startsWith("text/html") ?? false,
  };
}

/**
 * The Content-Length, where it means the bytes we get to see. Under a compression it does not, and the header that
 * says so is hidden from pages of another origin.
 */
function statedLength(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  if (length === null || !/^\d+$/.test(length)) return undefined;
  if (headers.get("content-encoding") !== null || pageMayMissHeaders(headers)) return undefined;
  return Number(length);
}

/** Date is always sent and always hidden unless exposed: where we do not see it, others may be hidden too. */
function pageMayMissHeaders(headers: Headers): boolean {
  return (
    (globalThis as { location?: unknown }).location !== undefined && headers.get("date") === null
  );
}

/** The whole body, or undefined if it is longer than `maxBytes`; it is then cut off. */
async function readBody(
  response: Response,
  maxBytes: number,
  received: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!response.body) return new Uint8Array(0);
  const reader = response.body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || !value) break;
    received(value.length);
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    pieces.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Milliseconds a Retry-After header asks for: it holds seconds or a date. */
function retryAfter(header: string | null, clock: Clock): number {
  if (header === null) return 0;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - clock.now());
}

/** Whether the server answers a request whose answer no page may read: then only CORS stands in the way. */
async function isWithheld(url: string, via: Exchange): Promise<boolean> {
  if (!isCrossOrigin(url)) return false;
  const deadline = new Deadline(via.clock);
  try {
    const answer = await via.transport(url, {
      method: "HEAD",
      mode: "no-cors",
      cache: "no-store",
      credentials: "omit",
      signal: deadline.signal,
    });
    await answer.body?.cancel();
    return true;
  } catch {
    // No answer to this one either: so it was the network, and the first error stands.
    return false;
  } finally {
    deadline.end();
  }
}
