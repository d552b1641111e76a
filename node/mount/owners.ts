/** Waiting for a storage to become free: an owner that is about to close is waited for, any other is not. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { holderOf } from "../storage/disk.ts";
import type { Holder } from "../storage/ownership.ts";
import { isStillMounted, servedMounts } from "./registry.ts";

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
    const waited_ms = Date.now() - start;
    const leaving = waited_ms > patience_ms ? undefined : leavingOwner(storage);
    const holder = leaving ?? holderOf(storage);
    if (!holder || !applies(holder) || waited_ms > patience_ms) return holder;
    if (!said && waited_ms > silence_ms) {
      said = true;
      say(`waiting for process ${holder.pid} to close the storage ${storage}`);
    }
    await sleep(look_ms);
  }
}

/**
 * The owner whose mount of `storage` is gone while it still runs: it is about to close. It is told without opening the
 * storage, because LMDB's locks cannot be taken by one process at the very moment the last other one gives them up:
 * that fails with EINVAL, and for good in this process.
 */
function leavingOwner(storage: string): Holder | undefined {
  const place = resolve(storage);
  const mount = servedMounts().find(
    (one) => one.storage === place && !isStillMounted(one) && isRunning(one.pid),
  );
  return mount && { pid: mount.pid, holder: `mounted at ${mount.mountpoint}`, closing: true };
}

/** Whether process `pid` is there and not only waits to be reaped. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // There is no such process.
    return false;
  }
}

/** An owner says so itself a moment after its mount is gone; until then the table of mounts tells. */
function isClosing(holder: Holder): boolean {
  if (holder.closing) return true;
  const mount = servedMounts().find(({ pid }) => pid === holder.pid);
  return mount !== undefined && !isStillMounted(mount);
}
