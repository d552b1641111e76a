/**
 * Copying a range from file to file. What the source shows of the base is not moved: at the same offset of a file that
 * ends there the copy shows it too. Only chunks held locally are read and written, and holes stay holes.
 */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { ContentSource } from "../storage/storage.ts";
import { read, refuseIfNotFile } from "./content.ts";
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { ownContent, touchData, truncate, write } from "./write.ts";

/** Bytes that are read and written at once. */
const pieceLength = 1024 * 1024;

/**
 * Copies `length` bytes, or as many as `from` has, and returns how many; see copy_file_range(2).
 * @throws EINVAL the ranges overlap in one file; nothing was copied
 * @throws EISDIR, EROFS, ENOSPC, ESTALE, EIO a part may have been copied, from the beginning on
 */
export function* copyRange(
  layers: Layers,
  from: Inode,
  fromOffset: number,
  to: Inode,
  toOffset: number,
  length: number,
): Operation<number> {
  refuseIfNotFile(from);
  refuseIfNotFile(to);
  if (fromOffset < 0 || toOffset < 0 || length < 0) throw new FsError("EINVAL");
  yield* layers.admit();
  // As in Linux up to the end there is now: within one file the copy itself moves it.
  const wanted = Math.min(length, Math.max(0, from.size - fromOffset));
  if (from === to && Math.abs(fromOffset - toOffset) < wanted) throw new FsError("EINVAL");
  let copied = 0;
  let piece: Uint8Array | undefined;
  for (;;) {
    const at = fromOffset + copied;
    const left = Math.min(wanted - copied, from.size - at);
    if (left <= 0) return copied;
    const run = runAt(layers, from, at, left);
    const target = toOffset + copied;
    if (run.kind === "base" && share(layers, from, to, at, target, run.length)) {
      copied += run.length;
    } else if (run.kind === "hole" && to.size <= target) {
      yield* truncate(layers, to, target + run.length);
      copied += run.length;
    } else {
      piece ??= new Uint8Array(Math.min(pieceLength, left));
      const got = yield* read(layers, from, at, piece.subarray(0, run.length));
      if (got === 0) return copied;
      yield* write(layers, to, target, piece.subarray(0, got), false);
      copied += got;
    }
  }
}

/** From where the bytes at `at` come, and how many after them come from there too. */
function runAt(
  { chunkSize }: Layers,
  from: Inode,
  at: number,
  left: number,
): { readonly kind: "held" | "base" | "hole"; readonly length: number } {
  const { content } = from;
  const chunk = Math.floor(at / chunkSize);
  const runEnd = content ? content.chunks.runEnd(chunk) * chunkSize : Number.POSITIVE_INFINITY;
  const run = Math.min(left, runEnd - at);
  if (content?.chunks.has(chunk)) return { kind: "held", length: run };
  const baseLength = content ? content.baseLength : from.size;
  return at < baseLength
    ? { kind: "base", length: Math.min(run, baseLength - at) }
    : { kind: "hole", length: run };
}

/** Lets `to` show what `from` shows of the base from `at` on, if that can be said of it. */
function share(
  layers: Layers,
  from: Inode,
  to: Inode,
  at: number,
  target: number,
  length: number,
): boolean {
  const { chunkSize } = layers;
  const source = sourceOf(from);
  if (!source || at !== target || to.size !== at || at % chunkSize !== 0) return false;
  const before = to.content;
  if (before && before.baseLength > 0) {
    if (!isSame(sourceOf(to), source)) return false;
    // Between its part of the base and the end, the file must not have a hole that the base would fill.
    const first = Math.floor(before.baseLength / chunkSize);
    const end = at / chunkSize;
    if (first < end && before.chunks.count(first, end) !== end - first) return false;
  } else if (at > 0 && before?.chunks.count(0, at / chunkSize) !== at / chunkSize) {
    return false;
  }
  const content = ownContent(layers, to);
  content.source = source;
  content.baseLength = at + length;
  content.size = at + length;
  touchData(layers, to);
  return true;
}

/** The base file that `inode` shows where it holds nothing; undefined if it cannot be relied upon. */
function sourceOf(inode: Inode): ContentSource | undefined {
  if (inode.content?.source) return inode.content.source;
  const { base } = inode;
  if (!base || !inode.isBaseReadable) return undefined;
  return { path: base.path, signature: base.signature };
}

function isSame(a: ContentSource | undefined, b: ContentSource): boolean {
  return a?.path === b.path && a.signature === b.signature;
}
