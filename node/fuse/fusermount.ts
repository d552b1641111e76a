/**
 * Mounting without root: fusermount3, a setuid program of libfuse, opens the device, mounts it for its caller, and hands
 * the descriptor over a socket. Node can neither make such a socket nor receive a descriptor, so koffi calls the C
 * library for that: an optional dependency, loaded only here.
 */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { FsError } from "../../src/index.ts";
import type { MountOptions } from "./device.ts";

/** Whether this process may mount by itself. */
export const isRoot = process.getuid?.() === 0;

/** From the newest libfuse to the oldest. */
const programs = ["fusermount3", "fusermount"] as const;

/** Of <sys/socket.h> on Linux. */
const unixDomain = 1;
const stream = 1;
const closeOnExec = 0o2000000;
const receiveFlags = 0x40 /* MSG_DONTWAIT */ | 0x40000000; /* MSG_CMSG_CLOEXEC */
const socketLevel = 1;
const descriptorsMessage = 1;

/** The two calls needed of the C library. */
export interface Sockets {
  /** Two connected sockets, both to be closed. */
  pair(): [number, number];
  /** The descriptor that waits to be received on `socket`; undefined if there is none. */
  receiveDescriptor(socket: number): number | undefined;
}

/**
 * Loads what an ordinary user's mount needs.
 * @throws EPERM a package or a program is missing, with what to install
 */
export async function loadSockets(): Promise<Sockets> {
  let koffi: typeof import("koffi").default;
  try {
    koffi = (await import("koffi")).default;
  } catch (cause) {
    throw unable(
      "the package koffi, which is not installed or does not fit: npm install koffi",
      cause,
    );
  }
  const libc = koffi.load(null);
  const vector = koffi.struct({ base: "void *", length: "size_t" });
  const header = koffi.struct({
    name: "void *",
    nameLength: "uint32",
    vectors: koffi.pointer(vector),
    vectorCount: "size_t",
    control: "void *",
    controlLength: "size_t",
    flags: "int",
  });
  const socketpair = libc.func("socketpair", "int", ["int", "int", "int", "void *"]);
  const recvmsg = libc.func("recvmsg", "long", ["int", koffi.inout(koffi.pointer(header)), "int"]);
  const wordSize = koffi.sizeof("size_t");
  return {
    pair() {
      const ends = new Int32Array(2);
      if (socketpair(unixDomain, stream | closeOnExec, 0, ends) !== 0) {
        throw new Error("no socket can be made: too many files are open");
      }
      return [ends[0] as number, ends[1] as number];
    },
    receiveDescriptor(socket) {
      const control = Buffer.alloc(64);
      const message = {
        name: null,
        nameLength: 0,
        vectors: [{ base: Buffer.alloc(8), length: 8 }],
        vectorCount: 1,
        control,
        controlLength: control.length,
        flags: 0,
      };
      if (Number(recvmsg(socket, message, receiveFlags)) <= 0) return undefined;
      // A control message: its length, its level and its type, then the descriptor.
      const isDescriptor =
        Number(message.controlLength) >= wordSize + 12 &&
        control.readInt32LE(wordSize) === socketLevel &&
        control.readInt32LE(wordSize + 4) === descriptorsMessage;
      return isDescriptor ? control.readInt32LE(wordSize + 8) : undefined;
    },
  };
}

/**
 * Mounts at `mountpoint` for the user this process runs as. Returns the descriptor of the device.
 * @throws EPERM fusermount3 is not there or refuses, with its words and what to try; nothing is mounted
 */
export async function mountAsUser(
  sockets: Sockets,
  mountpoint: string,
  { source, flags }: MountOptions,
): Promise<number> {
  const options = [
    "default_permissions,subtype=minifo",
    `fsname=${source.replaceAll(/[\\,]/g, "\\$&")}`,
    // It is so anyway, and fusermount3 would take it for the kernel's.
    ...flags.filter((flag) => flag !== "relatime"),
  ];
  const [ours, theirs] = sockets.pair();
  try {
    const words = await fusermount(["-o", options.join(","), "--", mountpoint], theirs);
    const device = words === "" ? sockets.receiveDescriptor(ours) : undefined;
    if (device !== undefined) return device;
    throw refused(mountpoint, words);
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

/**
 * Unmounts what this user mounted. Returns false if it is busy.
 * @throws EPERM it could not, for another reason
 */
export async function unmountAsUser(mountpoint: string, lazily: boolean): Promise<boolean> {
  const words = await fusermount(["-u", ...(lazily ? ["-z"] : []), "--", mountpoint]);
  if (words === "") return true;
  if (/busy/.test(words)) return false;
  throw new FsError("EPERM", { syscall: "umount", path: mountpoint, reason: words });
}

/** Runs fusermount3 with `socket` to hand a descriptor over. Returns what it complained of, "" if all went well. */
async function fusermount(args: readonly string[], socket?: number): Promise<string> {
  for (const program of programs) {
    const words = await complaintOf(program, args, socket);
    if (words !== undefined) return words;
  }
  throw unable("fusermount3, which is not installed: as root, apt-get install fuse3");
}

/** As `fusermount`, of this program; undefined if there is none. */
function complaintOf(
  program: string,
  args: readonly string[],
  socket: number | undefined,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe", ...(socket === undefined ? [] : [socket])],
      env: { ...process.env, LC_ALL: "C", _FUSE_COMMFD: "3" },
      cwd: "/",
    });
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words += text;
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(undefined);
      else reject(error);
    });
    child.on("close", (code) => {
      const told = words.trim().replaceAll(/^fusermount3?: /gm, "");
      if (code === 0) resolve("");
      else resolve(told || `${program} ended with code ${code}`);
    });
  });
}

function refused(mountpoint: string, words: string): FsError {
  let remedy = "";
  if (words.includes("user_allow_other")) {
    remedy =
      "; leave allow_other out, or have root put a line user_allow_other into /etc/fuse.conf";
  } else if (/permission|write access|owner/i.test(words)) {
    remedy = "; an ordinary user mounts on a directory of his own, of a local disk";
  }
  const reason = `fusermount3 refuses: ${words || "it gave no descriptor"}${remedy}`;
  return new FsError("EPERM", { syscall: "mount", path: mountpoint, reason });
}

function unable(what: string, cause?: unknown): FsError {
  const reason = `to mount as an ordinary user it needs ${what}; root needs neither`;
  return new FsError("EPERM", { syscall: "mount", reason, cause });
}
