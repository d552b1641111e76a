/** The rows of the mount benchmark: what is done in a fresh mount, and which sample it gives. */
import { join } from "node:path";
import { Cannot, expectRight } from "../measure.ts";
import type { Places } from "./contenders.ts";
import { type Ground, hugeBytes, largeBytes, manyFiles, walkFiles } from "./ground.ts";
import { execute, type Prefix } from "./programs.ts";

/** Where a row does its work. */
export interface Scene {
  readonly ground: Ground;
  readonly places: Places;
  readonly prefix: Prefix;
}

/** What a row promises: so many times as good as each of the two. */
export interface Promised {
  /** Of whom it is promised, if not of the defaults. */
  readonly by?: "fast";
  readonly kernel?: number;
  readonly fuseOverlayfs?: number;
  /** What a reader should know when it is missed. */
  readonly because?: string;
}

/** One row. */
export interface MountRow {
  readonly what: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** Samples unless asked otherwise. */
  readonly rounds: number;
  readonly promised: Promised;
  sample(scene: Scene): Promise<number>;
}

const mebibyte = 1 << 20;

/** What is written in small pieces: one request each, unless they are gathered. */
const piecesBytes = 16 * mebibyte;

/** Why a promise may be missed: what was found to be the cause. */
const causes = {
  none: "no request is made by either: the kernel answers alone, and all are as fast as each other",
  roundTrip:
    "each name is one request whatever is done: reading it, waking the asker and waiting for the next is most of it, and Node adds about 3 µs to each",
  create:
    "seven requests a file, of which the kernel makes three for its own rules (test/node/fuse/requests.mount.test.ts); much of the rest is code that is not compiled yet, and V8's compiler on the same CPU",
  list: "Node takes 16 µs a name: lstat with nanoseconds, a number by SHA-256, an inode and its reply; most of it is run once, before it is compiled",
  read: "every byte is copied by read and write where fuse-overlayfs splices; passthrough is not built",
  write:
    "each MiB is a request and copied twice; it is made safe beside, and a second commit waits for the first, which a slow disk shows",
  work: "it is made of the requests of the rows above; what was written is also stored durably meanwhile",
} as const;

const small: readonly MountRow[] = [
  {
    ...rate("stat, warm", { kernel: 0.8, fuseOverlayfs: 1.5, because: causes.none }),
    sample: ({ ground, places }) =>
      ground.rate("stat", join(places.mountpoint, "walk"), walkFiles, 100),
  },
  {
    ...rate("open, read and close, warm", { by: "fast", kernel: 0.8, fuseOverlayfs: 1.5 }),
    sample: ({ ground, places }) =>
      ground.rate("open-read", join(places.mountpoint, "walk"), walkFiles, 20),
  },
  {
    ...rate("names that are not there", {
      kernel: 0.5,
      fuseOverlayfs: 1.5,
      because: causes.roundTrip,
    }),
    sample: ({ ground, places }) =>
      ground.rate("absent", join(places.mountpoint, "walk"), 20_000, "absent"),
  },
  {
    ...rate("the same names again", { kernel: 0.9, fuseOverlayfs: 1.5, because: causes.none }),
    sample: async ({ ground, places }) => {
      const walk = join(places.mountpoint, "walk");
      await ground.time("absent", walk, 20_000, "absent");
      return await ground.rate("absent", walk, 20_000, "absent");
    },
  },
  {
    ...rate("create, write 4 KiB", { kernel: 0.5, fuseOverlayfs: 2, because: causes.create }),
    sample: ({ ground, places }) => ground.rate("create", join(places.mountpoint, "empty"), 5000),
  },
  {
    ...rate(`ls -l of ${manyFiles.toLocaleString("en-US")}, cold`, {
      kernel: 1,
      fuseOverlayfs: 3,
      because: causes.list,
    }),
    sample: async ({ ground, places }) => {
      const { operations, ns } = await ground.time("list", join(places.mountpoint, "many"));
      expectRight(operations === manyFiles, `${operations} names listed`);
      return operations / (ns / 1e9);
    },
  },
];

