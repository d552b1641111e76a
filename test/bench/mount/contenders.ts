/** Who takes part in the mount benchmark: how each lays a writable layer over the base, and takes it away again. */
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../peers.ts";
import { execute, type Prefix } from "./programs.ts";

/** Places of one mount. */
export interface Places {
  readonly base: string;
  readonly mountpoint: string;
  /** Where the changes go. */
  readonly upper: string;
  /** Where overlayfs prepares them. */
  readonly work: string;
}

/** One who can be mounted. */
export interface Mounter {
  readonly name: string;
  readonly remark: string;
  /** Debian packages it needs. */
  readonly packages: readonly string[];
  mount(places: Places): readonly string[];
  unmount(places: Places): readonly string[];
}

const minifoProgram = join(projectRoot, "bin/minifo.js");
const umount = ({ mountpoint }: Places): string[] => ["umount", mountpoint];

function minifo(name: string, remark: string, ...options: readonly string[]): Mounter {
  return {
    name,
    remark,
    packages: [],
    mount: ({ base, mountpoint, upper }) => [
      ...[process.execPath, minifoProgram, "mount", base, mountpoint],
      ...["--storage", upper, ...options],
    ],
    unmount: ({ mountpoint }) => [process.execPath, minifoProgram, "umount", mountpoint],
  };
}

/** The columns, the first of which the others are compared to. */
export const mounters = {
  kernel: {
    name: "overlayfs",
    remark: "the kernel's own, defaults",
    packages: [],
    mount: ({ base, mountpoint, upper, work }) => [
      ...["mount", "-t", "overlay", "overlay"],
      ...["-o", `lowerdir=${base},upperdir=${upper},workdir=${work}`, mountpoint],
    ],
    unmount: umount,
  },
  minifo: minifo("minifo", "defaults, over a local directory"),
  fast: minifo(
    "minifo -o stable,noopen",
    "the base does not change, as all the others expect; the kernel opens files alone",
    ...["-o", "stable,noopen"],
  ),
  writeback: minifo(
    "minifo -o writeback",
    "the kernel gathers what is written; what is not closed dies with the process",
    ...["-o", "writeback"],
  ),
  fuseOverlayfs: {
    name: "fuse-overlayfs",
    remark: "Debian's, defaults",
    packages: ["fuse-overlayfs"],
    mount: ({ base, mountpoint, upper, work }) => [
      ...["fuse-overlayfs", "-o", `lowerdir=${base},upperdir=${upper},workdir=${work}`, mountpoint],
    ],
    unmount: umount,
  },
  unionfs: {
    name: "unionfs-fuse",
    remark: "Debian's, with cow",
    packages: ["unionfs-fuse"],
    mount: ({ base, mountpoint, upper }) => [
      ...["unionfs-fuse", "-o", "cow,allow_other", `${upper}=RW:${base}=RO`, mountpoint],
    ],
    unmount: umount,
  },
  native: minifo("fuse-native", "minifo's second driver", "--driver", "fuse-native"),
} satisfies Record<string, Mounter>;

/**
 * Mounts anew below `directory`, does `work`, and unmounts. The files stay until `directory` is removed: for half a minute
 * ext4 looks at each inode that was freed lately before it makes a new one, so a cleared place would slow down whoever
 * makes files in the next, ten times and more.
 */
export async function whileMounted<T>(
  mounter: Mounter,
  { base, directory, prefix }: { base: string; directory: string; prefix: Prefix },
  work: (places: Places) => Promise<T>,
): Promise<T> {
  const place = mkdtempSync(join(directory, "mount-"));
  const places: Places = {
    base,
    mountpoint: join(place, "mnt"),
    upper: join(place, "upper"),
    work: join(place, "work"),
  };
  for (const path of [places.mountpoint, places.upper, places.work]) {
    mkdirSync(path, { recursive: true });
  }
  try {
    await execute([...prefix, ...mounter.mount(places)]);
    return await work(places);
  } finally {
    await execute([...prefix, ...mounter.unmount(places)]).catch(() => {
      // It may never have been mounted, or be busy: what is left is taken away below, and told by the work's own error.
    });
    while (isMounted(places.mountpoint)) await execute(["umount", "-l", places.mountpoint]);
  }
}

function isMounted(mountpoint: string): boolean {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.some((line) => line.split(" ")[4] === mountpoint);
}
