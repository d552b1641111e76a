/**
 * Everything that can go wrong on the way from a server, at random, while a tree is read through each base over HTTP:
 * what is read is right or a clean error, nothing hangs, and all of it can be read again once the faults are over.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import { packTree } from "../../node/base/packing.ts";
import {
  type Base,
  type Fetcher,
  FsError,
  httpFetcher,
  type MemoryEntry,
  type Operation,
  openListingBase,
  openManifestBase,
  openTarBase,
  openZipBase,
  run,
} from "../../src/index.ts";
import { temporaryDirectory, treeOnDisk } from "../node/base/tree-on-disk.ts";
import { bytesOf } from "./contract.ts";
import { FakeClock } from "./fake-clock.ts";
import { faults, undetectable } from "./faults.ts";
import { type ListingManner, type SiteServer, siteServer } from "./site-server.ts";
import { tarOf } from "./tar-archive.ts";
import { zipOfTree } from "./zip-of-tree.ts";

/** Reads of each base under faults; more of them with the environment variable. */
const reads = Number(process.env.MINIFO_FAULT_READS ?? 60);
const seed = Number(process.env.MINIFO_SEED ?? Date.now() % 1_000_000);

/** Numbers that follow from `from` alone (a linear congruence of 32 bits). */
function drawing(from: number): (limit: number) => number {
  let state = from >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const mtime = (seconds: number) => ({ seconds, nanoseconds: 0 });

/** The tree in one of two versions, which differ in every byte. */
function treeOf(version: number): Map<string, MemoryEntry> {
  const bytes = (length: number) =>
    Uint8Array.from({ length }, (_, at) => ((at * 7 + (at >> 8)) & 0x7f) | (version << 7));
  const time = mtime(1_000_000_000 + version * 1000);
  const sizes = { "small 1": 100, small2: 5000, "d/third#": 70_000, "d/e/large": 2_200_000 };
  return new Map<string, MemoryEntry>([
    ["d", { type: "directory", mtime: mtime(5) }],
    ["d/e", { type: "directory", mtime: mtime(5) }],
    ...Object.entries(sizes).map(([path, size]): [string, MemoryEntry] => [
      path,
      { content: bytes(size + version), mtime: time },
    ]),
  ]);
}

const trees = [treeOf(0), treeOf(1)];
const paths = [...treeOf(0)].filter(([, { type }]) => type === undefined).map(([path]) => path);

/** A kind of base over HTTP, and how its server comes to hold the tree. */
interface Subject {
  readonly name: string;
  readonly listing?: ListingManner;
  /** What the server has when the tree is of `version`. */
  readonly files: (version: number) => Map<string, MemoryEntry>;
  readonly open: (url: string, fetcher: Fetcher, clock: FakeClock) => Operation<Base>;
  /** Every byte is held to a checksum. */
  readonly isVerified: boolean;
}

async function withManifest(): Promise<Map<string, MemoryEntry>> {
  const tree = treeOf(0);
  const root = treeOnDisk(tree);
  await indexTree(root);
  const content = readFileSync(join(root, "minifo.json"));
  return new Map([...tree, ["minifo.json", { content: new Uint8Array(content) }]]);
}

async function packed(version: number): Promise<Map<string, MemoryEntry>> {
  const out = temporaryDirectory();
  await packTree(treeOnDisk(treeOf(version)), out);
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const place = join(parentPath, name);
      return [relative(out, place), { content: new Uint8Array(readFileSync(place)) }];
    }),
  );
}

const indexed = await withManifest();
const images = [await packed(0), await packed(1)];
const tars = [0, 1].map((version) => tarOf(treeOnDisk(treeOf(version))));

const subjects: readonly Subject[] = [
  {
    name: "a site with a manifest",
    files: (version) => (version === 0 ? indexed : new Map([...indexed, ...treeOf(1)])),
    open: (url, fetcher) => openManifestBase({ url, fetcher }),
    isVerified: true,
  },
  {
    name: "a packed image",
    files: (version) => images[version] as Map<string, MemoryEntry>,
    open: (url, fetcher) => openManifestBase({ url, fetcher, cacheBytes: 100_000 }),
    isVerified: true,
  },
  {
    name: "a zip",
    files: (version) =>
      new Map([["t.zip", { content: zipOfTree(treeOf(version)), mtime: mtime(1000 + version) }]]),
    open: (url, fetcher) => openZipBase({ url: `${url}t.zip`, fetcher, cacheBytes: 100_000 }),
    isVerified: false,
  },
  {
    name: "a tar",
    files: (version) =>
      new Map([["t.tar", { content: tars[version] as Uint8Array, mtime: mtime(1000 + version) }]]),
    open: (url, fetcher) => openTarBase({ url: `${url}t.tar`, fetcher, cacheBytes: 100_000 }),
    isVerified: false,
  },
  ...(["nginx-json", "python"] as const).map(
    (listing): Subject => ({
      name: `a listing in the manner of ${listing}`,
      listing,
      files: treeOf,
      open: (url, fetcher, clock) => openListingBase({ url, fetcher, clock, cacheBytes: 100_000 }),
      isVerified: false,
    }),
  ),
];

