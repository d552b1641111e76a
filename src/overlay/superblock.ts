/** Taking a storage over: reading its superblock or beginning a new one, refusing what is not ours, raising the epoch. */
import type { Base } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Batch, Storage, Superblock } from "../storage/storage.ts";

const defaultChunkSize = 64 * 1024;

/** What opening a superblock depends on. */
export interface SuperblockOptions {
  readonly base: Base;
  readonly storage: Pick<Storage, "superblock" | "commit">;
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
  const baseWas = stored && baseBefore(stored, base);
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

/** The identity that the base had when the storage was last opened, if it is another one now: the base moved. */
export function baseBefore(stored: Superblock, { identity }: Base): string | undefined {
  return stored.base.identity === identity ? undefined : stored.base.identity;
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

/** That the base moved stays on record until what follows from it is done, for we may be killed before: see `Layers.noteBase`. */
function taken(stored: Superblock, options: SuperblockOptions): Superblock {
  refuseOtherBase(stored, options);
  return {
    ...stored,
    base: { locator: options.base.locator, identity: stored.base.identity },
    generation: stored.generation + 1,
    epoch: stored.epoch + 1,
  };
}

/** A batch of the superblock alone. */
export function emptyBatch(superblock: Superblock): Batch {
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
