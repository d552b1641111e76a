/** Who keeps a mount busy: processes with a file, a working directory or a program below a path. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isMounted, mountTableOf } from "./mount-table.ts";

/** Other processes by name and number, as in `bash (1234)`. */
export function usersOf(mountpoint: string): string[] {
  const users: string[] = [];
  for (const pid of readdirSync("/proc")) {
    const isOther = /^\d+$/.test(pid) && Number(pid) !== process.pid;
    if (isOther && uses(pid, mountpoint)) users.push(`${nameOf(pid)} (${pid})`);
  }
  return users;
}

/**
 * Who still sees the mount with this device number in a mount namespace of its own, a process of each such namespace: what
 * is unmounted here goes on there, until the namespace ends with the last of its processes.
 */
export function keepersOf(device: string): string[] {
  const seen = new Set([namespaceOf("self")]);
  const keepers: string[] = [];
  for (const pid of readdirSync("/proc")) {
    const namespace = /^\d+$/.test(pid) ? namespaceOf(pid) : undefined;
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    if (isMounted(device, mountTableOf(Number(pid)))) keepers.push(`${nameOf(pid)} (${pid})`);
  }
  return keepers;
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    // It ended, or is not ours to look into.
    return undefined;
  }
}

function uses(pid: string, mountpoint: string): boolean {
  const links = ["cwd", "root", "exe"].map((link) => `/proc/${pid}/${link}`);
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) links.push(`/proc/${pid}/fd/${fd}`);
  } catch {
    // It ended, or is not ours to look into.
  }
  return links.some((link) => {
    try {
      const target = readlinkSync(link);
      return target === mountpoint || target.startsWith(`${mountpoint}/`);
    } catch {
      // As above.
      return false;
    }
  });
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    // It ended in between.
    return "a process";
  }
}
