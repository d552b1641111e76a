/**
 * A file's bytes: read, write, truncate, by chunk-wise copy-on-write. A byte comes from the local chunk if that is
 * held; else from the base if it lies below baseLength; else it is zero. A write stores the chunks it touches and fetches
 * at most the two at its edges. Bytes of a held chunk beyond the file's size are zero, in memory and in the storage, so
 * that a file can grow without anything being written.
 */
import { type Base, type PastFile, pastFile } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Storage } from "../storage/storage.ts";
import { ChunkSet } from "./chunk-set.ts";
import type { Content, Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";

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
 * The largest size of a file in bytes: what ext4 can hold. A write that a storage can never take would stand in the way
 * of every later commit, so it is refused before it is applied.
 */
const maxSize = 2 ** 44 - 2 ** 16;

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

function* readBase(
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

/** A chunk's bytes got beforehand, so that a part of it can be overwritten. */
interface Edge {
  readonly held: boolean;
  readonly bytes: Uint8Array;
  /** Of a held chunk: `commits` of the write-back when it was read; later ones may have made it outdated. */
  readonly commits: number;
}

/** Never written to: what grows out of it is another array. */
const noBytes = new Uint8Array(0);

/** What has to be at hand before data of a content can be changed. */
export class Edges {
  readonly #layers: Layers;
  readonly #inode: Inode;
  /** Made when the first one is fetched: most writes need none. */
  #edges: Map<number, Edge> | undefined;
  #cuts: number;

  constructor(layers: Layers, inode: Inode) {
    this.#layers = layers;
    this.#inode = inode;
    this.#cuts = inode.cuts;
  }

  /** The chunk's bytes as they are now, if they are at hand. An own copy. */
  take(chunk: number): Uint8Array {
    return this.#valid(chunk)?.bytes ?? noBytes;
  }

  /** Whether changing a part of `chunk` has to wait for its bytes. */
  isMissing(chunk: number): boolean {
    const { content } = this.#inode;
    const { writeback, chunkSize } = this.#layers;
    if (content?.chunks.has(chunk)) {
      return !writeback.chunk(content.id, chunk) && this.#valid(chunk) === undefined;
    }
    return chunk * chunkSize < this.#baseLength && this.#valid(chunk) === undefined;
  }

  /** Gets the chunk's bytes; it may still be missing then, if the data changed meanwhile. */
  *fetch(chunk: number): Operation<void> {
    const { content } = this.#inode;
    const { writeback, chunkSize } = this.#layers;
    const start = chunk * chunkSize;
    const held = content?.chunks.has(chunk) === true;
    const length = Math.min(chunkSize, (held ? this.#inode.size : this.#baseLength) - start);
    const bytes = new Uint8Array(length);
    const { commits } = writeback;
    const { cuts } = this.#inode;
    try {
      if (content && held) yield* this.#layers.storage.readData(content.id, start, bytes);
      else yield* readBase(this.#layers, this.#inode, start, bytes);
    } catch (error) {
      // The data was cut off or replaced while we waited: whoever asked looks again.
      if (cuts !== this.#inode.cuts) return;
      throw error;
    }
    if (cuts !== this.#cuts) {
      this.#edges?.clear();
      this.#cuts = cuts;
    }
    this.#edges ??= new Map();
    this.#edges.set(chunk, { held, bytes, commits });
  }

  get #baseLength(): number {
    const { content, base } = this.#inode;
    return content ? content.baseLength : (base?.size ?? 0);
  }

  #valid(chunk: number): Edge | undefined {
    const edge = this.#edges?.get(chunk);
    if (!edge || this.#cuts !== this.#inode.cuts) return undefined;
    if (edge.held !== (this.#inode.content?.chunks.has(chunk) === true)) return undefined;
    return edge.held && edge.commits !== this.#layers.writeback.commits ? undefined : edge;
  }
}

/**
 * Writes `bytes` at `offset`, or at the end of the file as it is at the moment of writing if `append`. They are copied.
 * Returns the new end of what was written.
 * @throws EFBIG, ENOSPC, EDQUOT, EROFS, ESTALE, EIO nothing was written
 */
export function* write(
  layers: Layers,
  inode: Inode,
  offset: number,
  bytes: Uint8Array,
  append: boolean,
): Operation<number> {
  refuseIfNotFile(inode);
  yield* layers.admit();
  if (bytes.length === 0) return offset;
  const { chunkSize } = layers;
  const edges = new Edges(layers, inode);
  for (;;) {
    const at = append ? inode.size : offset;
    const end = at + bytes.length;
    if (end > maxSize) throw new FsError("EFBIG");
    const first = Math.floor(at / chunkSize);
    const last = Math.floor((end - 1) / chunkSize);
    const isMissing = (chunk: number) =>
      !coversChunk(inode, chunk, at, end, chunkSize) && edges.isMissing(chunk);
    if (isMissing(first)) {
      yield* edges.fetch(first);
      continue;
    }
    if (last !== first && isMissing(last)) {
      yield* edges.fetch(last);
      continue;
    }
    // It went while we waited: nobody can read it any more.
    if (inode.isGone) return end;
    apply(layers, inode, at, bytes, edges);
    return end;
  }
}

/** Whether a write from `at` to `end` leaves nothing of what `chunk` holds. */
function coversChunk(
  inode: Inode,
  chunk: number,
  at: number,
  end: number,
  chunkSize: number,
): boolean {
  const start = chunk * chunkSize;
  return at <= start && end >= Math.min(start + chunkSize, inode.size);
}

function apply(layers: Layers, inode: Inode, at: number, bytes: Uint8Array, edges: Edges): void {
  const { chunkSize, writeback } = layers;
  const content = ownContent(layers, inode);
  const end = at + bytes.length;
  const staged = stageWholeChunks(layers, content, at, bytes);
  for (let chunk = Math.floor(at / chunkSize); chunk * chunkSize < end; chunk += 1) {
    if (chunk >= staged.from && chunk < staged.to) {
      content.chunks.add(chunk);
      continue;
    }
    const start = chunk * chunkSize;
    const from = Math.max(at, start);
    const to = Math.min(end, start + chunkSize);
    const held = content.chunks.has(chunk);
    const dirty = writeback.change(content.id, chunk, () => edges.take(chunk), !held);
    const isAll = to - from === bytes.length;
    writeback.write(dirty, from - start, isAll ? bytes : bytes.subarray(from - at, to - at));
    if (!held) content.chunks.add(chunk);
  }
  content.size = Math.max(content.size, end);
  touchData(layers, inode);
}

/** The chunks that went into the storage already: those that are written whole, and were not held, where that may be. */
function stageWholeChunks(
  { chunkSize, staging, writeback }: Layers,
  { id, chunks }: Content,
  at: number,
  bytes: Uint8Array,
): { readonly from: number; readonly to: number } {
  const from = Math.ceil(at / chunkSize);
  const to = Math.floor((at + bytes.length) / chunkSize);
  if (!staging || from >= to || chunks.has(from) || chunks.runEnd(from) < to) return nothing;
  if (!writeback.mayStage(id)) return nothing;
  const start = from * chunkSize;
  const whole = bytes.subarray(start - at, to * chunkSize - at);
  return staging.stage(id, start, whole) ? { from, to } : nothing;
}

const nothing = { from: 0, to: 0 } as const;

/**
 * Makes the file `size` bytes long. To 0 takes a new content, so nothing is read; what is cut off is gone, what is added
 * is a hole.
 * @throws EISDIR, EINVAL, EFBIG, EROFS, ENOSPC, EIO nothing changed
 */
export function* truncate(layers: Layers, inode: Inode, size: number): Operation<void> {
  refuseIfNotFile(inode);
  if (size > maxSize) throw new FsError("EFBIG");
  if (size < 0 || !Number.isSafeInteger(size)) throw new FsError("EINVAL");
  yield* layers.begin();
  if (size === 0) {
    if (inode.isGone) return;
    if (inode.content) layers.writeback.dropContent(inode.content.id);
    inode.begin({ id: layers.newContent(), size: 0, baseLength: 0, chunks: new ChunkSet() });
    inode.cuts += 1;
    touchData(layers, inode);
    return;
  }
  const { chunkSize, writeback } = layers;
  const edges = new Edges(layers, inode);
  for (;;) {
    const tail = Math.floor(size / chunkSize);
    const tailStart = tail * chunkSize;
    const zeroTail =
      size < inode.size && size > tailStart && inode.content?.chunks.has(tail) === true;
    if (zeroTail && edges.isMissing(tail)) {
      yield* edges.fetch(tail);
      continue;
    }
    if (inode.isGone) return;
    const content = ownContent(layers, inode);
    if (size < content.size) {
      const firstGone = size > tailStart ? tail + 1 : tail;
      if (
        content.chunks.runEnd(firstGone) !== Number.POSITIVE_INFINITY ||
        content.chunks.has(firstGone)
      ) {
        content.chunks.remove(firstGone, Number.POSITIVE_INFINITY);
        writeback.dropChunks(content.id, firstGone, Number.POSITIVE_INFINITY);
      }
      if (zeroTail) {
        writeback
          .change(content.id, tail, () => edges.take(tail), false)
          .zeroFrom(size - tailStart);
      }
      content.baseLength = Math.min(content.baseLength, size);
      inode.cuts += 1;
    }
    content.size = size;
    touchData(layers, inode);
    return;
  }
}

/**
 * The first offset from `offset` on where there is data, or a hole; the end of the file counts as a hole.
 * @throws ENXIO `offset` is beyond the end, or only a hole follows
 */
export function seek(
  layers: Layers,
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
export function allocatedBytes(layers: Layers, inode: Inode): number {
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

/** The content of a file whose data is about to change; its first one begins as all of the base's. */
export function ownContent(layers: Layers, inode: Inode): Content {
  if (inode.content) return inode.content;
  const { base, size } = inode;
  const baseLength = base ? size : 0;
  return inode.begin({ id: layers.newContent(), size, baseLength, chunks: new ChunkSet() });
}

/** Records that data changed at this moment. */
export function touchData(layers: Layers, inode: Inode): void {
  const now = layers.now();
  inode.own.mtime = now;
  inode.own.ctime = now;
  layers.record(inode);
}

/** @throws EISDIR, EINVAL it is no regular file */
export function refuseIfNotFile(inode: Inode): void {
  if (inode.type === "file") return;
  throw new FsError(inode.isDirectory ? "EISDIR" : "EINVAL");
}
