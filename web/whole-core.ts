/**
 * The core with everything that changes something: the overlay over its storage, the programs' API, and a cache that
 * keeps what is fetched. A page's worker loads it as soon as it has answered that the overlay is open (core.ts), and waits
 * for it where it is needed.
 */
import {
  type Base,
  type ChangeListener,
  FsError,
  type FsPromises,
  feedOf,
  fsOf,
  type OpenedSuperblock,
  OverlayFiles,
  run,
  type Storage,
} from "../src/index.ts";
import { openOriginFetchCache } from "./fetch-cache.ts";
import type { FetchCacheToCome } from "./fetch-cache-to-come.ts";
import { openIndexedDbStorage } from "./indexeddb.ts";
import { Visit, type VisitedCore } from "./visit.ts";

/** What opening it needs. */
export interface WholeCoreOptions {
  /** The storage's name. */
  readonly name: string;
  readonly base: Base;
  /** What taking the storage over gave, if that was done; else it is done here. */
  readonly taken: OpenedSuperblock | undefined;
  readonly cache: FetchCacheToCome;
  /** Told why when the browser takes the storage away. */
  readonly lost: (why: string) => void;
  /** Told what changes. */
  readonly changed: ChangeListener;
}

/** See the head of this file. */
export interface WholeCore {
  readonly overlay: OverlayFiles;
  readonly fs: FsPromises;
  readonly storage: Storage;
  /** What a page at `core`, which this is the whole of, does beyond reading. */
  visit(core: VisitedCore): Visit;
}

/**
 * Opens it. It takes the base over.
 * @throws ENODEV the storage that was taken over is not there any more
 * @throws ESTALE the storage that was taken over has another owner by now
 * @throws as `openIndexedDbStorage` and `OverlayFiles.open`
 */
export async function openWhole(options: WholeCoreOptions): Promise<WholeCore> {
  const { name, base, taken, cache, lost, changed } = options;
  const storage = await openIndexedDbStorage(name, { lost, ...(taken && { create: false }) });
  await cache.come(openOriginFetchCache);
  try {
    if (taken) await refuseIfNotOurs(storage, taken, options);
    const overlay = await run(OverlayFiles.open({ base, storage, ...(taken && { taken }) }));
    feedOf(overlay).subscribe(changed);
    const { promises: fs } = fsOf(overlay);
    return { overlay, fs, storage, visit: (core) => new Visit(core, { fs, overlay }) };
  } catch (error) {
    await run(storage.close());
    throw error;
  }
}

async function refuseIfNotOurs(
  storage: Storage,
  { superblock }: OpenedSuperblock,
  { name: path, lost }: WholeCoreOptions,
): Promise<void> {
  const stored = await run(storage.superblock());
  if (stored?.overlayId !== superblock.overlayId) {
    const why = "it was deleted, or cleared by the browser, and what was changed in it is gone";
    lost(why);
    const reason = `the storage was lost: ${why}; open the overlay again`;
    throw new FsError("ENODEV", { syscall: "open", path, reason });
  }
  if (stored.epoch === superblock.epoch) return;
  const reason = "another owner has taken this storage over; nothing was changed";
  throw new FsError("ESTALE", { syscall: "open", path, reason });
}
