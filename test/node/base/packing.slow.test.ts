import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { packTree } from "../../../node/base/packing.ts";
import { type StaticServer, serveDirectory } from "../../../node/static-server.ts";
import { tokenOfThisProcess } from "../../../node/storage/ownership.ts";
import { type Base, httpFetcher, openManifestBase, run } from "../../../src/index.ts";
import { baseContract, contractTree } from "../../base/contract.ts";
import { randomFrom } from "../../random.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes that no compression makes smaller. */
function noise(length: number, seed = 1): Uint8Array {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

async function served(directory: string): Promise<StaticServer> {
  const server = await serveDirectory(directory);
  onTestFinished(() => server.close());
  return server;
}

function open(server: StaticServer): Promise<Base> {
  return run(openManifestBase({ url: server.url, fetcher: httpFetcher() }));
}

async function readAll(base: Base, path: string): Promise<Uint8Array> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = new Uint8Array(node.size);
  expect(await run(base.read(node, 0, into))).toBe(node.size);
  return into;
}

/** The files below `directory` with their contents' digests. */
function filesIn(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.map((file) => [
      relative(directory, file),
      createHash("sha256").update(readFileSync(file)).digest("hex"),
    ]),
  );
}

let contractImage: string | undefined;

baseContract({
  name: "packed image over HTTP",
  make: async () => {
    if (contractImage === undefined) {
      contractImage = join(temporaryDirectory(), "image");
      await packTree(treeOnDisk(contractTree), contractImage);
    }
    return open(await served(contractImage));
  },
});

/** Small files that fill some packs, at `sub/NN/file-NNN`. */
function manyFiles(count: number, bytes = 3000): Record<string, { content: Uint8Array }> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => {
      const path = `sub/${String(at % 20).padStart(2, "0")}/file-${String(at).padStart(4, "0")}`;
      return [path, { content: noise(bytes, at) }];
    }),
  );
}

describe("a packed image", () => {
  test("gives 1,000 small files of a subtree for 10 requests", async () => {
    const files = manyFiles(1000);
    const out = temporaryDirectory();
    await packTree(treeOnDisk(files), out);
    const server = await served(out);
    const base = await open(server);
    for (const [path, { content }] of Object.entries(files)) {
      expect(Buffer.compare(await readAll(base, path), content)).toBe(0);
    }
    expect(server.counts.requests).toBeLessThanOrEqual(10);
  });

  test("gives the first byte of a small file in three round trips, in one where its leaf is there, its siblings' in none", async () => {
    const out = temporaryDirectory();
    await packTree(treeOnDisk(manyFiles(100)), out);
    const server = await served(out);
    const base = await open(server);
    await run(base.lookup("sub/00/file-0000"));
    const told = server.counts.requests;
    await readAll(base, "sub/00/file-0000");
    expect(server.counts.requests).toBe(told + 1);
    expect(told + 1).toBeLessThanOrEqual(3);
    const before = server.counts.requests;
    await readAll(base, "sub/00/file-0020");
    expect(server.counts.requests).toBe(before);
  });

  test.each([
    { chunks: 256, requests: 1, beside: "nothing beside it" },
    { chunks: 257, requests: 2, beside: "the list of its chunks" },
  ])("gives 64 KiB from the middle of $chunks MiB for one chunk and $beside", async (wanted) => {
    const piece = noise(MiB);
    const root = treeOnDisk({ large: { content: piece } });
    const large = openSync(join(root, "large"), "r+");
    writeSync(large, piece, 0, MiB, 100 * MiB);
    ftruncateSync(large, wanted.chunks * MiB);
    closeSync(large);
    const out = temporaryDirectory();
    await packTree(root, out);
    const server = await served(out);
    const base = await open(server);
    const node = await run(base.lookup("large"));
    if (!node) throw new Error("it is missing");
    const before = { ...server.counts };
    const into = new Uint8Array(64 * KiB);
    await run(base.read(node, 100 * MiB, into));
    expect(Buffer.compare(into, piece.subarray(0, 64 * KiB))).toBe(0);
    expect(server.counts.requests - before.requests).toBe(wanted.requests);
    expect(server.counts.bytes - before.bytes - MiB).toBeLessThanOrEqual(
      wanted.requests === 1 ? 0 : wanted.chunks * 43,
    );
  });

  test("is the same bytes again for the same tree, wherever it is published", async () => {
    const root = treeOnDisk({ ...manyFiles(200), large: { content: noise(2 * MiB + 1) } });
    const [one, other] = [temporaryDirectory(), temporaryDirectory()];
    await packTree(root, one);
    await packTree(root, other);
    expect(filesIn(other)).toEqual(filesIn(one));
  });

  test("holds identical files once, hard links as such, and text compressed", async () => {
    const text = "all work and no play ".repeat(2000);
    const root = treeOnDisk({ a: text, "b/c": text, "b/d": text });
    linkSync(join(root, "a"), join(root, "z"));
    const out = temporaryDirectory();
    const summary = await packTree(root, out);
    expect(summary).toMatchObject({ packs: 1, entries: 5 });
    expect(summary.bytesWritten).toBeLessThan(KiB);
    const base = await open(await served(out));
    expect(await run(base.lookup("z"))).toMatchObject({ nlink: 2, identity: "link:a" });
    for (const path of ["a", "b/c", "b/d", "z"]) {
      expect(Buffer.from(await readAll(base, path)).toString()).toBe(text);
    }
  });

  test("has no name but minifo.json and objects, and no object that is not named by its content", async () => {
    const out = temporaryDirectory();
    await packTree(treeOnDisk(manyFiles(50)), out);
    for (const [path, sha256] of filesIn(out)) {
      if (path === "minifo.json") continue;
      expect(path).toBe(`objects/${sha256.slice(0, 2)}/${sha256.slice(2)}.bin`);
    }
  });
});

