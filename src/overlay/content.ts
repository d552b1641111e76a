/**
 * A file's bytes, read: a byte comes from the local chunk if that is held; else from the base if it lies below baseLength;
 * else it is zero. Bytes of a held chunk beyond the file's size are zero, in memory and in the storage, so that a file can
 * grow without anything being written. What changes bytes is in write.ts.
 */
import { type Base, type PastFile, pastFile } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Storage } from "../storage/storage.ts";
import type { Content, Inode } from "./inode.ts";

/** What reading needs of `Layers`: nothing that changes anything. */
export interface ReadLayers {
  readonly base: Base;
  readonly storage: Pick<Storage, "readData">;
  readonly chunkSize: number;
  readonly writeback: {
    /** What is in memory of a held chunk that the storage does not have yet. */
    chunk(content: number, chunk: number): { readonly bytes: Uint8Array } | undefined;
  };
}

/**
 * Fills `into` with bytes from `offset` on; returns how many there were, fewer only at the end of the file.
 * @throws ESTALE the base's file changed since this one was first touched, and the bytes are not held locally
 * @throws EIO the base or the storage cannot give the bytes
 */
export function* read(
  layers: ReadLayers,
  inode: Inode,
  offset: number,
  into: Uint8Array,
): Operation<number> {
  refuseIfNotFile(inode);
  for (;;) {
    const { cuts } = inode;
    const length = Math.min(into.length, Math.max(0, inode.size - offset));
    if (length === 0) return 0;
    const target = into.subarray(0, length);
    try {
      if (inode.content) yield* readPieces(layers, inode, inode.content, offset, target);
      else yield* readBase(layers, inode, offset, target);
    } catch (error) {
      // What was cut off while we waited may be gone from the storage too.
      if (cuts !== inode.cuts) continue;
      throw error;
    }
    if (cuts === inode.cuts) return length;
  }
}

function* readPieces(
  layers: ReadLayers,
  inode: Inode,
  content: Content,
  offset: number,
  into: Uint8Array,
): Operation<void> {
  const { chunkSize } = layers;
  let at = offset;
  const end = offset + into.length;
  while (at < end) {
    const chunk = Math.floor(at / chunkSize);
    const held = content.chunks.has(chunk);
    // Held chunks one by one, for some may be newer in memory; a run that is not held in one piece.
    const pieceEnd = held
      ? heldEnd(layers, content, chunk, end)
      : Math.min(end, content.chunks.runEnd(chunk) * chunkSize);
    const piece = into.subarray(at - offset, pieceEnd - offset);
    if (held) yield* readHeld(layers, content, at, piece);
    else {
      const fromBase = Math.min(piece.length, Math.max(0, content.baseLength - at));
      if (fromBase > 0) yield* readBase(layers, inode, at, piece.subarray(0, fromBase));
      piece.fill(0, fromBase);
    }
    at = pieceEnd;
  }
}

/** Where the piece that begins in held `chunk` ends: at its end if it is in memory, else where the stored run does. */
function heldEnd(layers: ReadLayers, content: Content, chunk: number, end: number): number {
  const { chunkSize, writeback } = layers;
  const last = Math.min(content.chunks.runEnd(chunk), Math.ceil(end / chunkSize));
  let next = chunk + 1;
  if (!writeback.chunk(content.id, chunk)) {
    while (next < last && !writeback.chunk(content.id, next)) next += 1;
  }
  return Math.min(end, next * chunkSize);
}

function* readHeld(
  layers: ReadLayers,
  content: Content,
  at: number,
  into: Uint8Array,
): Operation<void> {
  const chunk = Math.floor(at / layers.chunkSize);
  const dirty = layers.writeback.chunk(content.id, chunk);
  if (!dirty) {
    yield* layers.storage.readData(content.id, at, into);
    return;
  }
  const start = at - chunk * layers.chunkSize;
  const bytes = dirty.bytes.subarray(start, start + into.length);
  into.set(bytes);
  into.fill(0, bytes.length);
}

