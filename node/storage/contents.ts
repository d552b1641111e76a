/**
 * Where the bytes of a commit go: contents of up to 16 KiB lie among the records, larger ones in files of their own, and
 * one that grows moves from the one into the other.
 */
import type { Batch, DataWrite, Operation } from "../../src/index.ts";
import type { ContentChange, ContentFiles } from "./content-files.ts";
import { numberKey } from "./record-format.ts";
import type { RecordReader } from "./records.ts";

/**
 * Bytes of a content up to which it lies among the records. A commit of 64 contents of 16 KiB takes about a twentieth of
 * the time there, since each file has to be made safe by itself.
 */
const smallContent = 16 << 10;

/** What is known of the contents a batch touches. */
export interface StoredContents {
  /** Those that lie among the records, with their bytes. */
  readonly small: ReadonlyMap<number, Buffer>;
  /** Whether nothing of a content can be stored yet. */
  readonly isNew: (content: number) => boolean;
}

/** Those contents below `firstNew` that a batch touches and that lie among the records, with their bytes. */
export function smallContentsOf(
  reader: RecordReader,
  { data, droppedChunks }: Batch,
  firstNew: number,
): Map<number, Buffer> {
  const touched = new Set<number>();
  for (const { content } of data) if (content < firstNew) touched.add(content);
  for (const { content } of droppedChunks) if (content < firstNew) touched.add(content);
  const small = new Map<number, Buffer>();
  for (const content of touched) {
    const bytes = reader.get(numberKey("content", content));
    if (bytes) small.set(content, bytes);
  }
  return small;
}

/** Writes what belongs into files, and returns what to put among the records, or null to remove from them. */
export function* writeContents(
  batch: Batch,
  { small, isNew }: StoredContents,
  files: ContentFiles,
  change: ContentChange,
): Operation<Map<number, Uint8Array | null>> {
  const records = new Map<number, Uint8Array | null>();
  for (const { content, from, to } of batch.droppedChunks) {
    if (small.has(content) && from <= 0 && to > 0) records.set(content, null);
  }
  for (const content of batch.droppedContents) {
    if (!isNew(content)) records.set(content, null);
  }
  for (const [content, writes] of writesByContent(batch)) {
    const stored = small.get(content);
    const isSmall = writes.every(({ chunk, bytes }) => chunk === 0 && bytes.length <= smallContent);
    if (isSmall && (stored || isNew(content) || !files.exists(content))) {
      for (const { bytes } of writes) records.set(content, bytes);
    } else if (stored) {
      // It outgrew the records: what they have of it moves into the file, unless it is written anew or dropped.
      const moved = records.has(content) || writes.some(({ chunk }) => chunk === 0) ? [] : [stored];
      const first = moved.map((bytes) => wholeChunk(content, bytes));
      yield* change.write(content, [...first, ...writes.map(asFresh)], true);
      records.set(content, null);
    } else {
      yield* change.write(content, writes, false);
    }
  }
  return records;
}

/** Gives the space of what a recorded batch no longer claims back to the disk. */
export function dropContents(
  { droppedChunks, droppedContents, data, superblock }: Batch,
  { isNew }: StoredContents,
  files: ContentFiles,
): void {
  try {
    for (const { content, from, to } of droppedChunks) {
      // Holes in the middle of a file cannot be made from Node: those bytes stay until they are written over.
      if (to !== Number.POSITIVE_INFINITY) continue;
      const kept = data.filter((write) => write.content === content && write.chunk >= from);
      const end = Math.max(from, ...kept.map(({ chunk }) => chunk + 1));
      files.truncate(content, end * superblock.chunkSize);
    }
    for (const content of droppedContents) {
      if (!isNew(content)) files.remove(content);
    }
  } catch {
    // The step is recorded, so it must not be told to have failed; what is left over is claimed by no record.
  }
}

function writesByContent({ data }: Batch): Map<number, DataWrite[]> {
  const writes = new Map<number, DataWrite[]>();
  for (const write of data) {
    const ofContent = writes.get(write.content);
    if (ofContent) ofContent.push(write);
    else writes.set(write.content, [write]);
  }
  return writes;
}

function wholeChunk(content: number, bytes: Uint8Array): DataWrite {
  return { content, chunk: 0, bytes, from: 0, to: bytes.length, fresh: true };
}

/** The same write, for a file in which nothing of the chunk stands yet. */
function asFresh(write: DataWrite): DataWrite {
  return { ...write, fresh: true };
}
