/**
 * How status, diff and revert reach an overlay: through its owner while it is mounted, else by opening it themselves.
 * An owner that is just closing is waited for, bounded, and that is said.
 */
import { type Change, FsError, run } from "../../src/index.ts";
import { callOwner } from "../control/client.ts";
import { mountAt, mountType } from "../mount/mount-table.ts";
import { waitForClosing } from "../mount/owners.ts";
import { mountpointPath } from "../mount/places.ts";
import { servedMount } from "../mount/registry.ts";
import { sayIfSlow } from "../mount/slowness.ts";
import { openOverlay } from "../open-overlay.ts";
import {
  notesOn,
  type OwnerInfo,
  type Sides,
  type Status,
  sides,
  status,
} from "../overlay-methods.ts";
import type { Holder } from "../storage/ownership.ts";
import { err } from "./colors.ts";

/** How long an owner that is closing is waited for, in milliseconds. */
const closingPatience_ms = 10_000;

/** An overlay, wherever it is open. */
export interface OverlayAccess {
  status(): Promise<Status>;
  sides(change: Change): Promise<Sides>;
  /** Returns every path that changed by it. */
  revert(paths: readonly string[]): Promise<readonly string[]>;
}

/**
 * Gives `use` the overlay kept in the storage `place`, or mounted there; `write` tells that it is to be changed.
 * @throws ENOENT there is no such storage
 * @throws EBUSY another process has it and answers nothing
 */
export async function withOverlay<T>(
  place: string,
  write: boolean,
  use: (overlay: OverlayAccess) => Promise<T>,
): Promise<T> {
  const storage = await storageAt(place);
  const say = (message: string): void => void process.stderr.write(`${err.dim(`${message} …`)}\n`);
  const holder = await waitForClosing(storage, closingPatience_ms, say);
  if (holder) return await use(throughOwner(storage, holder));
  const opening = openOverlay({ storage, readOnly: !write, holder: "being changed by minifo" });
  const opened = await sayIfSlow(opening, () => say("still waiting for the base"));
  const { overlay } = opened;
  try {
    const access: OverlayAccess = {
      status: () => run(status(overlay)),
      sides: (change) => run(sides(overlay, change)),
      revert: (paths) => opened.revert(paths),
    };
    return await use(access);
  } finally {
    await opened.close();
  }
}

/** The storage of what is mounted at `place`, else `place`, which is not touched if it is a mount. */
async function storageAt(place: string): Promise<string> {
  let mountpoint: string;
  try {
    mountpoint = await mountpointPath(place);
  } catch {
    // It is not there, which whoever opens it as a storage tells with more words.
    return place;
  }
  const entry = mountAt(mountpoint);
  const served = entry?.type === mountType ? servedMount(entry.device) : undefined;
  return served?.storage ?? place;
}

function throughOwner(storage: string, holder: Holder): OverlayAccess {
  const call = async <T>(method: string, params?: unknown): Promise<T> => {
    const answer = await callOwner(storage, method, params);
    if (answer) return answer.result as T;
    throw new FsError("EBUSY", {
      syscall: method,
      path: storage,
      reason: `process ${holder.pid} has it (${holder.holder}) and takes no calls; end that process first`,
    });
  };
  return {
    status: async () => {
      const { base } = await call<OwnerInfo>("info");
      return { base: base.locator, notes: notesOn(base), changes: await call<Change[]>("status") };
    },
    sides: (change) => call<Sides>("sides", change),
    revert: (paths) => call<string[]>("revert", { paths }),
  };
}
