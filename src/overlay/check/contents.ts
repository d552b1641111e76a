/**
 * Contents: each claimed once, its chunks in order, its data there for every chunk that is held, zeros after the end. What
 * is wrong with the data of a base's file sets that data aside, and the base's shows again; a created file goes with it.
 */
import { FsError } from "../../errno.ts";
import type { Operation } from "../../operation.ts";
import type { StorageInspection } from "../../storage/inspection.ts";
import type { ContentRecord, NodeRecord } from "../../storage/storage.ts";
import { ChunkSet } from "../chunk-set.ts";
import type { FindingKind, Problem, Scene } from "./finding.ts";
import type { RecordSet } from "./record-set.ts";
import { wrongFieldsOf } from "./shapes.ts";

/** What is wrong with what nodes say of their contents. */
export function* contentRecordProblems(scene: Scene): Generator<Problem> {
  const claims = new Map<number, NodeRecord>();
  for (const node of scene.records.nodes.values()) {
    const { content } = node;
    if (!content) continue;
    const first = claims.get(content.id);
    claims.set(content.id, first ?? node);
    if (node.type !== "file") {
      yield without(scene, node, "content-of-no-file", `a ${node.type} has data`, true);
    } else if (first) {
      const what = `its data is also that of inode ${first.ino}`;
      yield without(scene, node, "content-twice", what);
    } else {
      const changes = corrected(node, content);
      if (changes) yield changed(scene, node, content, changes);
    }
  }
}

/** What a content's record says instead where it says what cannot be. */
function corrected(
  { origin }: NodeRecord,
  { size, baseLength, chunks, source }: ContentRecord,
): { readonly what: string; readonly content: Partial<ContentRecord> } | undefined {
  const hasBase = origin !== undefined || source !== undefined;
  const below = hasBase ? size : 0;
  if (baseLength > below) {
    const why = hasBase ? `it has only ${size}` : "there is no base's file";
    const what = `it takes ${baseLength} bytes from the base, but ${why}`;
    return { what, content: { baseLength: below } };
  }
  const ordered = inOrder(chunks);
  const isSame = ordered.length === chunks.length && ordered.every((one, at) => one === chunks[at]);
  if (isSame) return undefined;
  return { what: "its chunks are not in order", content: { chunks: ordered } };
}

function changed(
  { records, tree }: Scene,
  node: NodeRecord,
  content: ContentRecord,
  { what, content: changes }: NonNullable<ReturnType<typeof corrected>>,
): Problem {
  const path = tree.pathOfNode(node);
  return {
    severity: "damage",
    kind: "content-record",
    ...(path !== undefined && { path }),
    ino: node.ino,
    what,
    remedy: "puts its record right",
    fix: () => records.changeNode(node.ino, { content: { ...content, ...changes } }),
  };
}

function inOrder(chunks: readonly number[]): number[] {
  const pairs: [number, number][] = [];
  for (let at = 0; at < chunks.length; at += 2)
    pairs.push([chunks[at], chunks[at + 1]] as [number, number]);
  const ordered: number[] = [];
  for (const [first, end] of pairs.sort((a, b) => a[0] - b[0])) {
    const last = ordered.at(-1);
    if (last !== undefined && first <= last) ordered[ordered.length - 1] = Math.max(last, end);
    else ordered.push(first, end);
  }
  return ordered;
}

/** Takes the content from a node, and the node away if there is nothing else to it. */
function without(
  scene: Scene,
  node: NodeRecord,
  kind: FindingKind,
  what: string,
  keep = false,
): Problem {
  const { records, tree } = scene;
  const { ino, origin } = node;
  const isKept = keep || origin !== undefined;
  const path = tree.pathOfNode(node);
  return {
    severity: "damage",
    kind,
    ...(path !== undefined && { path }),
    ino,
    what,
    remedy: !isKept
      ? "sets the file aside with the data there is"
      : keep
        ? "takes the data from it"
        : "sets the changed data aside: the base's shows again",
    fix: () => {
      if (isKept) {
        records.changeNode(ino, { content: undefined });
        return;
      }
      for (const { parent, name } of tree.namesOf(ino)) records.removeName(parent, name);
      records.removeNode(ino);
      records.orphans.delete(ino);
    },
  };
}

/** What is wrong with the data itself. */
export function* contentDataProblems(
  scene: Scene,
  storage: StorageInspection,
): Operation<Problem[]> {
  const { records } = scene;
  const { superblock } = records;
  // Without it nothing can be said of any chunk; that it is missing is told with the superblock.
  if (!superblock || wrongFieldsOf(superblock).includes("chunkSize")) return [];
  const { chunkSize } = superblock;
  const problems: Problem[] = [];
  for (const node of records.nodes.values()) {
    const { content } = node;
    if (!content || content.chunks.length === 0) continue;
    // What is held past the end is nothing of the file's: that it is missing would be no reason to set the file aside.
    const chunks = chunksOf(content, chunkSize);
    const problem =
      missingData(scene, node, { ...content, chunks }) ??
      (yield* unreadableData(scene, storage, node, { ...content, chunks }, chunkSize)) ??
      (yield* dirtyEnd(scene, storage, node, content, chunkSize));
    if (problem) problems.push(problem);
  }
  return problems;
}

