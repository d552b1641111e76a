/**
 * The device: mounting it, reading requests from it in a loop that blocks, unmounting, and cutting it off.
 * Everything but the loop is for the thread that does not serve; nothing here touches a file below the mountpoint,
 * which would wait for the loop for ever.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { FsError } from "../../src/index.ts";
import { isRoot, unmountAsUser } from "./fusermount.ts";
import { maxTransfer } from "./protocol/init.ts";
import { encodeReplyHeader, Message } from "./protocol/wire.ts";
import type { Session } from "./session.ts";

/** Room for the largest request: its header, and what WRITE has before its data. */
const requestRoom = maxTransfer + 4096;

const connections = "/sys/fs/fuse/connections";
const eio = new FsError("EIO").errno;

/** How a mount shows itself. */
export interface MountOptions {
  /** Shown as the mount's source. */
  readonly source: string;
  /** Words for the kernel, such as `ro` or `allow_other`. */
  readonly flags: readonly string[];
}

/**
 * Opens the FUSE device. Close it with `closeSync`, or end the process.
 * @throws ENODEV, EACCES there is no such device, or it may not be opened, with what to try
 */
export function openDevice(): number {
  try {
    return openSync("/dev/fuse", "r+");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new FsError(code === "EACCES" || code === "EPERM" ? "EACCES" : "ENODEV", {
      syscall: "open",
      path: "/dev/fuse",
      reason:
        "the mount needs the FUSE device and the right to open it: run as root, `modprobe fuse`, " +
        "in a container pass --device /dev/fuse and --cap-add SYS_ADMIN",
      cause: error,
    });
  }
}

/** Mounts the file system whose device is `device` at `mountpoint`; throws an Error that says why it could not. */
export async function mountDevice(
  device: number,
  mountpoint: string,
  { source, flags }: MountOptions,
): Promise<void> {
  const options = [
    "fd=3,rootmode=40000,user_id=0,group_id=0,default_permissions,subtype=minifo",
    ...flags,
  ];
  const args = ["-i", "-t", "fuse", "-o", options.join(","), "--", source, mountpoint];
  const { code, words } = await command("mount", args, { device });
  if (code !== 0) throw new Error(`mount(8) failed: ${words || `exit code ${code}`}`);
}

/**
 * Unmounts `mountpoint`. Returns false if it is busy.
 * @throws Error it could not, for another reason
 */
export async function unmount(mountpoint: string, lazily = false): Promise<boolean> {
  if (!isRoot) return await unmountAsUser(mountpoint, lazily);
  const { code, words } = await command("umount", [
    ...(lazily ? ["-l"] : []),
    "--no-canonicalize",
    "--",
    mountpoint,
  ]);
  if (code === 0) return true;
  if (/busy/.test(words)) return false;
  throw new Error(`umount(8) failed: ${words || `exit code ${code}`}`);
}

/**
 * Cuts the connection of the mount with this minor device number: whoever waits for it gets an error.
 * @throws ENOENT where fusectl is not mounted and this process may not mount it
 */
export async function abortConnection(minor: number): Promise<void> {
  // If it is there and cannot be read, what comes next says why.
  const known = await readdir(connections).catch(() => []);
  if (known.length === 0) {
    await command("mount", ["-t", "fusectl", "fusectl", connections]);
  }
  await writeFile(`${connections}/${minor}/abort`, "1");
}

/** Lets the kernel ask for up to 1 MiB at once when a file is read from front to back; harmless where it cannot. */
export async function raiseReadahead(device: string): Promise<void> {
  try {
    await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, String(maxTransfer / 1024));
  } catch {
    // Some containers have /sys read-only: reads are smaller then, and that is all.
  }
}

/** How long the kernel may take to hand over what it gathered, in ms. */
const writeOut_ms = 10_000;

/**
 * Has the kernel hand over everything that was written below `mountpoint`. Another process asks it: whoever does waits
 * for the thread that serves, and Node has no syncfs(2).
 * @throws EIO it did not, or not in time; it keeps it
 */
export async function writeOut(mountpoint: string): Promise<void> {
  const sync = () => command("sync", ["-f", mountpoint], { limit_ms: writeOut_ms });
  let { code, words } = await sync();
  // The first to ask is also told of a failure that is over, once: what still cannot be written out fails again.
  if (code !== 0 && words !== "") ({ code, words } = await sync());
  if (code === 0) return;
  const why = words || `it takes longer than ${writeOut_ms / 1000} s`;
  throw new FsError("EIO", {
    syscall: "syncfs",
    path: mountpoint,
    reason: `what the kernel has gathered cannot be written out: ${why}`,
  });
}

/** A sender of replies for a `Session`. What the kernel refuses is answered with EIO, so that no caller waits for ever. */
export function replySender(device: number): (reply: Message, length: number) => void {
  return (reply, length) => {
    try {
      writeSync(device, reply.bytes, 0, length);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The caller is gone, or the mount is: nobody waits any more.
      if (code === "ENOENT" || code === "ENODEV" || code === "EPERM" || code === "ENOTCONN") return;
      const unique = reply.view.getUint32(8, true) + reply.view.getUint32(12, true) * 2 ** 32;
      try {
        writeSync(device, reply.bytes, 0, encodeReplyHeader(reply.view, unique, eio, 0));
      } catch {
        // The second refusal means the same as ENOENT above.
      }
    }
  };
}

/**
 * Serves the device until it is unmounted or cut off. Blocks this thread; `afterEach` runs behind every request
 * and says whether to go on.
 * @throws whatever reading the device throws that does not mean its end
 */
export function serveDevice(
  device: number,
  session: Pick<Session, "receive">,
  afterEach: () => boolean,
): void {
  let message = Message.withRoom(requestRoom);
  for (;;) {
    try {
      message.length = readSync(device, message.bytes, 0, requestRoom, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENODEV") return;
      // ENOENT: the request was taken back while we read it.
      if (code === "ENOENT" || code === "EINTR" || code === "EAGAIN") continue;
      throw error;
    }
    if (!session.receive(message)) message = Message.withRoom(requestRoom);
    if (!afterEach()) return;
  }
}

/** Closes the device; the last close ends the connection. */
export function closeDevice(device: number): void {
  closeSync(device);
}

/** What a program is given besides its arguments. */
interface CommandOptions {
  /** Its descriptor 3. */
  readonly device?: number;
  /** How long it is waited for, in ms; then it counts as failed, without a word. It may be beyond killing. */
  readonly limit_ms?: number;
}

/** Runs a program of the system; its complaint is in English, and without its own name in front. */
function command(
  program: string,
  args: readonly string[],
  { device, limit_ms }: CommandOptions = {},
): Promise<{ readonly code: number; readonly words: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe", ...(device === undefined ? [] : [device])],
      env: { ...process.env, LC_ALL: "C" },
      cwd: "/",
    });
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words += text;
    });
    const late =
      limit_ms === undefined
        ? undefined
        : setTimeout(() => {
            child.kill("SIGKILL");
            resolve({ code: 1, words: "" });
          }, limit_ms);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(late);
      resolve({ code: code ?? 1, words: words.trim().replace(/^(?:u?mount|sync): /, "") });
    });
  });
}