const large: readonly MountRow[] = [
  {
    ...throughput("sequential read, from the disk", {
      kernel: 0.9,
      fuseOverlayfs: 1,
      because: causes.read,
    }),
    sample: async ({ ground, places }) => {
      await ground.time("evict", ground.file("large"));
      return await readThrough(ground, places);
    },
  },
  {
    ...throughput("sequential read, base in memory", {}),
    sample: async ({ ground, places }) => {
      await ground.time("read", ground.file("large"));
      return await readThrough(ground, places);
    },
  },
  {
    ...throughput("the same read again", {}),
    sample: async ({ ground, places }) => {
      ground.file("large");
      await readThrough(ground, places);
      return await readThrough(ground, places);
    },
  },
  {
    ...throughput("sequential write, buffered", {
      kernel: 0.15,
      fuseOverlayfs: 1,
      because: causes.write,
    }),
    sample: async ({ ground, places }) => {
      const path = join(places.mountpoint, "empty", "written");
      return (await ground.rate("write", path, largeBytes)) / mebibyte;
    },
  },
  {
    ...throughput("sequential write, in pieces of 512 bytes", {}),
    sample: async ({ ground, places }) => {
      const path = join(places.mountpoint, "empty", "written");
      return (await ground.rate("write-small", path, piecesBytes)) / mebibyte;
    },
  },
  {
    ...rate("random reads of 4 KiB", {}),
    sample: async ({ ground, places }) => {
      await ground.time("read", ground.file("large"));
      return await ground.rate("read-random", join(places.mountpoint, "large"), 20_000);
    },
  },
  {
    what: "1 byte into 1 GiB: stored",
    unit: "bytes",
    better: "less",
    rounds: 1,
    promised: { kernel: 1000, fuseOverlayfs: 1000 },
    sample: async (scene) => {
      const before = await storedBytes(scene.places);
      await writeOneByte(scene);
      return (await storedBytes(scene.places)) - before;
    },
  },
  {
    what: "1 byte into 1 GiB: time",
    unit: "ms",
    better: "less",
    rounds: 1,
    promised: {},
    sample: async (scene) => (await writeOneByte(scene)) / 1e6,
  },
  {
    what: "rename a directory of 10,000",
    unit: "ms",
    better: "less",
    rounds: 3,
    promised: {},
    sample: async ({ ground, places }) => {
      const { mountpoint } = places;
      const to = join(mountpoint, "renamed");
      const { error, ns } = await ground.time("rename", join(mountpoint, "many"), to);
      if (error) throw new Cannot(error);
      return ns / 1e6;
    },
  },
];

const workloads: readonly MountRow[] = [
  workload("git clone of 1,000 files", async ({ ground, places }) => {
    ground.needRepository();
    return ["git", "clone", "-q", ground.repository, join(places.mountpoint, "empty", "clone")];
  }),
  workload("npm ci of 7 packages", async ({ ground, places }) => {
    ground.needProject();
    const quiet = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const project = join(places.mountpoint, "project");
    return ["npm", "ci", ...quiet, "--cache", ground.npmCache, "--prefix", project];
  }),
  workload("tar x of 5,000 files", async ({ ground, places }) => {
    ground.needArchive();
    return ["tar", "-xf", ground.archive, "-C", join(places.mountpoint, "empty")];
  }),
  workload("make -j2 of 60 C files", async ({ ground, places }) => {
    ground.needSources();
    return ["make", "-s", "-j2", "-C", join(places.mountpoint, "program")];
  }),
];

export const mountRows: readonly MountRow[] = [...small, ...large, ...workloads];

type Frame = Pick<MountRow, "what" | "unit" | "better" | "rounds" | "promised">;

function rate(what: string, promised: Promised): Frame {
  return { what, unit: "/s", better: "more", rounds: 5, promised };
}

function throughput(what: string, promised: Promised): Frame {
  return { what, unit: "MiB/s", better: "more", rounds: 3, promised };
}

function workload(what: string, command: (scene: Scene) => Promise<readonly string[]>): MountRow {
  return {
    what,
    unit: "s",
    better: "less",
    rounds: 3,
    promised: { kernel: 0.5, fuseOverlayfs: 1, because: causes.work },
    sample: async (scene) => {
      const words = await command(scene);
      const start_ms = performance.now();
      await execute([...scene.prefix, ...words], scene.ground.directory);
      return (performance.now() - start_ms) / 1000;
    },
  };
}

async function readThrough(ground: Ground, { mountpoint }: Places): Promise<number> {
  const { operations, ns } = await ground.time("read", join(mountpoint, "large"));
  expectRight(operations === largeBytes, `${operations} bytes read`);
  return operations / mebibyte / (ns / 1e9);
}

/** Writes one byte into the middle of the largest file, durably; returns the nanoseconds it took. */
async function writeOneByte({ ground, places }: Scene): Promise<number> {
  ground.file("huge");
  const { ns } = await ground.time("poke", join(places.mountpoint, "huge"), hugeBytes / 2 + 5);
  return ns;
}

/** What the changes take on the disk. */
async function storedBytes({ upper }: Places): Promise<number> {
  const [kibibytes] = (await execute(["du", "-sk", "--", upper])).split("\t");
  return Number(kibibytes) * 1024;
}
