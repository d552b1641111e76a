/**
 * The second driver: libfuse by way of fuse-native, for where /dev/fuse cannot be spoken to directly. It works by path,
 * on the main thread, over the same adapter. What it loses lies in that package's C code and cannot be helped from
 * here: `nativeLosses` says what, and the user is told.
 */
import { type Fetcher, type Operation, run } from "../../src/index.ts";
import { networkFetcher } from "../base/network.ts";
import { callMethod, ownerMethods } from "../control/methods.ts";
import { isMounted, mountAt } from "../mount/mount-table.ts";
import type { Mounted, MountOutcome } from "../mount/mounted.ts";
import { abortConnection } from "./device.ts";
import type { MountEvents } from "./kernel-mount.ts";
import type { MountSetup } from "./messages.ts";
import { MountedOverlay } from "./mounted-overlay.ts";
import { nativeOperations } from "./native-operations.ts";

/** What this driver loses, as a sentence without a full stop. */
const nativeLosses =
  "the driver fuse-native sets mtime to atime, rounds times to milliseconds and has none before 1970, has inode " +
  "numbers of its own (hard links look like two files), knows no RENAME_NOREPLACE and EXCHANGE, no fallocate and " +
  "not who the caller is, shows unlinked open files as .fuse_hidden, and writes 4 KiB at a time";

/** How often it is looked whether something waits for a commit, in ms. */
const tick_ms = 250;

/** How often it is looked whether the mount is still there, which nobody tells this driver, in ms. */
const look_ms = 50;

/**
 * Opens storage and base, and mounts.
 * @throws Error fuse-native or libfuse is not installed, with what to install; nothing is mounted
 * @throws EBUSY, EINVAL, EIO … storage or base cannot be opened; nothing is mounted
 */
export async function mountByFuseNative(
  setup: MountSetup,
  flags: readonly string[],
  events: MountEvents,
): Promise<Mounted> {
  const Fuse = await loadFuseNative();
  let fetcher: Fetcher | undefined;
  const mounted = await run(
    MountedOverlay.open(setup, () => {
      fetcher ??= networkFetcher(setup.cache, events.complain);
      return fetcher;
    }),
  );
  // The package has no option for the kernel's words; they go behind the name, where options are joined by commas.
  const words = flags.filter((flag) => flag !== "allow_other");
  const fsname = [setup.base.replaceAll(/[\\,]/g, "\\$&"), ...words].join(",");
  const fuse = new Fuse(setup.mountpoint, nativeOperations(mounted.adapter, setup.owner), {
    timeout: false,
    allowOther: words.length < flags.length,
    defaultPermissions: true,
    subtype: "minifo",
    fsname,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      fuse.mount((error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    await new Promise((resolve) => mounted.close(resolve));
    throw error;
  }
  events.complain(nativeLosses);
  return new NativeMount(setup, mounted, events);
}

class NativeMount implements Mounted {
  readonly deviceNumber: string;
  readonly ended: Promise<MountOutcome>;
  readonly #mounted: MountedOverlay;

  constructor(setup: MountSetup, mounted: MountedOverlay, events: MountEvents) {
    this.#mounted = mounted;
    this.deviceNumber = mountAt(setup.mountpoint)?.device ?? "";
    const ticking = setInterval(() => mounted.commitPending(events.complain), tick_ms);
    this.ended = new Promise((resolve) => {
      const looking = setInterval(() => {
        if (isMounted(this.deviceNumber)) return;
        clearInterval(looking);
        clearInterval(ticking);
        mounted.close((failure) => resolve(failure ? { error: failure.error as Error } : {}));
      }, look_ms);
    });
  }

  call(method: string, params: unknown): Promise<unknown> {
    const { overlay } = this.#mounted;
    const value = function* (): Operation<unknown> {
      return (yield* callMethod(ownerMethods, overlay, method, params)).value;
    };
    // The kernel's caches are valid for a second here: nothing has to be taken from them.
    return run(value());
  }

  wakeThrough(): void {
    // Nothing has to be woken: requests come as events.
  }

  async abort(): Promise<void> {
    await abortConnection(Number(this.deviceNumber.split(":")[1]));
  }
}

async function loadFuseNative() {
  try {
    return (await import("fuse-native")).default;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    const remedy = missing
      ? "the package fuse-native is not installed; npm install fuse-native"
      : "libfuse.so.2 is missing or does not fit; on Debian: apt-get install libfuse2";
    throw new Error(`the driver fuse-native cannot be used: ${remedy}`, { cause: error });
  }
}
