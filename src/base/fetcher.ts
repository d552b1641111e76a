/**
 * The base's only way to the network: one request for one object, as plain data, so that it can cross to another thread
 * (the FUSE loop runs where no fetch can). What comes back has been checked: status, length, range, and the hash if
 * one was given. Retries, deadlines and single flight are the fetcher's matter.
 */
import type { Wait } from "../operation.ts";

/** One object to get: a whole resource, or an exact range of one. */
export interface ObjectRequest {
  /** Absolute http: or https: URL, its path percent-encoded per segment. */
  readonly url: string;
  /** The range wanted, and the size the whole resource must turn out to have; absent: all of it. */
  readonly range?: { readonly offset: number; readonly length: number; readonly size: number };
  /** SHA-256 of the bytes asked for, 64 lower-case hex digits; absent: they are not verified (the pointer itself). */
  readonly sha256?: string;
  /**
   * The most bytes an honest answer can have; a longer one is cut off and refused. For a range it may be above the
   * range's length: a server that ignores ranges and sends the whole is then put up with, up to that size.
   */
  readonly maxBytes: number;
  /** Go past the HTTP caches on the way: the pointer always, anything else after a mismatch. */
  readonly fresh?: boolean;
}

/** What was got. */
export interface FetchedObject {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of `bytes`, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** Gets objects over HTTP. */
export interface Fetcher {
  /**
   * @throws ENOENT the server says 404 or 410
   * @throws EACCES the server says 401 or 403
   * @throws EIO anything else: unreachable, past its deadline, a wrong answer, a wrong hash; `reason` says which, with
   *   the url, what was expected and what came
   * @throws ECANCELED the fetcher was closed
   */
  get(request: ObjectRequest): Wait<FetchedObject>;
  /** Cancels what is in flight. */
  close(): void;
}