async function readAll(base: Base, path: string): Promise<Uint8Array> {
  const node = await run(base.lookup(path));
  if (!node) throw new FsError("ENOENT", { path });
  if (node.type !== "file") throw new Error(`'${path}' became a ${node.type}`);
  const into = new Uint8Array(node.size);
  const length = await run(base.read(node, 0, into));
  return into.subarray(0, length);
}

/** Which version of `path` these bytes are, whole; undefined if they are none. */
function versionOf(path: string, bytes: Uint8Array): number | undefined {
  for (const [version, tree] of trees.entries()) {
    if (Buffer.compare(bytes, bytesOf(tree.get(path) as MemoryEntry)) === 0) return version;
  }
  return undefined;
}

/** What a base may say when a read fails: never a defect of ours. */
function expectCleanError(error: unknown): void {
  if (!(error instanceof FsError)) throw error;
  expect(["EIO", "ESTALE", "ENOENT", "EACCES"]).toContain(error.code);
  expect(error.reason ?? error.code).not.toBe("");
}

describe.each(subjects)("$name under faults", ({ listing, files, open, isVerified }) => {
  const start = async (): Promise<{ server: SiteServer; clock: FakeClock; base: Base }> => {
    const server = await siteServer(files(0), listing && { listing });
    const clock = new FakeClock();
    const fetcher = httpFetcher({ clock });
    onTestFinished(() => fetcher.close());
    return { server, clock, base: await run(open(server.url, fetcher, clock)) };
  };

  const readsAgain = async (server: SiteServer, clock: FakeClock, base: Base): Promise<void> => {
    server.spoil = undefined;
    clock.time_ms += 60_000;
    for (const path of paths) expect(versionOf(path, await readAll(base, path)), path).toBe(0);
  };

  const possible = Object.entries(faults).filter(
    ([name]) => isVerified || !undetectable.includes(name),
  );

  test.each(possible)(
    "gives right bytes or a clean error over %s at every answer",
    async (_, fault) => {
      const { server, clock, base } = await start();
      const draw = drawing(1);
      server.spoil = (answer) => {
        fault({ ...answer, clock, draw });
        return true;
      };
      for (const path of ["small 1", "d/e/large"]) {
        try {
          expect(versionOf(path, await readAll(base, path))).toBe(0);
        } catch (error) {
          expectCleanError(error);
        }
      }
      await readsAgain(server, clock, base);
    },
  );

  test(`${reads} reads at random (MINIFO_SEED=${seed})`, async () => {
    const { server, clock, base } = await start();
    const draw = drawing(seed);
    server.spoil = (answer) => {
      const fault = possible[draw(possible.length * 2)]?.[1];
      fault?.({ ...answer, clock, draw });
      return fault !== undefined;
    };
    let right = 0;
    let at = 0;
    const reader = async (): Promise<void> => {
      while (at < reads) {
        at += 1;
        const path = paths[draw(paths.length)] as string;
        if (draw(12) === 0) {
          const version = draw(2);
          for (const [name, entry] of files(version)) server.files.set(name, entry);
        }
        if (draw(4) === 0) clock.time_ms += 20_000;
        try {
          const version = versionOf(path, await readAll(base, path));
          expect(version, `${path} is of no version`).toBeDefined();
          if (isVerified) expect(version).toBe(0);
          right += 1;
        } catch (error) {
          expectCleanError(error);
        }
      }
    };
    await Promise.all([reader(), reader(), reader()]);
    expect(right).toBeGreaterThan(0);
    for (const [name, entry] of files(0)) server.files.set(name, entry);
    await readsAgain(server, clock, base);
  });

  test("does not open, or opens rightly, under faults", async () => {
    const server = await siteServer(files(0), listing && { listing });
    for (const [, fault] of possible) {
      const clock = new FakeClock();
      const draw = drawing(2);
      server.spoil = (answer) => {
        fault({ ...answer, clock, draw });
        return true;
      };
      const fetcher = httpFetcher({ clock });
      onTestFinished(() => fetcher.close());
      try {
        const base = await run(open(server.url, fetcher, clock));
        await readsAgain(server, clock, base);
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        expect(["EIO", "EPROTO", "ENOENT", "ESTALE"]).toContain(error.code);
      }
    }
  });
});
