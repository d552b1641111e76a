/**
 * How a manifest comes to be one: from what a user gives to its URL, from there to bytes, and from bytes that nobody
 * vouches for to a pointer. What is wrong is told as an error that names the URL and what to do.
 */
import { FsError } from "../../errno.ts";
import { type Operation, waitFor } from "../../operation.ts";
import type { FetchedObject, Fetcher } from "../fetcher.ts";
import { manifestName, maxManifestBytes, type Pointer, readPointer } from "./format.ts";
import { InlineIndex } from "./index-inline.ts";
import { ManifestFlaw } from "./shape.ts";

/** Whether `bytes`, which came from `url`, are a manifest that a base can be opened by. */
export function isManifest(bytes: Uint8Array, url: string): boolean {
  try {
    const pointer = pointerIn(bytes, url);
    inlineIndex(pointer, url);
    return true;
  } catch (error) {
    if (error instanceof FsError) return false;
    throw error;
  }
}

/**
 * The pointer that `bytes`, which came from `url`, are.
 * @throws EPROTO they are none, or a bad one
 */
export function pointerIn(bytes: Uint8Array, url: string): Pointer {
  return refusing(url, () => readPointer(parsed(bytes, url)));
}

/**
 * The index of `pointer`, which came from `url`, if it is inline.
 * @throws EPROTO it is a bad one
 */
export function inlineIndex(pointer: Pointer, url: string): InlineIndex | undefined {
  const { index } = pointer;
  return "directories" in index ? refusing(url, () => new InlineIndex(pointer, index)) : undefined;
}

/**
 * The directory's URL, with a slash at its end, for what a user gives: that directory with or without the slash, or
 * the `minifo.json` in it.
 * @throws EINVAL
 */
export function baseUrlOf(given: string): string {
  const refuse = (reason: string): FsError =>
    new FsError("EINVAL", { syscall: "open", path: given, reason });
  let url: URL;
  try {
    url = new URL(given);
  } catch (error) {
    throw refuse(`no URL, such as https://example.org/site/ (${(error as Error).message})`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refuse(`a base's URL begins with http: or https:, not with ${url.protocol}`);
  }
  if (/^https?:\/\/[^/]*@/i.test(url.href)) {
    throw refuse("fetch takes no URL with a user name or password in it");
  }
  if (url.search !== "") throw refuse("the URL of a base has no '?': give the directory's own URL");
  url.hash = "";
  if (url.pathname.endsWith(`/${manifestName}`)) {
    url.pathname = url.pathname.slice(0, -manifestName.length);
  } else if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

/**
 * What is at `url`, a `minifo.json`.
 * @throws ENOENT there is none
 * @throws EACCES, EIO as `Fetcher.get`
 */
export function* fetchManifest(url: string, fetcher: Fetcher): Operation<FetchedObject> {
  try {
    return yield* waitFor(
      fetcher.get({ url, maxBytes: maxManifestBytes, fresh: true, isPointer: true }),
    );
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    if (error.code !== "ENOENT") throw error.at({ syscall: "open" });
    throw new FsError("ENOENT", {
      syscall: "open",
      reason:
        `there is no minifo.json at ${url}: run \`minifo index DIR\` on the directory that the server serves there, ` +
        "and try again",
      cause: error,
    });
  }
}

function parsed(bytes: Uint8Array, url: string): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badManifest(url, "is no UTF-8", cause);
  }
  if (/^\s*</.test(text)) {
    throw badManifest(
      url,
      "is an HTML page, as some servers send for files they do not have; run `minifo index DIR` on the directory " +
        "that the server serves there",
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badManifest(url, `is no JSON: ${(cause as Error).message}`, cause);
  }
}

/** What `read` gives; a flaw is told as EPROTO. */
function refusing<T>(url: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ManifestFlaw)) throw cause;
    throw badManifest(url, `is refused: ${cause.message}`, cause);
  }
}

function badManifest(url: string, flaw: string, cause?: unknown): FsError {
  return new FsError("EPROTO", { syscall: "open", reason: `the manifest ${url} ${flaw}`, cause });
}
