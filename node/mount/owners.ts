/** Waiting for a storage to become free: an owner that is about to close is waited for, any other is not. */
import { setTimeout as sleep } from "node:timers/promises";
import { holderOf } from "../storage/disk.ts";
import type { Holder } from "../storage/ownership.ts";
import { isMounted } from "./mount-table.ts";
import { servedMounts } from "./registry.ts";

/** How often it is looked, in ms. */
const look_ms = 50;

/** How long nothing is said about waiting, in ms. */
const silence_ms = 500;

/**
 * Waits until nobody has `storage`, at most `patience_ms`, as long as its owner is closing. Returns who has it still.
 * `say` hears of it once it takes a while.
 */
export async function waitForClosing(
  storage: string,
  patience_ms: number,
  say: (message: string) => void,
): Promise<Holder | undefined> {
  return await waitWhile(storage, isClosing, patience_ms, say);
}

/** Waits until the process `pid` has given `storage` up, at most `patience_ms`. Returns it if it still has it. */
export async function waitForRelease(
  storage: string,
  pid: number,
  patience_ms: number,
  say: (message: string) => void,
): Promise<Holder | undefined> {
  return await waitWhile(storage, (holder) => holder.pid === pid, patience_ms, say);
}

async function waitWhile(
  storage: string,
  applies: (holder: Holder) => boolean,
  patience_ms: number,
  say: (message: string) => void,
): Promise<Holder | undefined> {
  const start = Date.now();
  let said = false;
  for (;;) {
    const holder = holderOf(storage);
    const waited_ms = Date.now() - start;
    if (!holder || !applies(holder) || waited_ms > patience_ms) return holder;
    if (!said && waited_ms > silence_ms) {
      said = true;
      say(`waiting for process ${holder.pid} to close the storage ${storage}`);
    }
    await sleep(look_ms);
  }
}

/** An owner says so itself a moment after its mount is gone; until then the table of mounts tells. */
function isClosing(holder: Holder): boolean {
  if (holder.closing) return true;
  const mount = servedMounts().find(({ pid }) => pid === holder.pid);
  return mount !== undefined && !isMounted(mount.device);
}
