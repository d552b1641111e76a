/** Waiting for the owner of a storage that has said it is closing. */
import { setTimeout as pause } from "node:timers/promises";
import { FsError } from "../../src/index.ts";
import { holderOf } from "./disk.ts";
import type { Holder } from "./ownership.ts";

/** How long an owner that is closing is waited for, in milliseconds. */
const patience_ms = 10_000;

/** How often it is looked at, in milliseconds. */
const interval_ms = 20;

/**
 * Waits until nobody who is closing has the storage in `directory`; calls `waiting` once if there is something to wait
 * for. Returns its holder, if it has one that is not closing.
 * @throws EBUSY the owner is still closing after ten seconds
 */
export async function awaitClosing(
  directory: string,
  waiting: (holder: Holder) => void,
): Promise<Holder | undefined> {
  const deadline = performance.now() + patience_ms;
  for (let first = true; ; first = false) {
    const holder = holderOf(directory);
    if (!holder?.closing) return holder;
    if (first) waiting(holder);
    if (performance.now() > deadline) {
      throw new FsError("EBUSY", {
        syscall: "open",
        path: directory,
        reason: `process ${holder.pid} has been closing it for ${patience_ms / 1000} s; look whether it hangs`,
      });
    }
    await pause(interval_ms);
  }
}
