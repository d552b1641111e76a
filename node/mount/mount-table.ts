/**
 * The table of mounts, /proc/self/mountinfo: the one place where a mountpoint can be looked up without touching it, so
 * that a dead or a stuck mount harms nobody.
 */
import { readFileSync } from "node:fs";

/** One mount. */
export interface MountEntry {
  /** `major:minor` of its file system. */
  readonly device: string;
  readonly mountpoint: string;
  /** Such as `ext4` or `fuse.minifo`. */
  readonly type: string;
  readonly source: string;
}

/** The type of our mounts. */
export const mountType = "fuse.minifo";

/** All mounts this process sees, in the order they were made. */
export function mountTable(text = readFileSync("/proc/self/mountinfo", "utf8")): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    const [, , device, , mountpoint] = left?.split(" ") ?? [];
    const [type, source] = right?.split(" ") ?? [];
    if (!device || !mountpoint || !type || source === undefined) continue;
    entries.push({ device, mountpoint: unescaped(mountpoint), type, source: unescaped(source) });
  }
  return entries;
}

/** All mounts that process `pid` sees, which may live in a mount namespace of its own; none if it is gone. */
export function mountTableOf(pid: number): MountEntry[] {
  try {
    return mountTable(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
  } catch {
    // It has ended, and its mounts with it.
    return [];
  }
}

/** What is mounted at exactly this absolute path: the last, which covers the others. */
export function mountAt(mountpoint: string, table = mountTable()): MountEntry | undefined {
  return table.findLast((entry) => entry.mountpoint === mountpoint);
}

/** Whether one of our mounts with this device number is to be seen. */
export function isMounted(device: string, table = mountTable()): boolean {
  return table.some((entry) => entry.device === device && entry.type === mountType);
}

/** The path as the table writes it. */
export function escaped(path: string): string {
  return path.replace(/[ \t\n\\]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
