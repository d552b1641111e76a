/**
 * What a large image costs, counted: every row that does not depend on a machine. The tree is made up; a count of
 * entries may be given in MINIFO_ENTRIES.
 */
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Base,
  type BaseNode,
  type ManifestEntry,
  openManifestBase,
  parentOfBasePath,
  run,
  type WalkingBase,
  writeManifest,
} from "../../src/index.ts";
import { CountingSite, largeTree } from "./large-tree.ts";

const count = Number(process.env.MINIFO_ENTRIES ?? 100_000);
const KiB = 1024;

function publish(tree: readonly ManifestEntry[], site: CountingSite, generation = 1): string {
  const totals = { omitted: 0, layout: "packed", put: site.put, generation } as const;
  const text = writeManifest(tree, totals);
  site.files.set("minifo.json", Buffer.from(text));
  return text;
}

function open(site: CountingSite): Promise<Base & WalkingBase> {
  return run(openManifestBase({ url: site.url, fetcher: site }));
}

describe(`an image of ${count} entries`, () => {
  let tree: ManifestEntry[];
  let deep: ManifestEntry;
  const site = new CountingSite();

  beforeAll(() => {
    tree = largeTree(count);
    publish(tree, site);
    const depthOf = ({ path }: ManifestEntry): number => path.split("/").length;
    const files = tree.filter((entry) => entry.type === "file" && depthOf(entry) === 6);
    deep = files[files.length >> 1] as ManifestEntry;
  });

  beforeEach(() => site.reset());

  test("opens with one request of 64 KiB at most, and its root needs no other", async () => {
    const base = await open(site);
    await run(base.lookup(""));
    expect(site.asked).toEqual(["minifo.json"]);
    expect(site.bytes).toBeLessThan(64 * KiB);
  });

  test("takes 10 MB of memory at most to open", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const held = (): number => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    const base = await open(site);
    expect(held() - before).toBeLessThan(10 * 1024 * KiB);
    expect(await run(base.lookup(""))).not.toBeNull();
  });

  test("lists its root with one request of 40 KiB at most", async () => {
    const base = await open(site);
    site.reset();
    const inRoot = tree.filter(({ path }) => parentOfBasePath(path) === "");
    expect((await run(base.list(""))).length).toBe(inRoot.length);
    expect(site.asked.length).toBe(1);
    expect(site.bytes).toBeLessThan(40 * KiB);
  });

  test("tells of a file six levels deep in one round trip of 6 requests and 128 KiB at most", async () => {
    const base = await open(site);
    site.reset();
    const held: (() => void)[] = [];
    site.held = held;
    const walking = run(base.walk(deep.path));
    // All that is needed was asked for before the first answer.
    const asked = site.asked.length;
    site.held = undefined;
    for (const answer of held) answer();
    const way = await walking;
    expect(way.map(({ path }) => path).at(-1)).toBe(deep.path);
    expect(way.length).toBe(6);
    expect(site.asked.length).toBe(asked);
    expect(asked).toBeLessThanOrEqual(6);
    expect(site.bytes).toBeLessThan(128 * KiB);
    expect(await run(base.lookup(deep.path))).toMatchObject({ type: "file" });
    expect(site.asked.length).toBe(asked);
  });

  test("looked up name by name, as a kernel does, takes no more", async () => {
    const base = await open(site);
    site.reset();
    const names = deep.path.split("/");
    for (let depth = 1; depth <= names.length; depth += 1) {
      expect(await run(base.lookup(names.slice(0, depth).join("/")))).not.toBeNull();
    }
    expect(site.asked.length).toBeLessThanOrEqual(6);
    expect(site.bytes).toBeLessThan(128 * KiB);
  });

  test("says that something is not there without a request, below a loaded leaf", async () => {
    const base = await open(site);
    await run(base.lookup(deep.path));
    site.reset();
    const parent = parentOfBasePath(deep.path);
    expect(await run(base.lookup(`${parent}/${deep.path.slice(-3)}`))).toBeNull();
    expect(await run(base.lookup(`${deep.path}/below`))).toBeNull();
    expect(site.asked).toEqual([]);
  });

  test(`is walked whole with ${count / 1667} requests and ${count * 10.5} bytes at most`, async () => {
    const base = await open(site);
    const found: BaseNode[] = [];
    const ahead = [""];
    for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
      const subdirectories: string[] = [];
      for (const { node } of await run(base.list(path))) {
        found.push(node);
        if (node.type === "directory") subdirectories.push(node.path);
      }
      ahead.push(...subdirectories.reverse());
    }
    expect(found.length).toBe(tree.length - 1);
    expect(site.asked.length).toBeLessThanOrEqual(count / 1667);
    expect(site.bytes).toBeLessThan(count * 10.5);
    expect(new Set(site.asked).size).toBe(site.asked.length);
    const expected = new Map(tree.map((entry) => [entry.path, entry]));
    for (const { path, type, size, mtime } of found) {
      const entry = expected.get(path);
      if (entry?.type !== type) throw new Error(`'${path}' is a ${type}`);
      if (entry.type === "file" && entry.size !== size) throw new Error(`'${path}' has ${size}`);
      if (entry.mtime.seconds !== mtime.seconds) throw new Error(`'${path}' has another time`);
    }
  });

  test("is the same bytes again, in whatever order its objects come", () => {
    const again = new CountingSite();
    publish([...tree].reverse(), again);
    expect([...again.files.keys()].sort()).toEqual([...site.files.keys()].sort());
  });

  test("that changes in one file changes one leaf and the pointer", () => {
    const changed = new CountingSite();
    const resized = { ...deep, size: 12_345, mtime: { seconds: 1_700_000_001, nanoseconds: 7 } };
    publish(
      tree.map((entry) => (entry === deep ? (resized as ManifestEntry) : entry)),
      changed,
    );
    const added = [...changed.files.keys()].filter((path) => !site.files.has(path));
    expect(added.length).toBe(1);
    expect(changed.files.size).toBe(site.files.size);
  });

  test.each(["a-new-file", "zz-a-new-file"])("that gains %s changes two leaves at most", (name) => {
    const grown = new CountingSite();
    const added = { ...deep, path: `${parentOfBasePath(deep.path)}/${name}` } as ManifestEntry;
    publish([...tree, added], grown);
    expect([...grown.files.keys()].filter((path) => !site.files.has(path)).length).toBeLessThan(3);
  });
});

