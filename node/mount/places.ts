/**
 * The three places of a mount (base, mountpoint, storage), made absolute and checked against each other before anything
 * is opened. One inside another would have the serving process wait for itself, which nothing could end.
 */
import { spawn } from "node:child_process";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FsError, isErrorCode } from "../../src/index.ts";
import { isRemote } from "../base/open-base.ts";
import { unmount } from "../fuse/device.ts";
import { mountAt, mountType } from "./mount-table.ts";

/** Where a mount's parts are: absolute, without symlinks. */
export interface Places {
  /** A URL, or a directory. */
  readonly base: string;
  readonly mountpoint: string;
  readonly storage: string;
}

/** How long a mount may take to answer before it counts as stuck, in ms. */
const answer_ms = 2000;

/** How long the watchdog of a mount that died is given to clear it, in ms. */
const watchdog_ms = 3000;

/**
 * Makes `places` absolute and refuses those that cannot work. A dead mount of ours at the mountpoint is cleared.
 * @throws EBUSY something of ours is mounted there and alive
 * @throws EINVAL one place lies inside another
 * @throws ENOENT, ENOTDIR, … a place cannot be used, with the reason
 */
export async function preparePlaces(
  places: Places,
  say: (message: string) => void,
): Promise<Places> {
  const mountpoint = await prepareMountpoint(places.mountpoint, say);
  const storage = await withoutSymlinks(places.storage);
  const base = await localBase(places.base);
  const named = [
    ["mountpoint", mountpoint],
    ["storage", storage],
    ...(base === undefined ? [] : [["base", base] as const]),
  ] as const;
  for (const [inner, innerPath] of named) {
    for (const [outer, outerPath] of named) {
      if (inner === outer || !isInside(innerPath, outerPath)) continue;
      const how =
        innerPath === outerPath
          ? `the ${inner} is the ${outer} too`
          : `the ${inner} lies inside the ${outer} ${outerPath}`;
      throw new FsError("EINVAL", {
        syscall: "mount",
        path: innerPath,
        reason: `${how}: the mount would wait for itself; choose a directory elsewhere`,
      });
    }
  }
  return { base: base ?? places.base, mountpoint, storage };
}

/** The mountpoint `path` as the table of mounts has it. What is mounted there, be it dead, is not touched. */
export async function mountpointPath(path: string): Promise<string> {
  const absolute = resolve(path);
  if (absolute === "/") return absolute;
  const candidate = join(await realpath(dirname(absolute)), basename(absolute));
  if (mountAt(candidate)?.type === mountType) return candidate;
  return await realpath(absolute);
}

async function prepareMountpoint(path: string, say: (message: string) => void): Promise<string> {
  let mountpoint: string;
  try {
    mountpoint = await mountpointPath(path);
    if (mountAt(mountpoint)?.type === mountType) await clearDead(mountpoint, say);
    if ((await stat(mountpoint)).isDirectory()) return mountpoint;
  } catch (error) {
    throw unusable(error, path, "the mountpoint must be a directory that exists; make it first");
  }
  throw new FsError("ENOTDIR", {
    syscall: "mount",
    path,
    reason: "the mountpoint must be a directory",
  });
}

/** Removes the mount at `mountpoint` if the process behind it is gone. */
async function clearDead(mountpoint: string, say: (message: string) => void): Promise<void> {
  const state = await answerOf(mountpoint);
  if (state !== "dead") {
    const reason =
      state === "alive"
        ? "a minifo mount is there already; unmount it first, or choose another mountpoint"
        : "a minifo mount that does not answer is there; end its process, or `minifo umount --lazy`";
    throw new FsError("EBUSY", { syscall: "mount", path: mountpoint, reason });
  }
  // Its watchdog is about to do the same: two that unmount could hit the mount made next.
  const deadline = Date.now() + watchdog_ms;
  while (mountAt(mountpoint)?.type === mountType && Date.now() < deadline) await sleep(50);
  if (mountAt(mountpoint)?.type === mountType) await unmount(mountpoint, true);
  say(`cleared a dead mount at ${mountpoint}`);
}

/**
 * Whether what is mounted at `mountpoint` answers. Another process asks, for whoever asks a stuck mount is stuck too.
 */
export function answerOf(mountpoint: string): Promise<"alive" | "dead" | "stuck"> {
  return new Promise((settle) => {
    const child = spawn("stat", ["-f", "--", mountpoint], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
      detached: true,
    });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words += text;
    });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      child.stderr.destroy();
      child.unref();
      settle("stuck");
    }, answer_ms);
    const end = (): void => {
      clearTimeout(timer);
      settle(/not connected|connection aborted/i.test(words) ? "dead" : "alive");
    };
    child.on("error", end);
    child.on("close", end);
  });
}

/** Whether `base` is a URL of whatever kind. Else it is a path, which may have colons in it too. */
export function isUrl(base: string): boolean {
  return isRemote(base) || isFileUrl(base) || /^[a-z][a-z0-9+.-]*:\/\//i.test(base);
}

function isFileUrl(base: string): boolean {
  return /^file:/i.test(base);
}

async function localBase(base: string): Promise<string | undefined> {
  if (isUrl(base) && !isFileUrl(base)) return undefined;
  const path = isFileUrl(base) ? pathOfFileUrl(base) : base;
  try {
    return await realpath(path);
  } catch (error) {
    const reason =
      "the base must be a directory that exists, or a URL that begins with http:// or https://";
    throw unusable(error, path, reason);
  }
}

function pathOfFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const reason = "a file: URL names an absolute path, as in file:///srv/site";
    throw new FsError("EINVAL", { syscall: "mount", path: url, reason, cause });
  }
}

/** `path` without symlinks as far as it exists. */
async function withoutSymlinks(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" || absolute === "/") {
      throw unusable(error, path, "the storage's directory cannot be reached");
    }
    return join(await withoutSymlinks(dirname(absolute)), basename(absolute));
  }
}

function isInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

function unusable(error: unknown, path: string, reason: string): Error {
  if (error instanceof FsError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (!isErrorCode(code)) return error as Error;
  return new FsError(code, { syscall: "mount", path, reason, cause: error });
}
