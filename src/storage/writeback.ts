/**
 * Ordered buffering between the overlay and its storage, with group commit. What the overlay has applied and not yet
 * committed lies here: which records are dirty, and the new bytes. A commit takes all of it as one batch, so that the
 * storage always equals the state after some prefix of what was applied. While one batch is under way the next
 * gathers; whoever waits for a commit shares it with all who came before it started.
 */
import { FsError } from "../errno.ts";
import { Deferred, drive, type Operation, waitFor } from "../operation.ts";
import type {
  Batch,
  DataWrite,
  DroppedChunks,
  Durability,
  NameRecord,
  NodeRecord,
  Storage,
  Superblock,
} from "./storage.ts";

/** Something whose record is taken at the moment of the commit. */
export interface Recordable {
  toRecord(): NodeRecord;
}

/** What the superblock's counters are at the moment of the commit. */
export type SuperblockSource = () => Superblock;

/** The bytes of one chunk in memory, newer than the storage's. */
export class DirtyChunk {
  #buffer: Uint8Array;
  #length: number;
  /** Bytes from `from` to before `to` differ from what is stored. */
  from: number;
  to: number;
  fresh: boolean;

  /** Takes `bytes` over; they must not be used by anyone else afterwards. */
  constructor(bytes: Uint8Array, fresh: boolean) {
    this.#buffer = bytes;
    this.#length = bytes.length;
    this.fresh = fresh;
    this.from = fresh ? 0 : bytes.length;
    this.to = fresh ? bytes.length : 0;
  }

