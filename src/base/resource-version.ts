/**
 * Whether two answers about a resource speak of the same version of it: by its size, its ETag and its Last-Modified, as
 * far as both tell them. What a server does not tell cannot differ.
 */
import type { FetchedObject, ResourceVersion } from "./fetcher.ts";

/** The version that `object` is of. */
export function versionOf({ size, etag, lastModified }: FetchedObject): ResourceVersion {
  return {
    ...(size !== undefined && { size }),
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

/** A version as words that are equal for equal versions. */
export function nameOfVersion({ size, etag, lastModified }: ResourceVersion): string {
  return `${size ?? ""}:${lastModified ?? ""}:${etag === undefined ? "" : bareTag(etag)}`;
}

/** In what way an answer is of another version than `version`, in words; undefined if it is not. */
export function differenceOf(version: ResourceVersion, response: Response): string | undefined {
  const { status, headers } = response;
  const etag = headers.get("etag");
  if (version.etag !== undefined && etag !== null && bareTag(etag) !== bareTag(version.etag)) {
    return `its ETag was ${version.etag} and is ${etag}`;
  }
  const lastModified = headers.get("last-modified");
  if (
    version.lastModified !== undefined &&
    lastModified !== null &&
    lastModified !== version.lastModified
  ) {
    return `it was last modified ${version.lastModified}, and now ${lastModified}`;
  }
  if (version.size === undefined) return undefined;
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  if ((status === 206 || status === 416) && total !== undefined && Number(total) !== version.size) {
    return `it had ${version.size} bytes and has ${total}`;
  }
  return undefined;
}

/** An ETag without the marks of a compressed transfer: nginx makes it weak then, Apache appends the coding. */
function bareTag(etag: string): string {
  return etag.replace(/^W\//, "").replace(/-(?:gzip|br|deflate|zstd)(?="?$)/, "");
}