/** The held chunks that have bytes of the file. */
function chunksOf({ size, chunks }: ContentRecord, chunkSize: number): number[] {
  const held = new ChunkSet(chunks);
  held.remove(Math.ceil(size / chunkSize), Number.POSITIVE_INFINITY);
  return held.toArray();
}

function missingData(scene: Scene, node: NodeRecord, content: ContentRecord): Problem | undefined {
  const stored = scene.records.contents.get(content.id);
  const there = new ChunkSet(stored?.chunks ?? []);
  let missing = 0;
  let first: number | undefined;
  for (let at = 0; at < content.chunks.length; at += 2) {
    const [from, end] = [content.chunks[at] as number, content.chunks[at + 1] as number];
    const gone = end - from - there.count(from, end);
    missing += gone;
    if (gone > 0 && first === undefined) first = there.has(from) ? there.runEnd(from) : from;
  }
  if (missing === 0) return undefined;
  const held = new ChunkSet(content.chunks).count(0, Number.POSITIVE_INFINITY);
  const what = stored
    ? `${missing} of its ${held} chunks have no data, the first is chunk ${first} (content ${content.id})`
    : `its data is gone (content ${content.id})`;
  return without(scene, node, "content-missing", what);
}

function* unreadableData(
  scene: Scene,
  storage: StorageInspection,
  node: NodeRecord,
  { id, chunks }: ContentRecord,
  chunkSize: number,
): Operation<Problem | undefined> {
  const end = chunks.at(-1);
  if (end === undefined) return undefined;
  try {
    yield* storage.readData(id, (end - 1) * chunkSize, new Uint8Array(1), chunkSize);
    return undefined;
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    const what = `its data cannot be read (content ${id}): ${error.message}`;
    return without(scene, node, "content-unreadable", what);
  }
}

/** Chunks held past the file's end, and bytes after it that are not zero: they would show if it grew. */
function* dirtyEnd(
  { records, tree }: Scene,
  storage: StorageInspection,
  node: NodeRecord,
  content: ContentRecord,
  chunkSize: number,
): Operation<Problem | undefined> {
  const { id, size } = content;
  const end = (content.chunks.at(-1) as number) * chunkSize;
  const chunks = chunksOf(content, chunkSize);
  const isHeldPast = end > Math.ceil(size / chunkSize) * chunkSize;
  const isDirty = !records.zeros.has(id) && (yield* hasBytes(storage, content, chunkSize));
  if (!isHeldPast && !isDirty) return undefined;
  const path = tree.pathOfNode(node);
  const told = {
    kind: "content-end" as const,
    ...(path !== undefined && { path }),
    ino: node.ino,
    what: isDirty
      ? `there are bytes after its end that would show if it grew (content ${id})`
      : `it holds chunks past its end (content ${id})`,
  };
  // Data goes into a file before its record says that the file is longer; but no record holds chunks past its end.
  if (!records.closed && !isHeldPast)
    return { ...told, severity: "harmless", remedy: "leaves it to its next owner" };
  return {
    ...told,
    severity: "damage",
    remedy: isDirty ? "keeps them aside and makes them zero" : "takes them out of its record",
    fix: () => {
      if (isDirty) records.zeros.set(id, { content: id, from: size, to: end });
      if (isHeldPast) records.changeNode(node.ino, { content: { ...content, chunks } });
    },
  };
}

/** Whether there is a byte after the file's end, in any chunk that is held, that is not zero. */
function* hasBytes(
  storage: StorageInspection,
  { id, size, chunks }: ContentRecord,
  chunkSize: number,
): Operation<boolean> {
  for (let at = 0; at < chunks.length; at += 2) {
    const [first, end] = [chunks[at] as number, chunks[at + 1] as number];
    for (let chunk = Math.max(first, Math.floor(size / chunkSize)); chunk < end; chunk += 1) {
      const from = Math.max(size, chunk * chunkSize);
      const bytes = new Uint8Array((chunk + 1) * chunkSize - from);
      yield* storage.readData(id, from, bytes, chunkSize);
      if (bytes.some((byte) => byte !== 0)) return true;
    }
  }
  return false;
}

/** Data that no node claims. */
export function* unclaimedProblems(records: RecordSet): Generator<Problem> {
  const claimed = records.claimed();
  const unclaimed = [...records.contents.values()].filter(({ id }) => !claimed.has(id));
  if (unclaimed.length === 0) return;
  const bytes = unclaimed.reduce((sum, content) => sum + content.bytes, 0);
  const contents = unclaimed.length === 1 ? "1 content" : `${unclaimed.length} contents`;
  yield {
    severity: "harmless",
    kind: "content-unclaimed",
    what: `${contents} of ${bytes} bytes in all ${unclaimed.length === 1 ? "is" : "are"} claimed by no file`,
    remedy: "sets them aside if anything is damaged, else leaves them",
  };
}
