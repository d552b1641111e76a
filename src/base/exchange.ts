/**
 * One request and its answer, judged: status, range, encoding and length are checked here, and the body is cut off
 * where an honest one must have ended. Whether to try again is left to retry.ts, the hash to verify.ts.
 */
import { FsError } from "../errno.ts";
import type { Clock } from "./clock.ts";
import { Deadline } from "./deadline.ts";
import type { ObjectRequest } from "./fetcher.ts";
import { differenceOf } from "./resource-version.ts";
import { isCrossOrigin, refusedByCors, Unreachable, whyUnreachable } from "./unreachable.ts";

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
      /** Bytes of the whole resource, where the server tells it. */
      readonly size: number | undefined;
      /** Where it came from after redirects. */
      readonly url: string;
      readonly contentType: string | undefined;
      readonly isPart: boolean;
      readonly isUnchanged?: boolean;
      /** The whole, where a range of it was asked for and the server knows none. */
      readonly whole?: Uint8Array<ArrayBuffer>;
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
  code: "EIO" | "ENOENT" | "EACCES" | "ECANCELED" | "ESTALE" | "EOPNOTSUPP",
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
    if (response.status === 304 && request.unlessTag !== undefined) {
      return { ...toldBy(request, response), bytes: new Uint8Array(0), isUnchanged: true };
    }
    const refusal = judgeHead(request, response, via.clock);
    if (refusal) {
      await response.body?.cancel();
      return refusal;
    }
    const bytes = await readBody(request, response, (count) => {
      received += count;
      deadline.received(count);
    });
    return judgeBody(request, response, bytes);
  } catch (error) {
    if (via.closing.aborted) throw closed(request.url);
    if (deadline.missed !== undefined) {
      const reason = `${request.url}: ${deadline.missed}`;
      return { verdict: "late", error: fetchError("EIO", reason, unreachable(error)) };
    }
    if (response) {
      const reason = `${request.url}: the connection broke off after ${received} bytes`;
      return { verdict: "busy", error: fetchError("EIO", reason, error), wait_ms: 0 };
    }
    if (await isWithheld(request.url, via)) {
      return { verdict: "refused", error: fetchError("EIO", refusedByCors(request.url), error) };
    }
    const reason = `cannot reach ${request.url}: ${whyUnreachable(error)}`;
    return { verdict: "busy", error: fetchError("EIO", reason, unreachable(error)), wait_ms: 0 };
  } finally {
    deadline.end();
    via.closing.removeEventListener("abort", abandon);
  }
}

function unreachable(cause: unknown): Unreachable {
  return new Unreachable("the network is out of reach", { cause });
}

/** What a closed fetcher answers. */
export function closed(url: string): FsError {
  return fetchError("ECANCELED", `${url}: the base was closed`);
}