  /** The chunk from its first byte on; what follows is zero. Valid until the next change. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Bytes of memory taken. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Puts `bytes` at `offset`, with zeros before it where the chunk was shorter. */
  write(offset: number, bytes: Uint8Array, chunkSize: number): void {
    const end = offset + bytes.length;
    const changedFrom = Math.min(offset, this.#length);
    this.#reserve(end, chunkSize);
    this.#buffer.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
    this.#changed(changedFrom, end);
  }

  /** Makes everything from `offset` on zero, up to the end of what there is. */
  zeroFrom(offset: number): void {
    if (offset >= this.#length) return;
    this.#buffer.fill(0, offset, this.#length);
    this.#changed(offset, this.#length);
  }

  clone(): DirtyChunk {
    return new DirtyChunk(this.bytes.slice(), false);
  }

  #changed(from: number, to: number): void {
    this.from = Math.min(this.from, from);
    this.to = Math.max(this.to, to);
  }

  #reserve(length: number, chunkSize: number): void {
    if (length <= this.#buffer.length) {
      if (length > this.#length) this.#buffer.fill(0, this.#length, length);
      return;
    }
    const capacity = Math.min(chunkSize, Math.max(length, this.#buffer.length * 2, 512));
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes);
    this.#buffer = grown;
  }
}

/** The state of one group: what one batch will hold. */
class Group {
  readonly nodes = new Map<number, Recordable | null>();
  readonly names = new Map<number, Map<string, NameRecord | null>>();
  readonly aliases = new Map<string, number | null>();
  readonly orphans = new Map<number, boolean>();
  readonly data = new Map<number, Map<number, DirtyChunk>>();
  readonly droppedChunks: DroppedChunks[] = [];
  readonly droppedContents = new Set<number>();
  bytes = 0;

  get isEmpty(): boolean {
    return (
      this.nodes.size === 0 &&
      this.names.size === 0 &&
      this.aliases.size === 0 &&
      this.orphans.size === 0 &&
      this.data.size === 0 &&
      this.droppedChunks.length === 0 &&
      this.droppedContents.size === 0
    );
  }

  mentions(ino: number): boolean {
    return this.nodes.has(ino) || this.names.has(ino);
  }

  chunk(content: number, chunk: number): DirtyChunk | undefined {
    return this.data.get(content)?.get(chunk);
  }

  setChunk(content: number, chunk: number, dirty: DirtyChunk): void {
    let chunks = this.data.get(content);
    if (!chunks) {
      chunks = new Map();
      this.data.set(content, chunks);
    }
    chunks.set(chunk, dirty);
    this.bytes += dirty.capacity;
  }

  setName(parent: number, name: string, record: NameRecord | null): void {
    let names = this.names.get(parent);
    if (!names) {
      names = new Map();
      this.names.set(parent, names);
    }
    names.set(name, record);
  }

  /** Whether chunks of `content` were dropped. */
  drops(content: number): boolean {
    return this.droppedChunks.some((dropped) => dropped.content === content);
  }

  dropChunks(content: number, from: number, to: number): void {
    const chunks = this.data.get(content);
    if (chunks) {
      for (const [chunk, dirty] of chunks) {
        if (chunk < from || chunk >= to) continue;
        chunks.delete(chunk);
        this.bytes -= dirty.capacity;
      }
      if (chunks.size === 0) this.data.delete(content);
    }
    const last = this.droppedChunks.at(-1);
    if (last?.content === content && last.to === from) {
      this.droppedChunks[this.droppedChunks.length - 1] = { content, from: last.from, to };
    } else {
      this.droppedChunks.push({ content, from, to });
    }
  }

  dropContent(content: number): void {
    for (const dirty of this.data.get(content)?.values() ?? []) this.bytes -= dirty.capacity;
    this.data.delete(content);
    this.droppedContents.add(content);
  }

  /** Takes back `earlier`, whose commit failed: what this group says of the same thing is newer and wins. */
  takeBack(earlier: Group): void {
    for (const [ino, node] of earlier.nodes) if (!this.nodes.has(ino)) this.nodes.set(ino, node);
    for (const [parent, names] of earlier.names) {
      for (const [name, record] of names) {
        if (!this.names.get(parent)?.has(name)) this.setName(parent, name, record);
      }
    }
    for (const [key, ino] of earlier.aliases)
      if (!this.aliases.has(key)) this.aliases.set(key, ino);
    for (const [ino, is] of earlier.orphans) if (!this.orphans.has(ino)) this.orphans.set(ino, is);
    for (const [content, chunks] of earlier.data) {
      if (this.droppedContents.has(content)) continue;
      for (const [chunk, dirty] of chunks) this.#takeBackChunk(content, chunk, dirty);
    }
    this.droppedChunks.unshift(...earlier.droppedChunks);
    for (const content of earlier.droppedContents) this.droppedContents.add(content);
  }

  #takeBackChunk(content: number, chunk: number, dirty: DirtyChunk): void {
    const newer = this.chunk(content, chunk);
    if (newer) {
      newer.fresh ||= dirty.fresh;
      newer.from = newer.fresh ? 0 : Math.min(newer.from, dirty.from);
      newer.to = newer.fresh ? newer.bytes.length : Math.max(newer.to, dirty.to);
      return;
    }
    const dropped = this.droppedChunks.some(
      (range) => range.content === content && chunk >= range.from && chunk < range.to,
    );
    if (!dropped) this.setChunk(content, chunk, dirty);
  }

  toBatch(superblock: Superblock): Batch {
    const nodes = new Map<number, NodeRecord | null>();
    for (const [ino, node] of this.nodes) nodes.set(ino, node ? node.toRecord() : null);
    const names: { parent: number; name: string; record: NameRecord | null }[] = [];
    for (const [parent, records] of this.names) {
      for (const [name, record] of records) names.push({ parent, name, record });
    }
    const data: DataWrite[] = [];
    for (const [content, chunks] of this.data) {
      for (const [chunk, dirty] of chunks) {
        const { bytes, fresh } = dirty;
        const from = fresh ? 0 : dirty.from;
        data.push({
          content,
          chunk,
          bytes,
          from,
          to: fresh ? bytes.length : dirty.to,
          fresh,
        });
      }
    }
    return {
      superblock,
      nodes,
      names,
      data,
      aliases: this.aliases,
      orphans: this.orphans,
      droppedChunks: this.#droppedForGood(),
      droppedContents: [...this.droppedContents],
    };
  }

  /** The dropped ranges less the chunks that were written anew in the same group: those are kept. */
  #droppedForGood(): DroppedChunks[] {
    const result: DroppedChunks[] = [];
    for (const { content, from, to } of this.droppedChunks) {
      if (this.droppedContents.has(content)) continue;
      const kept = [...(this.data.get(content)?.keys() ?? [])]
        .filter((chunk) => chunk >= from && chunk < to)
        .sort((a, b) => a - b);
      let start = from;
      for (const chunk of kept) {
        if (chunk > start) result.push({ content, from: start, to: chunk });
        start = chunk + 1;
      }
      if (start < to) result.push({ content, from: start, to });
    }
    return result;
  }
}

/** The buffer before a storage. */
export class Writeback {
  readonly #storage: Storage;
  readonly #superblock: SuperblockSource;
  readonly #chunkSize: number;
  #gathering = new Group();
  #underWay: Group | undefined;
  /** Settles when the commit under way has ended, well or not. */
  #ended: Deferred<void> | undefined;
  #failure: unknown;
  /** What those who asked for the commit under way are told. */
  #outcome: Deferred<void> | undefined;
  #durability: Durability = "relaxed";
  #hastened: Deferred<void> | undefined;
  #commits = 0;
  /** The value of `#commits` when everything was last known to be safe from a loss of power. */
  #strictUpTo = -1;

  constructor(storage: Storage, superblock: SuperblockSource, chunkSize: number) {
    this.#storage = storage;
    this.#superblock = superblock;
    this.#chunkSize = chunkSize;
  }

  /** Bytes of new data that wait in memory. */
  get dirtyBytes(): number {
    return this.#gathering.bytes + (this.#underWay?.bytes ?? 0);
  }

  /** Those of them that no commit has taken up yet. */
  get gatheredBytes(): number {
    return this.#gathering.bytes;
  }

  get dirty(): boolean {
    return !this.#gathering.isEmpty || this.#underWay !== undefined;
  }

  /** Why the last commit failed; undefined after one that succeeded. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Moves whenever bytes went from memory into the storage. */
  get commits(): number {
    return this.#commits;
  }