describe("publishing again", () => {
  test("writes nothing for a tree that did not change", async () => {
    const root = treeOnDisk(manyFiles(50));
    const out = temporaryDirectory();
    await packTree(root, out);
    const before = filesIn(out);
    expect(await packTree(root, out)).toMatchObject({ unchanged: true, generation: 1, written: 0 });
    expect(filesIn(out)).toEqual(before);
  });

  test("with one changed file writes one pack, one leaf at most, and the pointer", async () => {
    const root = treeOnDisk(manyFiles(1500));
    const out = temporaryDirectory();
    const first = await packTree(root, out);
    expect(first.packs).toBeGreaterThan(4);
    const before = filesIn(out);
    writeFileSync(join(root, "sub/07/file-0107"), noise(3100, 9999));
    const summary = await packTree(root, out);
    expect(summary).toMatchObject({ generation: 2, unchanged: false });
    const added = [...filesIn(out).keys()].filter((path) => !before.has(path));
    // The pointer of the generation before is an object now, too.
    expect(summary.written).toBe(added.length);
    expect(added.length).toBeLessThanOrEqual(3);
  });

  test("leaves who reads the generation before undisturbed, until that is pruned", async () => {
    const root = treeOnDisk({ a: { content: noise(1000, 1) }, b: { content: noise(1000, 2) } });
    const out = temporaryDirectory();
    await packTree(root, out);
    const server = await served(out);
    const before = await open(server);
    writeFileSync(join(root, "a"), noise(1000, 3));
    await packTree(root, out, { prune: true });
    expect(Buffer.compare(await readAll(before, "a"), noise(1000, 1))).toBe(0);
    const cold = await open(server);
    writeFileSync(join(root, "a"), noise(1000, 4));
    const { pruned } = await packTree(root, out, { keep: 0, prune: true });
    expect(pruned.removed).toBeGreaterThan(0);
    await expect(readAll(cold, "a")).rejects.toMatchObject({ code: "ESTALE", path: "a" });
    expect(Buffer.compare(await readAll(await open(server), "a"), noise(1000, 4))).toBe(0);
  });

  test("keeps as many generations as it is told, whole, and prunes no more than the rest", async () => {
    const root = treeOnDisk({ a: "0" });
    const out = temporaryDirectory();
    const pointers: Buffer[] = [];
    for (const generation of [1, 2, 3, 4, 5]) {
      writeFileSync(join(root, "a"), noise(500, generation));
      await packTree(root, out, { keep: 2, prune: true });
      pointers.push(readFileSync(join(out, "minifo.json")));
    }
    const latest = JSON.parse((pointers[4] as Buffer).toString());
    const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    expect(latest.generation).toBe(5);
    expect(latest.previous).toEqual([digest(pointers[3] as Buffer), digest(pointers[2] as Buffer)]);
    // Three contents and two pointers.
    expect(filesIn(join(out, "objects")).size).toBe(5);
    writeFileSync(join(out, "minifo.json"), pointers[2] as Buffer);
    const base = await open(await served(out));
    expect(Buffer.compare(await readAll(base, "a"), noise(500, 3))).toBe(0);
  });

  test("no longer names the generations that were pruned though the tree did not change", async () => {
    const root = treeOnDisk({ a: "0" });
    const out = temporaryDirectory();
    const publish = async (keep: number, content?: number) => {
      if (content !== undefined) writeFileSync(join(root, "a"), noise(500, content));
      const { unchanged } = await packTree(root, out, { keep, prune: true });
      const { generation, previous = [] } = JSON.parse(
        readFileSync(join(out, "minifo.json"), "utf8"),
      );
      return { unchanged, generation, previous: previous.length };
    };
    for (const content of [1, 2, 3]) await publish(2, content);
    expect(await publish(2)).toEqual({ unchanged: true, generation: 3, previous: 2 });
    expect(await publish(1)).toEqual({ unchanged: true, generation: 3, previous: 1 });
    expect(await publish(2, 4)).toEqual({ unchanged: false, generation: 4, previous: 2 });
  });

  test("prunes nothing where a kept generation cannot be read, and says so", async () => {
    const root = treeOnDisk({ a: "0" });
    const out = temporaryDirectory();
    await packTree(root, out);
    writeFileSync(join(root, "a"), "1");
    await packTree(root, out);
    const [previous] = JSON.parse(readFileSync(join(out, "minifo.json"), "utf8")).previous;
    rmSync(join(out, "objects", previous.slice(0, 2), `${previous.slice(2)}.bin`));
    writeFileSync(join(root, "a"), "2");
    const before = filesIn(join(out, "objects"));
    await expect(packTree(root, out, { keep: 2, prune: true })).rejects.toThrow(
      /nothing was pruned/,
    );
    const after = filesIn(join(out, "objects"));
    for (const path of before.keys()) expect(after.has(path)).toBe(true);
    await packTree(root, out, { keep: 0, prune: true });
    expect(filesIn(join(out, "objects")).size).toBe(1);
  });

  test("prunes nothing where a kept generation's index is damaged, which might hide what it needs", async () => {
    const root = treeOnDisk({ a: "0" });
    const out = temporaryDirectory();
    await packTree(root, out);
    writeFileSync(join(root, "a"), "1");
    await packTree(root, out);
    const { previous } = JSON.parse(readFileSync(join(out, "minifo.json"), "utf8"));
    const [first] = previous;
    const place = join(out, "objects", first.slice(0, 2), `${first.slice(2)}.bin`);
    const pointer = JSON.parse(readFileSync(place, "utf8"));
    pointer.index.directories = [{ path: "", names: [], kinds: "" }];
    writeFileSync(place, JSON.stringify({ ...pointer, entries: 0, bytes: 0 }));
    const before = filesIn(join(out, "objects")).size;
    await expect(packTree(root, out, { prune: true })).rejects.toThrow(
      /nothing was pruned.*damaged/,
    );
    expect(filesIn(join(out, "objects")).size).toBe(before);
  });

  test("is written through no symlink that lies where a file is about to be made", async () => {
    const root = treeOnDisk({ a: "0" });
    const out = temporaryDirectory();
    const victim = join(temporaryDirectory(), "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, join(out, `.minifo.minifo.json.${process.pid}.tmp`));
    await packTree(root, out);
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(JSON.parse(readFileSync(join(out, "minifo.json"), "utf8")).entries).toBe(1);
  });

  test("writes an object anew that is not whole, and sweeps what a killed run left", async () => {
    const root = treeOnDisk({ a: { content: noise(5000) } });
    const out = temporaryDirectory();
    await packTree(root, out);
    const [object] = filesIn(join(out, "objects")).keys();
    const place = join(out, "objects", object as string);
    const whole = readFileSync(place);
    writeFileSync(place, whole.subarray(0, 100));
    writeFileSync(join(place, "..", ".minifo.0123.1.tmp"), "half");
    await packTree(root, out, { prune: true });
    expect(Buffer.compare(readFileSync(place), whole)).toBe(0);
    expect([...filesIn(join(out, "objects")).keys()]).toEqual([object]);
  });
});

describe("packing is refused", () => {
  test("where there is no directory, and leaves nothing behind", async () => {
    const out = join(temporaryDirectory(), "out");
    await expect(packTree("/nothing/here", out)).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(out)).toBe(false);
    const root = treeOnDisk({ f: "x" });
    await expect(packTree(join(root, "f"), out)).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  test("into a directory that holds something else", async () => {
    const root = treeOnDisk({ f: "x" });
    const out = treeOnDisk({ "index.html": "somebody's" });
    await expect(packTree(root, out)).rejects.toThrow(/^EINVAL.*holds 'index.html'/);
    const indexed = treeOnDisk({ "minifo.json": '{"version": 7}' });
    await expect(packTree(root, indexed)).rejects.toThrow(/^EINVAL.*version 7/);
    expect(readdirSync(indexed)).toEqual(["minifo.json"]);
  });

  test("into the tree itself, or out of the image", async () => {
    const root = treeOnDisk({ "f/g": "x" });
    await expect(packTree(root, join(root, "out"))).rejects.toThrow(/^EINVAL.*in each other/);
    await expect(packTree(join(root, "f"), root)).rejects.toThrow(/^EINVAL/);
    expect(readdirSync(root)).toEqual(["f"]);
  });

  test("while another process publishes there, but not because one died", async () => {
    const root = treeOnDisk({ f: "x" });
    const out = temporaryDirectory();
    const lock = join(out, ".minifo.lock.tmp");
    writeFileSync(lock, tokenOfThisProcess());
    await expect(packTree(root, out)).rejects.toThrow(
      `EBUSY: resource busy or locked, pack '${out}'`,
    );
    // Its number is another process's by now.
    writeFileSync(lock, tokenOfThisProcess().replace(/\.[0-9a-f]+\./, ".0."));
    expect(await packTree(root, out)).toMatchObject({ generation: 1 });
    expect(readdirSync(out).sort()).toEqual(["minifo.json", "objects"]);
  });

  test("and what is published stays, when an object cannot be written", async () => {
    const root = treeOnDisk({ f: "x" });
    const out = temporaryDirectory();
    await packTree(root, out);
    const before = readFileSync(join(out, "minifo.json"), "utf8");
    rmSync(join(out, "objects"), { recursive: true });
    writeFileSync(join(out, "objects"), "in the way");
    writeFileSync(join(root, "f"), "y");
    await expect(packTree(root, out)).rejects.toMatchObject({ code: "ENOTDIR" });
    expect(readFileSync(join(out, "minifo.json"), "utf8")).toBe(before);
  });
});

test("what cannot be packed is left out and told", async () => {
  const root = treeOnDisk({ good: "x" });
  mkdirSync(join(root, "sub"));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/sub/bad`), Buffer.from([0xff])]), "x");
  chmodSync(join(root, "good"), 0o4755);
  const out = temporaryDirectory();
  const { leftOut, entries } = await packTree(root, out);
  expect(leftOut).toEqual([{ path: "sub/bad\ufffd", why: "its name is no UTF-8" }]);
  expect(entries).toBe(2);
  const base = await open(await served(out));
  expect(base.omitted).toBe(1);
  expect(await run(base.lookup("good"))).toMatchObject({ mode: 0o4755 });
});
