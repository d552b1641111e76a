/**
 * What was fetched, kept from one opening to the next: objects by their digest, and the pointers that bases were opened by.
 * It is apart from any storage and may be thrown away at any time. It is bounded; where there is no room what was used
 * longest ago goes, from the bound down to half of it. Whoever reads from it verifies, so damage costs a fetch.
 */

/** Bytes that are kept unless told otherwise. */
export const defaultFetchCacheBytes = 1024 ** 3;

/** A pointer, as it was when it was fetched last. */
export interface KeptPointer {
  readonly url: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes, 64 lower-case hex digits. */
  readonly sha256: string;
  /** When, in milliseconds since 1970. */
  readonly fetched_ms: number;
}

/**
 * A place for what was fetched. Several processes or workers may use the same one at once. It does not verify, and whoever
 * calls it can do without: its errors are for those who fetch in order to keep.
 */
export interface FetchCache {
  /** The bytes kept under a digest, which count as used now; undefined if there are none. */
  object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Keeps `bytes`, whose digest this is. What was used at `spare_ms` (since 1970) or later is not dropped for it.
   * @throws ENOSPC there is no room for it; what else is kept may be less by then
   */
  keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void>;
  /** Drops what is kept under a digest. */
  drop(sha256: string): Promise<void>;
  pointer(url: string): Promise<KeptPointer | undefined>;
  /** Keeps it in place of the one before. Pointers are small, and never dropped to make room. */
  keepPointer(pointer: KeptPointer): Promise<void>;
  close(): Promise<void>;
}

/** What is known of an object without looking at it. */
export interface ObjectUse {
  readonly sha256: string;
  /** What it takes up. */
  readonly bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly used_ms: number;
}

/**
 * Which of `uses` to drop so that at most `most` bytes are left, the one used longest ago first; none that was used at
 * `spare_ms` or later.
 */
export function leastRecentlyUsed(
  uses: Iterable<ObjectUse>,
  most: number,
  spare_ms = Number.POSITIVE_INFINITY,
): ObjectUse[] {
  const byUse = [...uses].sort((one, other) => one.used_ms - other.used_ms);
  let total = byUse.reduce((sum, { bytes }) => sum + bytes, 0);
  const dropped: ObjectUse[] = [];
  for (const use of byUse) {
    if (total <= most || use.used_ms >= spare_ms) break;
    dropped.push(use);
    total -= use.bytes;
  }
  return dropped;
}
