/**
 * Ranges of zeros: what fallocate(2) punches and zeroes. Where the base has no say a chunk of zeros is no chunk at all, a
 * hole; below baseLength it is held, with no bytes, so that the base does not show.
 */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { refuseIfNotFile } from "./content.ts";
import type { Content, Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { Edges, maxSize, ownContent, touchData, truncate } from "./write.ts";

/** What fallocate(2) is asked to do with a range; nothing of it: to make the file reach its end. */
export interface AllocationMode {
  /** The size stays as it is, even if the range goes beyond it. */
  readonly keepSize?: boolean;
  /** The range becomes a hole; needs `keepSize`, as in Linux. */
  readonly punchHole?: boolean;
  /** The range becomes zeros. */
  readonly zeroRange?: boolean;
}

/**
 * Does what `mode` asks with `length` bytes from `offset` on. Room is not reserved, for no storage of ours could promise
 * it.
 * @throws EINVAL, EOPNOTSUPP, EFBIG, EISDIR, EROFS nothing changed
 * @throws ENOSPC, ESTALE, EIO nothing changed, unless the range is longer than some thousand chunks: then its first part may
 *   be zeros
 */
export function* allocate(
  layers: Layers,
  inode: Inode,
  offset: number,
  length: number,
  mode: AllocationMode,
): Operation<void> {
  refuseIfNotFile(inode);
  const { keepSize = false, punchHole = false, zeroRange = false } = mode;
  if (offset < 0 || length <= 0) throw new FsError("EINVAL");
  if (punchHole && (!keepSize || zeroRange)) throw new FsError("EOPNOTSUPP");
  const end = offset + length;
  if (!Number.isSafeInteger(end) || (!keepSize && end > maxSize)) throw new FsError("EFBIG");
  yield* layers.admit();
  if (punchHole || zeroRange) yield* zero(layers, inode, offset, end);
  if (!keepSize && end > inode.size) yield* truncate(layers, inode, end);
}

/** Chunks that are held for being zero between two commits: so many take about 2 MB of memory. */
const chunksPerCommit = 4096;

/**
 * Makes the bytes from `start` to before `to` zero, as far as the file goes. A long range in the middle of what the base
 * shows takes a commit now and then, so it is no single step.
 */
function* zero(layers: Layers, inode: Inode, start: number, to: number): Operation<void> {
  const { chunkSize, writeback } = layers;
  const edges = new Edges(layers, inode);
  let from = start;
  for (;;) {
    const end = Math.min(to, inode.size);
    if (from >= end) return;
    const first = Math.floor(from / chunkSize);
    const last = Math.floor((end - 1) / chunkSize);
    const missing = [first, last].find(
      (chunk) => !isWhole(chunk, from, end, inode, chunkSize) && edges.isMissing(chunk),
    );
    if (missing !== undefined) {
      yield* edges.fetch(missing);
      continue;
    }
    if (inode.isGone) return;
    const content = ownContent(layers, inode);
    // Zeros up to where the base ends: it is shown no further than to where they begin, and no chunk has to hide it.
    const firstWhole = Math.ceil(from / chunkSize) * chunkSize;
    if (end >= content.baseLength) content.baseLength = Math.min(content.baseLength, firstWhole);
    let chunk = first;
    for (let zeroed = 0; chunk <= last && zeroed < chunksPerCommit; chunk += 1) {
      if (!content.chunks.has(chunk) && chunk * chunkSize >= content.baseLength) {
        // Neither we nor the base have anything here: zeros already, however far that reaches.
        chunk = Math.min(last, content.chunks.runEnd(chunk) - 1);
        continue;
      }
      if (isWhole(chunk, from, end, inode, chunkSize)) zeroChunk(layers, content, chunk);
      else zeroPart(layers, content, chunk, from, end, edges);
      zeroed += 1;
    }
    inode.cuts += 1;
    touchData(layers, inode);
    if (chunk > last) return;
    from = chunk * chunkSize;
    yield* writeback.commit("relaxed");
  }
}

/** Whether nothing of `chunk` lies outside `from` to `end`, the file's end apart. */
function isWhole(
  chunk: number,
  from: number,
  end: number,
  inode: Inode,
  chunkSize: number,
): boolean {
  const start = chunk * chunkSize;
  return from <= start && end >= Math.min(start + chunkSize, inode.size);
}

function zeroChunk({ writeback, chunkSize }: Layers, content: Content, chunk: number): void {
  if (content.chunks.has(chunk)) {
    content.chunks.remove(chunk, chunk + 1);
    writeback.dropChunks(content.id, chunk, chunk + 1);
  }
  if (chunk * chunkSize >= content.baseLength) return;
  writeback.change(content.id, chunk, () => new Uint8Array(0), true);
  content.chunks.add(chunk);
}

function zeroPart(
  { writeback, chunkSize }: Layers,
  content: Content,
  chunk: number,
  from: number,
  end: number,
  edges: Edges,
): void {
  const start = chunk * chunkSize;
  const held = content.chunks.has(chunk);
  const dirty = writeback.change(content.id, chunk, () => edges.take(chunk), !held);
  const [first, last] = [Math.max(from, start) - start, Math.min(end, start + chunkSize) - start];
  writeback.write(dirty, first, new Uint8Array(last - first));
  if (!held) content.chunks.add(chunk);
}