/** Fills `into` with the base's bytes from `offset` on. Throws as `read`. */
export function* readBase(
  layers: ReadLayers,
  inode: Inode,
  offset: number,
  into: Uint8Array,
): Operation<void> {
  const { base, node } = yield* sourceOf(layers, inode);
  let got: number;
  try {
    got = yield* base.read(node, offset, into);
  } catch (error) {
    const isStale = error instanceof FsError && error.code === "ESTALE";
    if (isStale && !inode.content) yield* followBase(layers, inode);
    throw error;
  }
  if (got < into.length) {
    throw new FsError("ESTALE", {
      reason: `the base's file ended ${into.length - got} bytes before the size it states`,
    });
  }
}

/**
 * The base file that shows where nothing is held; the one of a past version, if that is what this file depends on and
 * the base still has it.
 * @throws ESTALE it is not what it was when this file began to depend on it
 */
function* sourceOf(layers: ReadLayers, inode: Inode): Operation<PastFile> {
  const { base } = layers;
  const source = inode.content?.source;
  const copied = source && (yield* base.lookup(source.path));
  const node = source ? copied : inode.base;
  const isWhatItWas = source ? copied?.signature === source.signature : inode.isBaseReadable;
  if (node && isWhatItWas) return { base, node };
  const path = source ? source.path : inode.origin;
  const signature = source ? source.signature : inode.signature;
  if (inode.content && path !== undefined) {
    const past = yield* pastFile(base, path, signature);
    if (past) return past;
  }
  throw new FsError("ESTALE", {
    reason: node
      ? "the base's file changed since this one was first modified; what is not held locally cannot be read"
      : "the base's file is gone; what is not held locally cannot be read",
  });
}

/** Takes up what the base has by now for a file with nothing local; `cuts` moves if that is something else. */
function* followBase(layers: ReadLayers, inode: Inode): Operation<void> {
  if (inode.origin === undefined) return;
  const base = yield* layers.base.lookup(inode.origin);
  if (base?.type === inode.type) inode.seen(base);
}

/**
 * The first offset from `offset` on where there is data, or a hole; the end of the file counts as a hole.
 * @throws ENXIO `offset` is beyond the end, or only a hole follows
 */
export function seek(
  layers: ReadLayers,
  inode: Inode,
  offset: number,
  whence: "data" | "hole",
): number {
  refuseIfNotFile(inode);
  const { size, content } = inode;
  if (offset < 0 || offset >= size) throw new FsError("ENXIO");
  const baseLength = content ? content.baseLength : size;
  let at = offset;
  while (at < size) {
    const chunk = Math.floor(at / layers.chunkSize);
    const held = content?.chunks.has(chunk) === true;
    const runEnd = Math.min(size, (content?.chunks.runEnd(chunk) ?? Infinity) * layers.chunkSize);
    const dataEnd = held ? runEnd : Math.min(runEnd, Math.max(at, baseLength));
    if (whence === "data" ? dataEnd > at : dataEnd < runEnd)
      return whence === "data" ? at : dataEnd;
    at = runEnd;
  }
  if (whence === "data") throw new FsError("ENXIO");
  return size;
}

/** Logical bytes less holes, as st_blocks counts them, wherever they lie. */
export function allocatedBytes(layers: { readonly chunkSize: number }, inode: Inode): number {
  const { content, size } = inode;
  if (!content) return size;
  const { chunkSize } = layers;
  const { chunks, baseLength } = content;
  const lastChunk = Math.floor((size - 1) / chunkSize);
  let bytes = chunks.count(0, lastChunk) * chunkSize;
  if (size > 0 && chunks.has(lastChunk)) bytes += size - lastChunk * chunkSize;
  const baseChunks = Math.floor(baseLength / chunkSize);
  bytes += baseLength - chunks.count(0, baseChunks) * chunkSize;
  if (baseLength > baseChunks * chunkSize && chunks.has(baseChunks)) {
    bytes -= baseLength - baseChunks * chunkSize;
  }
  return bytes;
}

/** @throws EISDIR, EINVAL it is no regular file */
export function refuseIfNotFile(inode: Inode): void {
  if (inode.type === "file") return;
  throw new FsError(inode.isDirectory ? "EISDIR" : "EINVAL");
}