test("a site of 1,000 entries opens with one request of 80 KiB at most, and asks for no metadata ever after", async () => {
  const site = new CountingSite();
  const tree = largeTree(1000).map((entry): ManifestEntry => {
    if (entry.type !== "file" || !("sum" in entry)) return entry;
    const { path, type, mode, mtime, size } = entry;
    const sha256 = createHash("sha256").update(path).digest();
    return { path, type, mode, mtime, size, sha256 };
  });
  const totals = { omitted: 0, layout: "tree", put: site.put } as const;
  site.files.set("minifo.json", Buffer.from(writeManifest(tree, totals)));
  const base = await open(site);
  for (const { path, type } of tree) {
    expect(await run(base.lookup(path))).toMatchObject({ type });
    expect(await run(base.lookup(`${path}/none`))).toBeNull();
    if (type === "directory") await run(base.list(path));
  }
  expect(site.asked).toEqual(["minifo.json"]);
  expect(site.bytes).toBeLessThanOrEqual(80 * KiB);
});

describe("an image with a huge directory", () => {
  const time = { seconds: 1_700_000_000, nanoseconds: 0 };
  const site = new CountingSite();
  const inside = Array.from(
    { length: 30_000 },
    (_, at) => `huge/file-${String(at).padStart(6, "0")}`,
  );

  beforeAll(() => {
    const files = inside.map(
      (path): ManifestEntry => ({
        path,
        type: "file",
        mode: 0o644,
        mtime: time,
        size: 0,
        sum: "AAAAAA",
        content: undefined,
      }),
    );
    const directories = ["", "huge", "huge/sub", "huger", "i"].map(
      (path): ManifestEntry => ({ path, type: "directory", mode: 0o755, mtime: time }),
    );
    publish([...directories, ...files], site);
  });

  test("splits it over leaves, and lists and finds all that is in it", async () => {
    const base = await open(site);
    expect(site.files.size).toBeGreaterThan(4);
    expect((await run(base.list("huge"))).map(({ node }) => node.path)).toEqual([
      ...inside,
      "huge/sub",
    ]);
    expect(await run(base.list("huge/sub"))).toEqual([]);
    for (const at of [0, 1, 10_000, 29_999]) {
      const path = inside[at] as string;
      expect(await run(base.lookup(path))).toMatchObject({ path, type: "file" });
      expect(await run(base.lookup(`${path}x`))).toBeNull();
    }
    expect(await run(base.lookup("huge"))).toMatchObject({ type: "directory", nlink: 3 });
    expect(await run(base.lookup("huger"))).toMatchObject({ type: "directory", nlink: 2 });
    expect(await run(base.lookup("i"))).toMatchObject({ type: "directory" });
  });

  test("finds one name in it with one request", async () => {
    const base = await open(site);
    site.reset();
    expect(await run(base.lookup(inside[20_000] as string))).not.toBeNull();
    expect(site.asked.length).toBe(1);
  });
});

test("an index of more leaves than one list holds lies under pages, and is found through them", async () => {
  const time = { seconds: 1_700_000_000, nanoseconds: 0 };
  const long = "x".repeat(200);
  const tree: ManifestEntry[] = [{ path: "", type: "directory", mode: 0o755, mtime: time }];
  for (let at = 0; at < 700; at += 1) {
    const path = `${String(at).padStart(4, "0")}-${long}`;
    tree.push({ path, type: "directory", mode: 0o755, mtime: time });
    for (let one = 0; one < 180; one += 1) {
      const name = `${path}/${String(one).padStart(4, "0")}-${long}-${long.slice(40)}`;
      tree.push({
        path: name.slice(0, 400),
        type: "symlink",
        mode: 0o777,
        mtime: time,
        target: `${at}${long.repeat(4)}`,
      });
    }
  }
  const site = new CountingSite();
  const text = publish(tree, site);
  expect(JSON.parse(text).index.pages).toBeDefined();
  expect(text.length).toBeLessThan(64 * KiB);
  const base = await open(site);
  site.reset();
  const last = tree.at(-1) as ManifestEntry;
  expect(await run(base.lookup(last.path))).toMatchObject({ type: "symlink" });
  expect(site.asked.length).toBe(2);
  expect((await run(base.list(""))).length).toBe(700);
  expect((await run(base.list(parentOfBasePath(last.path) as string))).length).toBe(180);
});