  /** Nodes whose records still have to be written. */
  get dirtyInodes(): number {
    return this.#gathering.nodes.size + (this.#underWay?.nodes.size ?? 0);
  }

  /** Whether a record of `ino`, its node's or one of its names', still has to be written. */
  isDirty(ino: number): boolean {
    return this.#gathering.mentions(ino) || this.#underWay?.mentions(ino) === true;
  }

  /** Whether the record that the storage may still have of `ino` is about to be removed. */
  removes(ino: number): boolean {
    const gathering = this.#gathering.nodes.get(ino);
    return (
      gathering === null || (gathering === undefined && this.#underWay?.nodes.get(ino) === null)
    );
  }

  /** From now on, until the commit under way has ended, `hastened` is what ends with it. Without one it does nothing. */
  hasten(): void {
    this.#hastened = this.#ended;
  }

  /** What changes should wait for before they are applied; undefined if for nothing. */
  get hastened(): Deferred<void> | undefined {
    return this.#hastened;
  }

  node(ino: number, node: Recordable | null): void {
    this.#gathering.nodes.set(ino, node);
  }

  name(parent: number, name: string, record: NameRecord | null): void {
    this.#gathering.setName(parent, name, record);
  }

  alias(identity: string, ino: number | null): void {
    this.#gathering.aliases.set(identity, ino);
  }

  orphan(ino: number, isOrphan: boolean): void {
    this.#gathering.orphans.set(ino, isOrphan);
  }

  /** The chunk's bytes, if they are newer in memory than in the storage. To be read only. */
  chunk(content: number, chunk: number): DirtyChunk | undefined {
    return this.#gathering.chunk(content, chunk) ?? this.#underWay?.chunk(content, chunk);
  }

  /**
   * The chunk to be changed. Where memory has none, `initial` is what the storage or the base has of it (taken over,
   * not copied), and `fresh` says that the storage holds no valid chunk there.
   */
  change(content: number, chunk: number, initial: () => Uint8Array, fresh: boolean): DirtyChunk {
    const gathering = this.#gathering.chunk(content, chunk);
    if (gathering) return gathering;
    const underWay = fresh ? undefined : this.#underWay?.chunk(content, chunk);
    const dirty = underWay ? underWay.clone() : new DirtyChunk(initial(), fresh);
    this.#gathering.setChunk(content, chunk, dirty);
    return dirty;
  }

  /** Puts bytes into a chunk got from `change`. */
  write(dirty: DirtyChunk, offset: number, bytes: Uint8Array): void {
    const before = dirty.capacity;
    dirty.write(offset, bytes, this.#chunkSize);
    this.#gathering.bytes += dirty.capacity - before;
  }

  /**
   * Whether chunks of `content` that are not held may go into the storage ahead of the next commit: nothing that has still
   * to be committed may be done to the same place after them.
   */
  mayStage(content: number): boolean {
    const underWay = this.#underWay;
    if (this.#gathering.drops(content)) return false;
    return !underWay || !(underWay.data.has(content) || underWay.drops(content));
  }

  dropChunks(content: number, from: number, to: number): void {
    this.#gathering.dropChunks(content, from, to);
  }

  dropContent(content: number): void {
    this.#gathering.dropContent(content);
  }

  /**
   * Returns when everything applied before the call is committed. Callers at the same time share a commit.
   * @throws what the storage's commit threw; nothing of the group is stored then, all of it stays in memory, in order
   */
  *commit(durability: Durability): Operation<void> {
    // What is under way may have started before the caller's last change: it does not count, but it must end first.
    if (this.#ended) yield* waitFor(this.#ended);
    for (;;) {
      if (!this.#ended) break;
      // Somebody who waited too has started the next commit: it takes our changes along.
      if (durability === "relaxed" || this.#durability === "strict") {
        return yield* waitFor(this.#outcome as Deferred<void>);
      }
      yield* waitFor(this.#ended);
    }
    const nothingNew = this.#gathering.isEmpty;
    if (nothingNew && (durability === "relaxed" || this.#strictUpTo === this.#commits)) return;
    yield* waitFor(this.#start(durability));
  }

  #start(durability: Durability): Deferred<void> {
    const group = this.#gathering;
    const ended = new Deferred<void>();
    const outcome = new Deferred<void>();
    this.#gathering = new Group();
    this.#underWay = group;
    this.#durability = durability;
    this.#outcome = outcome;
    this.#ended = ended;
    const end = (): void => {
      this.#underWay = undefined;
      this.#ended = undefined;
      this.#hastened = undefined;
      this.#outcome = undefined;
    };
    drive(
      this.#storage.commit(group.toBatch(this.#superblock()), durability),
      () => {
        this.#failure = undefined;
        this.#commits += 1;
        if (durability === "strict") this.#strictUpTo = this.#commits;
        end();
        ended.resolve();
        outcome.resolve();
      },
      (error) => {
        this.#failure = error;
        end();
        this.#gathering.takeBack(group);
        ended.resolve();
        outcome.reject(
          error instanceof FsError
            ? error
            : new FsError("EIO", { syscall: "commit", cause: error }),
        );
      },
    );
    return outcome;
  }
}
