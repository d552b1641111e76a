/**
 * A file's bytes, changed: write and truncate, by chunk-wise copy-on-write. A write stores the chunks it touches and fetches
 * at most the two at its edges. It leaves bytes of a held chunk beyond the file's size zero, which content.ts relies on.
 */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { ChunkSet } from "./chunk-set.ts";
import { readBase, refuseIfNotFile } from "./content.ts";
import { refuseIfLost } from "./handle.ts";
import type { Content, Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";

/**
 * The largest size of a file in bytes: what ext4 can hold. A write that a storage can never take would stand in the way
 * of every later commit, so it is refused before it is applied.
 */
export const maxSize = 2 ** 44 - 2 ** 16;

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
 * @throws ESTALE to more than 0, of a file that the base has lost and none of whose data is ours; nothing changed
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
  refuseIfLost(inode, "truncate");
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
