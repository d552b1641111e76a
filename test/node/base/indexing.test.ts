import { once } from "node:events";
import {
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { indexTree, manifestOf as manifestInMemory } from "../../../node/base/indexing.ts";
import { networkFetcher } from "../../../node/base/network.ts";
import { serveDirectory } from "../../../node/static-server.ts";
import { openManifestBase, run } from "../../../src/index.ts";
import { treeOnDisk } from "./tree-on-disk.ts";

function manifestOf(root: string): string {
  return readFileSync(join(root, "minifo.json"), "utf8");
}

describe("indexing a directory", () => {
  test("writes the same bytes again, and leaves no other trace", async () => {
    const root = treeOnDisk({ a: "a", "sub/b": "b", "sub/c": { content: "c", mode: 0o600 } });
    const mtime = lstatSync(root, { bigint: true }).mtimeNs / 1000n;
    const first = await indexTree(root);
    const text = manifestOf(root);
    for (const _ of [1, 2, 3]) await indexTree(root);
    expect(manifestOf(root)).toBe(text);
    expect(first).toMatchObject({ entries: 4, bytes: 3, manifestBytes: text.length, leftOut: [] });
    expect(readdirSync(root).sort()).toEqual(["a", "minifo.json", "sub"]);
    expect(lstatSync(root, { bigint: true }).mtimeNs / 1000n).toBe(mtime);
  });

  test.each(["minifo.objects", "minifo.objects/ab"])(
    "removes nothing through a symlink at %s, as a tree from elsewhere may have one",
    async (link) => {
      const others = treeOnDisk({ [`ab/${"0".repeat(62)}.bin`]: "of another image" });
      const root = treeOnDisk(link.includes("/") ? { a: "a", "minifo.objects/f": "" } : { a: "a" });
      await indexTree(root);
      symlinkSync(link.includes("/") ? join(others, "ab") : others, join(root, link));
      await indexTree(root).catch((error) => expect(error).toMatchObject({ code: "ELOOP" }));
      expect(readdirSync(join(others, "ab"))).toHaveLength(1);
    },
  );

  test.each([0.000_001, 1.5, 1_234_567_890.123_456_7, 4_000_000_000.999_999])(
    "writes the same bytes again where the directory's mtime is %d",
    async (seconds) => {
      const root = treeOnDisk({ a: "a" });
      utimesSync(root, seconds, seconds);
      await indexTree(root);
      const text = manifestOf(root);
      await indexTree(root);
      expect(manifestOf(root)).toBe(text);
    },
  );

  test("leaves out names that are no UTF-8 and special files, and says why", async () => {
    const root = treeOnDisk({ good: "x" });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), "x");
    symlinkSync(Buffer.from([0xfe]), join(root, "link"));
    const server = createServer().listen(join(root, "socket"));
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { entries, leftOut } = await indexTree(root);
    expect(entries).toBe(1);
    expect([...leftOut].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "bad\ufffd", why: "its name is no UTF-8" },
      { path: "link", why: "its target is no UTF-8" },
      { path: "socket", why: "it is a special file (fifo, socket or device)" },
    ]);
    expect(JSON.parse(manifestOf(root))).toMatchObject({ entries: 1, omitted: 3 });
  });

  test("leaves out what a crashed run left behind", async () => {
    const root = treeOnDisk({ good: "x", ".minifo.json.123.tmp": "half" });
    await indexTree(root);
    expect(JSON.parse(manifestOf(root)).index.directories[0].names).toEqual(["good"]);
  });

  test("keeps hard links as such, and does not mistake one whose other name lies outside", async () => {
    const outside = treeOnDisk({ other: "x" });
    const root = treeOnDisk({
      a: { content: "x", link: "one" },
      "b/c": { content: "x", link: "one" },
    });
    linkSync(join(outside, "other"), join(root, "single"));
    await indexTree(root);
    const [first, second] = JSON.parse(manifestOf(root)).index.directories;
    expect(first.links).toEqual([[0, "a", 2]]);
    expect(second.links).toEqual([[0, "a", 2]]);
  });

  test("tells how far it has come", async () => {
    const root = treeOnDisk({ a: "12345", b: { content: new Uint8Array(3_000_000) } });
    const progress = vi.fn();
    await indexTree(root, { progress });
    expect(progress).toHaveBeenLastCalledWith({
      files: 2,
      filesInAll: 2,
      bytes: 3_000_005,
      bytesInAll: 3_000_005,
    });
  });

  test("warns of a file that changes under the reading, and indexes what it read", async () => {
    const root = treeOnDisk({ growing: { content: new Uint8Array(2 * 1024 * 1024) } });
    const warnings: string[] = [];
    let size = 2 * 1024 * 1024;
    const { bytes } = await indexTree(root, {
      progress: () => {
        size += 1;
        writeFileSync(join(root, "growing"), new Uint8Array(size));
      },
      warn: (message) => warnings.push(message),
    });
    expect(warnings).toEqual([expect.stringContaining("'growing' changed while it was read")]);
    expect(bytes).toBeGreaterThan(2 * 1024 * 1024);
  });

  test("reads again a file that changed once", async () => {
    const root = treeOnDisk({ f: { content: new Uint8Array(1024 * 1024) } });
    const warn = vi.fn();
    let changed = false;
    const { bytes } = await indexTree(root, {
      progress: () => {
        if (!changed) writeFileSync(join(root, "f"), "short");
        changed = true;
      },
      warn,
    });
    expect(warn).not.toHaveBeenCalled();
    expect(bytes).toBe(5);
  });

  test("can be done without writing anything", async () => {
    const root = treeOnDisk({ a: "a", "sub/b": "b" });
    const { bytes, summary } = manifestInMemory(root);
    expect(readdirSync(root).sort()).toEqual(["a", "sub"]);
    expect(await indexTree(root)).toEqual(summary);
    expect(Buffer.from(bytes).toString()).toBe(manifestOf(root));
  });

  test("follows a symlink to the directory, and no other", async () => {
    const root = treeOnDisk({ "sub/f": "x", link: { target: "sub" } });
    const link = join(treeOnDisk({}), "link");
    symlinkSync(root, link);
    utimesSync(root, 1_500_000_000, 1_500_000_000);
    expect(await indexTree(`${link}/`)).toMatchObject({
      manifest: join(root, "minifo.json"),
      entries: 3,
    });
  });

  test("is refused where there is no directory", async () => {
    const root = treeOnDisk({ f: "x" });
    await expect(indexTree(join(root, "nothing"))).rejects.toThrow(/^ENOENT.*index/);
    await expect(indexTree(join(root, "f"))).rejects.toThrow(/^ENOTDIR/);
  });
});

