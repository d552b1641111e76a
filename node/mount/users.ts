/** Who keeps a mount busy: processes with a file, a working directory or a program below a path. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process by name and number, as in `bash (1234)`. */
export function usersOf(mountpoint: string): string[] {
  const users: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (/^\d+$/.test(pid) && uses(pid, mountpoint)) users.push(`${nameOf(pid)} (${pid})`);
  }
  return users;
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
