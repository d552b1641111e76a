/**
 * Opening a storage: reading its superblock or beginning a new one, refusing what is not ours, raising the epoch, and
 * dropping what was still open when the last owner went.
 */
import type { Base } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Batch, Storage, Superblock } from "../storage/storage.ts";
import type { Layers } from "./layers.ts";

const defaultChunkSize = 64 * 1024;

/** What opening a superblock depends on. */
export interface SuperblockOptions {
  readonly base: Base;
  readonly storage: Storage;
  readonly chunkSize?: number;
  readonly readOnly?: boolean;
  readonly adoptBase?: boolean;
}

/** What opening found. */
export interface OpenedSuperblock {
  readonly superblock: Superblock;
  /** The base's identity when the storage was last opened, if it was another one. */
  readonly baseWas: string | undefined;
}

/**
 * The superblock to work with; for a writer its epoch is raised in the storage, so that no earlier owner's commit
 * is taken any more.
 */
export function* openSuperblock(options: SuperblockOptions): Operation<OpenedSuperblock> {
  const { base, storage, readOnly } = options;
  const stored = yield* storage.superblock();
  const identity = stored?.base.identity;
  const baseWas = identity === base.identity ? undefined : identity;
  if (readOnly) {
    if (!stored) throw new FsError("ENOENT", { reason: "nothing was ever stored there" });
    refuseOtherBase(stored, options);
    return { superblock: stored, baseWas };
  }
  const superblock = stored ? taken(stored, options) : begun(base, options.chunkSize);
  try {
    yield* storage.commit(emptyBatch(superblock), "relaxed");
    return { superblock, baseWas };
  } catch (error) {
    // The owner before us committed between our reading and our taking over. That ends here: no commit of an owner
    // that was taken over is accepted, and those who take over at the same time take turns.
    if (!(error instanceof FsError && error.code === "ESTALE")) throw error;
    const now = yield* storage.superblock();
    // Nothing moved: it is we who may not commit any more, and trying again would go on for ever.
    if (now?.epoch === stored?.epoch && now?.generation === stored?.generation) throw error;
    return yield* openSuperblock(options);
  }
}

function begun(base: Base, chunkSize = defaultChunkSize): Superblock {
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 4096 || (chunkSize & (chunkSize - 1)) !== 0) {
    throw new FsError("EINVAL", {
      reason: `a chunk size of ${chunkSize} bytes: it has to be a power of two from 4096 on`,
    });
  }
  return {
    version: 1,
    incompatible: [],
    compatible: [],
    overlayId: hex(crypto.getRandomValues(new Uint8Array(16))),
    base: { locator: base.locator, identity: base.identity },
    chunkSize,
    nextIno: 2,
    nextContent: 1,
    generation: 0,
    epoch: 1,
  };
}

/** A base may have moved, or be republished, but not both: then it is taken for another one. */
function refuseOtherBase(stored: Superblock, { base, adoptBase }: SuperblockOptions): void {
  const { locator, identity } = stored.base;
  if (!adoptBase && locator !== base.locator && identity !== base.identity) {
    throw new FsError("EINVAL", {
      syscall: "open",
      path: base.locator,
      reason: `the storage belongs to another base, ${locator}; use that base, or another storage`,
    });
  }
}

function taken(stored: Superblock, options: SuperblockOptions): Superblock {
  refuseOtherBase(stored, options);
  const { base } = options;
  return {
    ...stored,
    base: { locator: base.locator, identity: base.identity },
    generation: stored.generation + 1,
    epoch: stored.epoch + 1,
  };
}

/** Drops what had no name any more but was still open when the last owner went. */
export function* dropOrphans(layers: Layers): Operation<void> {
  const orphans = yield* layers.storage.orphans();
  if (orphans.length === 0) return;
  for (const ino of orphans) {
    const record = yield* layers.storage.node(ino);
    if (record?.content) layers.writeback.dropContent(record.content.id);
    if (record) layers.writeback.node(ino, null);
    layers.forgetAlias(record?.identity);
    layers.writeback.orphan(ino, false);
  }
  yield* layers.writeback.commit("relaxed");
}

function emptyBatch(superblock: Superblock): Batch {
  return {
    superblock,
    nodes: new Map(),
    names: [],
    aliases: new Map(),
    orphans: new Map(),
    data: [],
    droppedChunks: [],
    droppedContents: [],
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
