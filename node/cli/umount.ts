/** `minifo umount MOUNTPOINT`: unmounts, and returns when every change is in the storage and the storage is closed. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { FsError, isErrorCode } from "../../src/index.ts";
import { callOwner } from "../control/client.ts";
import { unmount } from "../fuse/device.ts";
import { mountAt, mountType } from "../mount/mount-table.ts";
import { waitForRelease } from "../mount/owners.ts";
import { answerOf, mountpointPath } from "../mount/places.ts";
import { servedMount } from "../mount/registry.ts";
import { sayIfSlow } from "../mount/slowness.ts";
import { keepersOf, usersOf } from "../mount/users.ts";

const help = `
Returns when every change is in the storage and the storage is closed, so that it can be
copied or mounted again at once. If somebody still uses the mount it names them; with
--lazy it is detached all the same and ends when the last of them has left.

Example:
  minifo umount /mnt`;

/** How often a mount that is busy though nobody uses it is tried to be unmounted, and how many ms apart. */
const mostTries = 10;
const betweenTries_ms = 50;

/** How long the last changes may take to reach the storage, in ms. */
const patience_ms = 60_000;

/** The command `umount`. */
export function umountCommand(): Command {
  return new Command("umount")
    .description("unmount, and wait until all changes are stored")
    .argument("<mountpoint>", "directory it is mounted on")
    .option("--lazy", "detach it even if it is in use")
    .addHelpText("after", help)
    .action((mountpoint: string, options: { readonly lazy?: true }) =>
      unmountAndWait(mountpoint, options.lazy === true),
    );
}

async function unmountAndWait(path: string, lazy: boolean): Promise<void> {
  const say = (message: string): void => void process.stderr.write(`${message}\n`);
  const mountpoint = await found(path);
  const entry = mountAt(mountpoint);
  if (entry?.type !== mountType) {
    throw new FsError("EINVAL", {
      syscall: "umount",
      path: mountpoint,
      reason: "minifo has nothing mounted there; `findmnt -t fuse.minifo` lists what it has",
    });
  }
  const served = servedMount(entry.device);
  const state = await answerOf(mountpoint);
  if (state === "stuck" && !lazy) throw silent(mountpoint, served?.pid);
  if (state === "dead") {
    await unmount(mountpoint, true);
    say(`the process behind ${mountpoint} was gone; the dead mount is cleared`);
    return;
  }
  if (served && !lazy) {
    const flushing = callOwner(served.storage, "flush", undefined, patience_ms);
    await sayIfSlow(flushing, () => say("still storing the last changes"));
  }
  if (!(await unmountOnceQuiet(mountpoint, lazy))) throw inUse(mountpoint);
  if (!served) return;
  const kept = keptElsewhere(entry.device);
  if (kept && !lazy) say(`${mountpoint} is unmounted here; ${kept}`);
  const holder = await waitForRelease(served.storage, served.pid, lazy ? 0 : patience_ms, say);
  if (!holder) return;
  if (lazy) {
    say(`${mountpoint} is detached; process ${holder.pid} ends when nobody uses it any more`);
    return;
  }
  throw new FsError("EBUSY", {
    syscall: "umount",
    path: served.storage,
    reason: `it is unmounted, but process ${holder.pid} still has not closed the storage${kept && `: ${kept}`}`,
  });
}

/**
 * As `unmount`. For as long as a call by which its own process is woken is under way, the kernel calls a mount busy that
 * nobody uses: that passes.
 */
async function unmountOnceQuiet(mountpoint: string, lazy: boolean): Promise<boolean> {
  for (let tried = 1; ; tried += 1) {
    if (await unmount(mountpoint, lazy)) return true;
    if (tried === mostTries || usersOf(mountpoint).length > 0) return false;
    await sleep(betweenTries_ms);
  }
}

async function found(path: string): Promise<string> {
  try {
    return await mountpointPath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!isErrorCode(code)) throw error;
    throw new FsError(code, { syscall: "umount", path, cause: error });
  }
}

function silent(mountpoint: string, pid: number | undefined): FsError {
  const who = pid === undefined ? "the process behind it" : `process ${pid}`;
  return new FsError("EBUSY", {
    syscall: "umount",
    path: mountpoint,
    reason: `${who} does not answer, and may hold changes; try again, or unmount with --lazy`,
  });
}

/** Who keeps the mount although it is unmounted here; empty if nobody does. */
function keptElsewhere(device: string): string {
  const keepers = keepersOf(device);
  if (keepers.length === 0) return "";
  const [verb, whose] =
    keepers.length > 1 ? ["keep", "namespaces of their"] : ["keeps", "a namespace of its"];
  return `${keepers.join(", ")} ${verb} it mounted in ${whose} own, and it ends with that`;
}

function inUse(mountpoint: string): FsError {
  const users = usersOf(mountpoint);
  const who = users.length > 0 ? `${users.join(", ")} ${users.length > 1 ? "use" : "uses"} it` : "";
  return new FsError("EBUSY", {
    syscall: "umount",
    path: mountpoint,
    reason: `${who || "somebody uses it"}; let them leave it, or unmount with --lazy`,
  });
}
