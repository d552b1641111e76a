/**
 * A mount whose process was killed stays in the table and answers ENOTCONN to everybody. A watchdog, a shell that does
 * nothing but read a pipe this process holds, notices the end of it and detaches the mount.
 */
import { spawn } from "node:child_process";
import { escaped } from "./mount-table.ts";

/** Detaches the mount, found by device and mountpoint, unless it was told that all went well. */
const script = `
read -r word && [ "$word" = done ] && exit
while read -r id parent device root point rest; do
  [ "$device" = "$1" ] && [ "$point" = "$2" ] && found=yes
done </proc/self/mountinfo
[ "$found" = yes ] || exit
[ "$(id -u)" = 0 ] && exec umount -l -c -- "$3"
fusermount3 -u -z -- "$3" || fusermount -u -z -- "$3"
`;

/** Has an eye on the end of this process. */
export interface Watchdog {
  /** The mount is unmounted: there is nothing to clear any more. */
  dismiss(): void;
}

/** Starts a watchdog over the mount `device` (`major:minor`) at `mountpoint`; it outlives this process. */
export function startWatchdog(device: string, mountpoint: string): Watchdog {
  const args = ["-c", script, "minifo-watchdog", device, escaped(mountpoint), mountpoint];
  const child = spawn("/bin/sh", args, {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  child.on("error", () => {}); // Without a shell the next mount clears what this one may leave.
  child.stdin.on("error", () => {}); // It was ended by somebody else; the same holds.
  child.unref();
  return { dismiss: () => child.stdin.end("done\n") };
}
