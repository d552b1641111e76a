/**
 * Which process serves which mount from which storage: one small file per mount in a directory of the system for such
 * things, gone after a reboot. What a process left that was killed is recognised by its mount being gone.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FsError } from "../../src/index.ts";
import { isMounted, mountTableOf } from "./mount-table.ts";

/** A mount that is being served. */
export interface ServedMount {
  /** `major:minor` */
  readonly device: string;
  readonly mountpoint: string;
  readonly storage: string;
  readonly pid: number;
}

/**
 * Tells others of `mount`, until `forgetMount`.
 * @throws EACCES somebody else has made the directory for it
 */
export function recordMount(mount: ServedMount): void {
  mkdirSync(directory(), { recursive: true, mode: 0o700 });
  refuseForeign(directory());
  for (const other of servedMounts()) if (!isStillMounted(other)) forgetMount(other);
  writeFileSync(fileOf(mount.device), JSON.stringify(mount), { mode: 0o600 });
}

/** Forgets `mount`, but not what another process serves under its device number, which is free as soon as it is unmounted. */
export function forgetMount({ device, pid }: Pick<ServedMount, "device" | "pid">): void {
  if (servedMount(device)?.pid === pid) rmSync(fileOf(device), { force: true });
}

/** Whether it is mounted where its process sees it, which may be in another mount namespace than ours. */
export function isStillMounted({ device, pid }: ServedMount): boolean {
  return isMounted(device, mountTableOf(pid));
}

/** The mount with this device number, if it was recorded. */
export function servedMount(device: string): ServedMount | undefined {
  return servedMounts().find((mount) => mount.device === device);
}

/** All mounts that were recorded, those of dead processes too. */
export function servedMounts(): ServedMount[] {
  let names: string[];
  try {
    refuseForeign(directory());
    names = readdirSync(directory());
  } catch {
    // No directory of ours: nothing was ever mounted since the machine started.
    return [];
  }
  return names.flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(directory(), name), "utf8")) as ServedMount];
    } catch {
      // It was removed while we read, or is being written: a mount that goes or comes is not there.
      return [];
    }
  });
}

/** Where everybody may make directories, one that another user made in our place could tell us anything. */
function refuseForeign(path: string): void {
  if (isOurs(path)) return;
  const reason = "it belongs to somebody else; set XDG_RUNTIME_DIR to a directory of yours";
  throw new FsError("EACCES", { syscall: "mount", path, reason });
}

/** /run/minifo for root, and for others a directory of their own in the one the system gives them. */
function directory(): string {
  const uid = process.getuid?.() ?? 0;
  const { XDG_RUNTIME_DIR } = process.env;
  if (uid === 0 && isOurs("/run")) return "/run/minifo";
  const places = [XDG_RUNTIME_DIR, `/run/user/${uid}`];
  const given = places.find((place) => place !== undefined && isOurs(place));
  return join(given ?? tmpdir(), `minifo-${uid}`);
}

/** Whether `directory` is there and belongs to this user. */
function isOurs(directory: string): boolean {
  try {
    const { uid } = lstatSync(directory);
    return uid === process.getuid?.();
  } catch {
    // It is not there.
    return false;
  }
}

function fileOf(device: string): string {
  return join(directory(), `${device.replace(":", "-")}.json`);
}
