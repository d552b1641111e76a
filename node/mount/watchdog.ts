/**
 * A mount whose process was killed stays in the table and answers ENOTCONN to everybody. A watchdog, a shell that does
 * nothing but read a pipe this process holds, notices the end of it and detaches the mount. The pipe alone is not enough: a
 * thread that is killed while it waits for an answer of its own process goes on waiting, and holds pipe and device open
 * until the connection is aborted. So, where setpriv(1) is there, the kernel signals the end of the thread that started
 * the watchdog as well.
 */
import { spawn } from "node:child_process";
import { escaped } from "./mount-table.ts";

/**
 * Detaches the mount, found by device and mountpoint, unless it was told that all went well, and aborts its connection,
 * which nobody serves any more. Half a second before it does so whoever uses the mount hears that it is dead: who only
 * came back after it was detached would write into the directory beneath. Arguments: device and mountpoint as the table
 * has them, the mountpoint, and this script, until it has begun anew under setpriv.
 */
const script = `
if [ -n "$4" ] && setpriv --help 2>&1 | grep -q pdeathsig; then
  exec setpriv --pdeathsig TERM /bin/sh -c "$4" minifo-watchdog "$1" "$2" "$3" ""
fi
trap : TERM
read -r word && [ "$word" = done ] && exit
is_mounted() {
  while read -r id parent device root point rest; do
    [ "$device" = "$1" ] && [ "$point" = "$2" ] && return
  done </proc/self/mountinfo
  return 1
}
for moment in 1 2 3 4 5 6 7 8 9 10; do
  is_mounted "$1" "$2" || exit
  sleep 0.05
done
is_mounted "$1" "$2" || exit
[ "$(id -u)" = 0 ] && exec umount -f -l -c -- "$3"
abort="/sys/fs/fuse/connections/\${1#*:}/abort"
[ -w "$abort" ] && echo 1 >"$abort"
fusermount3 -u -z -- "$3" || fusermount -u -z -- "$3"
`;

/** Has an eye on the end of this process. */
export interface Watchdog {
  /** The mount is unmounted: there is nothing to clear any more. */
  dismiss(): void;
}

/** Starts a watchdog over the mount `device` (`major:minor`) at `mountpoint`; it outlives this process. */
export function startWatchdog(device: string, mountpoint: string): Watchdog {
  const args = ["-c", script, "minifo-watchdog", device, escaped(mountpoint), mountpoint, script];
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