describe("indexing a tree too large for one file", () => {
  const many = (): string =>
    treeOnDisk(
      Object.fromEntries(
        Array.from({ length: 1500 }, (_, at) => [`d${at % 7}/file-${at}.txt`, `${at}`] as const),
      ),
    );
  const objectsIn = (root: string): string[] =>
    readdirSync(join(root, "minifo.objects"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".bin"))
      .sort();

  test("spreads the index over objects, and says so", async () => {
    const root = many();
    const mtime = lstatSync(root, { bigint: true }).mtimeNs / 1000n;
    const { indexObjects, manifestBytes } = await indexTree(root);
    expect(indexObjects).toBeGreaterThan(0);
    expect(manifestBytes).toBeLessThan(2000);
    expect(objectsIn(root).length).toBe(indexObjects);
    expect(lstatSync(root, { bigint: true }).mtimeNs / 1000n).toBe(mtime);
    const text = manifestOf(root);
    await indexTree(root);
    expect(manifestOf(root)).toBe(text);
    const { bytes, objects } = manifestInMemory(root);
    expect(Buffer.from(bytes).toString()).toBe(text);
    expect([...objects.keys()].sort()).toEqual(
      objectsIn(root).map((name) => `minifo.objects/${name}`),
    );
  });

  test("is read over HTTP, every file of it", async () => {
    const root = many();
    await indexTree(root);
    const server = await serveDirectory(root);
    onTestFinished(() => server.close());
    const base = await run(openManifestBase({ url: server.url, fetcher: networkFetcher() }));
    expect(await run(base.lookup("minifo.objects"))).toBeNull();
    for (const at of [0, 700, 1499]) {
      const node = await run(base.lookup(`d${at % 7}/file-${at}.txt`));
      if (!node) throw new Error("it is missing");
      const into = new Uint8Array(node.size);
      await run(base.read(node, 0, into));
      expect(Buffer.from(into).toString()).toBe(`${at}`);
    }
  });

  test("keeps the leaves of the index before, and removes older ones and no other file", async () => {
    const root = many();
    const generations: string[][] = [];
    for (const change of ["one", "two", "three"]) {
      writeFileSync(join(root, "d3/file-3.txt"), change);
      await indexTree(root);
      generations.push(objectsIn(root));
      writeFileSync(join(root, "minifo.objects/mine.txt"), "mine");
    }
    const [first, second, third] = generations as [string[], string[], string[]];
    expect(first.every((name) => second.includes(name))).toBe(true);
    expect(first.every((name) => third.includes(name))).toBe(false);
    expect(readFileSync(join(root, "minifo.objects/mine.txt"), "utf8")).toBe("mine");
  });
});
