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
  /**
   * In place of a range, of a resource that is not known yet: `"head"`, only what the server tells of it; `"start"`, its
   * first `maxBytes` bytes, however long it is.
   */
  readonly part?: "head" | "start";
  /** SHA-256 of the bytes asked for, 64 lower-case hex digits; absent: they are not verified (the pointer itself). */
  readonly sha256?: string;
  /**
   * The most bytes an honest answer can have; a longer one is cut off and refused. For a range it may be above the
   * range's length: a server that ignores ranges and sends the whole is then put up with, up to that size.
   */
  readonly maxBytes: number;
  /** Go past the HTTP caches on the way: the pointer always, anything else after a mismatch. */
  readonly fresh?: boolean;
  /** What the resource was when it was seen first; an answer that is of another version is ESTALE. */
  readonly version?: ResourceVersion;
  /** The ETag of what is known already: where the server still has that, there are no bytes but `isUnchanged`. */
  readonly unlessTag?: string;
  /** How the bytes asked for are packed; they are given unpacked and checked. */
  readonly packing?: Packing;
  /** Nobody waits for it: whoever does goes first. Asked for again without this, it does too. */
  readonly ahead?: boolean;
  /**
   * It is a part, or all, of an archive that is read again at every opening: kept under `version`, where there is one, and
   * then given without asking the server.
   */
  readonly ofArchive?: boolean;
  /** It is what a base is opened by: kept for when there is no network, and given then, marked. */
  readonly isPointer?: boolean;
  /** How often it is asked for again at most, where the server or the network is in trouble; default 4. */
  readonly retries?: number;
  /**
   * It is fetched to be kept: it fails if it cannot be, and nothing that was used since this moment (milliseconds since
   * 1970) is dropped for it.
   */
  readonly spare_ms?: number;
}

/** What tells one version of a resource from another, as far as its server tells it. */
export interface ResourceVersion {
  /** Bytes of the whole, as they are without any transfer's compression. */
  readonly size?: number;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** How bytes lie inside an archive. */
export interface Packing {
  readonly method: "stored" | "deflate-raw" | "gzip";
  /** Bytes once unpacked, exactly; with gzip, which does not tell, the most there may be. */
  readonly size: number;
  /** CRC-32 of the unpacked bytes. */
  readonly crc32?: number;
  /** The bytes begin with the header of a zip's member; behind it come so many that are packed, and anything after. */
  readonly zipMemberBytes?: number;
}

/** That there was no network when a base was opened, so that it is what was kept of it. */
export interface KeptPart {
  /** When it was fetched last, in milliseconds since 1970. */
  readonly fetched_ms: number;
  /** What was in the way, as the end of a sentence. */
  readonly reason: string;
}

/** What was got. */
export interface FetchedObject {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes as they came (before they were unpacked), 64 lower-case hex digits. */
  readonly sha256: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Bytes of the whole resource, where the server tells it. */
  readonly size?: number;
  /** Where it came from in the end, after redirects. */
  readonly url?: string;
  /** The media type, lower case, without parameters. */
  readonly contentType?: string;
  /** Whether the server answered with a part: if not, it knows no ranges. */
  readonly isPart?: boolean;
  /** It is what `unlessTag` said. */
  readonly isUnchanged?: boolean;
  /** There was no network, and this is what was kept. */
  readonly kept?: KeptPart;
}

/** Gets objects over HTTP. */
export interface Fetcher {
  /**
   * @throws ENOENT the server says 404 or 410
   * @throws EACCES the server says 401 or 403
   * @throws ESTALE what is there is not of `request.version`
   * @throws EIO anything else: unreachable, past its deadline, a wrong answer, a wrong hash; `reason` says which, with
   *   the url, what was expected and what came
   * @throws ECANCELED the fetcher was closed
   * @throws ENOSPC, EOPNOTSUPP it was to be kept, and there is no room, or nothing that keeps
   */
  get(request: ObjectRequest): Wait<FetchedObject>;
  /** Cancels what is in flight. */
  close(): void;
}