function requestInit(request: ObjectRequest, via: Exchange, signal: AbortSignal): RequestInit {
  const { range, part, maxBytes, unlessTag, url } = request;
  // Another origin's server would be asked first whether it takes the header; the browser has validators of its own.
  const isConditional = unlessTag !== undefined && !isCrossOrigin(url);
  // With a range even a HEAD is answered for the bytes as they are, and not for a compressed form of them.
  const asked = range
    ? `bytes=${range.offset}-${range.offset + range.length - 1}`
    : part && (part === "head" ? "bytes=0-" : `bytes=0-${maxBytes - 1}`);
  return {
    ...(part === "head" && { method: "HEAD" }),
    signal,
    credentials: via.credentials,
    redirect: "follow",
    cache: request.fresh ? "reload" : unlessTag === undefined ? "default" : "no-cache",
    ...(asked !== undefined && { headers: { range: asked } }),
    ...(isConditional && { headers: { "if-none-match": unlessTag } }),
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
  const difference = request.version && differenceOf(request.version, response);
  if (difference !== undefined) {
    const reason = `${url}: the file changed on the server: ${difference}`;
    return { verdict: "wrong", error: fetchError("ESTALE", reason) };
  }
  if (request.part) return judgePart(request, response);
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

/** The same where a range of a resource of unknown size was asked for, from its beginning on. */
function judgePart(
  { url, part }: ObjectRequest,
  { status, headers }: Response,
): Answer | undefined {
  if (status === 200 || isEmptyRange(status, headers)) return undefined;
  const wrong = (reason: string): Answer => ({
    verdict: "wrong",
    error: fetchError("EIO", `${url}: ${reason}`),
  });
  if (status !== 206) return wrong(`expected status 200 or 206, got ${status}`);
  const range = headers.get("content-range");
  if (range !== null && !/^bytes 0-\d+\/\d+$/.test(range)) {
    return wrong(`expected a Content-Range from 0 on, got '${range}'`);
  }
  const encoding = headers.get("content-encoding");
  if (part === "start" && encoding !== null && encoding !== "identity") {
    return wrong(`expected a range of the bytes as they are, got it in '${encoding}' encoding`);
  }
  return undefined;
}

/** A range of nothing cannot be satisfied: so servers say that a resource is empty. */
function isEmptyRange(status: number, headers: Headers): boolean {
  return status === 416 && /^bytes \*\/0$/.test(headers.get("content-range") ?? "");
}

/** Bytes of the whole resource as its answer tells them, if it does. */
function sizeToldBy({ status, headers }: Response): number | undefined {
  if (isEmptyRange(status, headers)) return 0;
  if (status === 200) return statedLength(headers);
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : exactly(total);
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
  const size = sizeToldBy(response);
  let bytes = body;
  let whole: Uint8Array<ArrayBuffer> | undefined;
  if (request.part === "start") {
    const expected = size === undefined ? undefined : Math.min(size, maxBytes);
    if (expected !== undefined && body.length !== expected) {
      return wrong(`expected ${expected} bytes, got ${body.length}`);
    }
  } else if (range) {
    const isWhole = response.status === 200;
    const expected = isWhole ? range.size : range.length;
    if (body.length !== expected) return wrong(`expected ${expected} bytes, got ${body.length}`);
    if (isWhole) {
      bytes = body.slice(range.offset, range.offset + range.length);
      whole = body;
    }
  } else if (!request.part) {
    const length = statedLength(response.headers);
    if (length !== undefined && length !== body.length) {
      return wrong(`expected ${length} bytes, got ${body.length}`);
    }
  }
  return { ...toldBy(request, response), bytes, ...(whole && { whole }) };
}

/** What the head of an answer tells that is good. */
function toldBy(request: ObjectRequest, response: Response) {
  const { headers } = response;
  return {
    verdict: "good",
    etag: headers.get("etag"),
    lastModified: headers.get("last-modified"),
    isHtml: headers.get("content-type")?.startsWith("text/html") ?? false,
    size: sizeToldBy(response),
    url: response.url || request.url,
    contentType: headers.get("content-type")?.split(";")[0]?.trim().toLowerCase(),
    isPart: response.status !== 200,
  } as const;
}

/**
 * The Content-Length, where it means the bytes we get to see. Under a compression it does not, and the header that
 * says so is hidden from pages of another origin.
 */
function statedLength(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  if (length === null || !/^\d+$/.test(length)) return undefined;
  if (headers.get("content-encoding") !== null || pageMayMissHeaders(headers)) return undefined;
  return exactly(length);
}

/** The number that `digits` spell; undefined beyond those that are exact: no resource has so many bytes. */
function exactly(digits: string): number | undefined {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Date is always sent and always hidden unless exposed: where we do not see it, others may be hidden too. */
function pageMayMissHeaders(headers: Headers): boolean {
  return (
    (globalThis as { location?: unknown }).location !== undefined && headers.get("date") === null
  );
}

/**
 * The whole body, cut off at `maxBytes`: then undefined, or that beginning if it was asked for. Of an answer to HEAD, and
 * of one that says that there is nothing, no bytes.
 */
async function readBody(
  { maxBytes, part }: ObjectRequest,
  response: Response,
  received: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!response.body) return new Uint8Array(0);
  if (part && (part === "head" || response.status === 416)) {
    await response.body.cancel();
    return new Uint8Array(0);
  }
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
      if (part !== "start") return undefined;
      pieces.push(value.subarray(0, value.length - (length - maxBytes)));
      length = maxBytes;
      break;
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
