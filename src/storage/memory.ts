/**
 * A storage in memory: for tests, and for overlays that need not outlive the process. The records live on a
 * `MemoryDisk`, so that a storage can be closed and opened again as after a remount.
 * A disk can be told to fail or delay any call: `before` runs first and may throw, or return something to wait for.
 */
import { FsError } from "../errno.ts";
import { type Operation, type Wait, waitFor } from "../operation.ts";
import { refuseStaleEpoch, refuseUnknownFormat } from "./format.ts";
import type {
  Batch,
  DataWrite,
  Durability,
  NameEntry,
  NameRecord,
  NodeRecord,
  Storage,
  StorageSpace,
  Superblock,
} from "./storage.ts";

/** A call of a storage, as `MemoryDisk.before` sees it. */
export interface MemoryDiskCall {
  readonly method: keyof Storage;
  /** How often this method was called on the disk, this call included. */
  readonly count: number;
  /** What is about to be committed, for `commit`. */
  readonly batch?: Batch;
}

/** What a memory storage keeps its records on; outlives the storages opened on it. */
export class MemoryDisk {
  superblock: Superblock | undefined;
  readonly nodes = new Map<number, NodeRecord>();
  readonly names = new Map<number, Map<string, NameRecord>>();
  readonly aliases = new Map<string, number>();
  readonly orphans = new Set<number>();
  /** Content id → chunk → bytes. */
  readonly data = new Map<number, Map<number, Uint8Array>>();
  /** Batches applied. */
  commits = 0;
  /** Batches applied with strict durability. */
  strictCommits = 0;
  /** Bytes of data there may be at most; a commit that would hold more fails with ENOSPC. */
  capacity = Number.POSITIVE_INFINITY;
  /** Runs before each call takes effect. What it throws the call throws; what it returns the call waits for. */
  before: ((call: MemoryDiskCall) => Wait | undefined) | undefined;
  readonly #counts = new Map<keyof Storage, number>();

  /** Bytes of data stored now. Goes over all of it. */
  get dataBytes(): number {
    let bytes = 0;
    for (const chunks of this.data.values())
      for (const chunk of chunks.values()) bytes += chunk.length;
    return bytes;
  }

  /** Counts a call and runs `before`. */
  *enter(method: keyof Storage, batch?: Batch): Operation<void> {
    const count = (this.#counts.get(method) ?? 0) + 1;
    this.#counts.set(method, count);
    const wait = this.before?.(batch === undefined ? { method, count } : { method, count, batch });
    if (wait !== undefined) yield* waitFor(wait);
  }

  /** How often `method` was called. */
  calls(method: keyof Storage): number {
    return this.#counts.get(method) ?? 0;
  }
}

/**
 * Opens the storage on `disk`.
 * @throws EINVAL what is on the disk was written by a later version
 */
export function openMemoryStorage(
  disk: MemoryDisk = new MemoryDisk(),
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Storage {
  if (disk.superblock) refuseUnknownFormat(disk.superblock, "memory");
  return new MemoryStorage(disk, readOnly);
}

class MemoryStorage implements Storage {
  readonly #disk: MemoryDisk;
  readonly #readOnly: boolean;
  #closed = false;

  constructor(disk: MemoryDisk, readOnly: boolean) {
    this.#disk = disk;
    this.#readOnly = readOnly;
  }

  *superblock(): Operation<Superblock | undefined> {
    yield* this.#enter("superblock");
    return this.#disk.superblock;
  }

  *node(ino: number): Operation<NodeRecord | undefined> {
    yield* this.#enter("node");
    return this.#disk.nodes.get(ino);
  }

  *names(parent: number): Operation<readonly NameEntry[]> {
    yield* this.#enter("names");
    return this.#namesOf(parent);
  }

  *aliases(): Operation<ReadonlyMap<string, number>> {
    yield* this.#enter("aliases");
    return new Map(this.#disk.aliases);
  }

  *orphans(): Operation<readonly number[]> {
    yield* this.#enter("orphans");
    return [...this.#disk.orphans];
  }

  *allNodes(): Operation<readonly NodeRecord[]> {
    yield* this.#enter("allNodes");
    return [...this.#disk.nodes.values()];
  }

  *allNames(): Operation<readonly (NameEntry & { readonly parent: number })[]> {
    yield* this.#enter("allNames");
    return [...this.#disk.names.keys()].flatMap((parent) =>
      this.#namesOf(parent).map((entry) => ({ parent, ...entry })),
    );
  }

  *readData(content: number, offset: number, into: Uint8Array): Operation<void> {
    yield* this.#enter("readData");
    const chunkSize = this.#disk.superblock?.chunkSize;
    const chunks = this.#disk.data.get(content);
    let done = 0;
    while (done < into.length) {
      const at = offset + done;
      const chunk = chunkSize === undefined ? undefined : chunks?.get(Math.floor(at / chunkSize));
      if (chunkSize === undefined || chunk === undefined) {
        throw new FsError("EIO", {
          syscall: "read",
          reason: `the storage holds no data of content ${content} at offset ${at}`,
        });
      }
      const start = at % chunkSize;
      const piece = into.subarray(done, done + Math.min(into.length - done, chunkSize - start));
      const stored = chunk.subarray(start, start + piece.length);
      piece.set(stored);
      piece.fill(0, stored.length);
      done += piece.length;
    }
  }

  *commit(batch: Batch, durability: Durability): Operation<void> {
    yield* this.#enter("commit", batch);
    if (this.#readOnly) {
      throw new FsError("EROFS", { syscall: "commit", reason: "the storage was opened read-only" });
    }
    const disk = this.#disk;
    refuseStaleEpoch(disk.superblock, batch.superblock);
    if (Number.isFinite(disk.capacity)) {
      const added = batch.data.reduce((bytes, write) => bytes + write.bytes.length, 0);
      if (disk.dataBytes + added > disk.capacity) {
        throw new FsError("ENOSPC", {
          syscall: "commit",
          reason: `the memory storage holds at most ${disk.capacity} bytes`,
        });
      }
    }
    this.#apply(batch);
    disk.commits += 1;
    if (durability === "strict") disk.strictCommits += 1;
  }

  *space(): Operation<StorageSpace> {
    yield* this.#enter("space");
    const { capacity, dataBytes } = this.#disk;
    const total = Number.isFinite(capacity) ? capacity : Number.MAX_SAFE_INTEGER;
    return { total, free: Math.max(0, total - dataBytes) };
  }

  *close(): Operation<void> {
    yield* this.#enter("close");
    this.#closed = true;
  }

  *#enter(method: keyof Storage, batch?: Batch): Operation<void> {
    if (this.#closed) throw new Error(`bug: ${method} was called on a storage that is closed`);
    yield* this.#disk.enter(method, batch);
  }

  #namesOf(parent: number): NameEntry[] {
    const names = this.#disk.names.get(parent) ?? new Map<string, NameRecord>();
    return [...names].map(([name, record]) => ({ name, record }));
  }

  #apply(batch: Batch): void {
    const disk = this.#disk;
    disk.superblock = batch.superblock;
    for (const [ino, node] of batch.nodes) setOrDelete(disk.nodes, ino, node);
    for (const { parent, name, record } of batch.names) {
      const names = disk.names.get(parent) ?? new Map<string, NameRecord>();
      setOrDelete(names, name, record);
      setOrDelete(disk.names, parent, names.size > 0 ? names : null);
    }
    for (const [identity, ino] of batch.aliases) setOrDelete(disk.aliases, identity, ino);
    for (const [ino, isOrphan] of batch.orphans) {
      if (isOrphan) disk.orphans.add(ino);
      else disk.orphans.delete(ino);
    }
    for (const { content, from, to } of batch.droppedChunks) {
      const chunks = disk.data.get(content);
      for (const chunk of chunks?.keys() ?? [])
        if (chunk >= from && chunk < to) chunks?.delete(chunk);
    }
    for (const content of batch.droppedContents) disk.data.delete(content);
    for (const write of batch.data) this.#write(write);
  }

  /** Stores only what the batch says has changed, so that a wrong `from`, `to` or `fresh` shows in every test. */
  #write({ content, chunk, bytes, from, to, fresh }: DataWrite): void {
    const chunks = this.#disk.data.get(content) ?? new Map<number, Uint8Array>();
    this.#disk.data.set(content, chunks);
    if (fresh) {
      chunks.set(chunk, bytes.slice());
      return;
    }
    const before = chunks.get(chunk);
    if (before === undefined) {
      throw new Error(
        `bug: chunk ${chunk} of content ${content} is not held, but its write is not fresh`,
      );
    }
    const after = new Uint8Array(Math.max(before.length, bytes.length));
    after.set(before);
    after.set(bytes.subarray(from, to), from);
    after.fill(0, Math.max(from, bytes.length), Math.max(from, bytes.length, to));
    chunks.set(chunk, after);
  }
}

/** Sets `key` to `value`, or removes it for null. */
function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
