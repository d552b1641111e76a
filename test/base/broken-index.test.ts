/**
 * Indexes in leaves and pages (FORMAT.md, 2.3 and 2.4) that break a rule, as only their publisher can make them: all of
 * their objects are what their references say. Each part that is wrong is refused in words, and whatever is sound is
 * read.
 */
import { describe, expect, test } from "vitest";
import { type Base, chunkBytes, openManifestBase, run } from "../../src/index.ts";
import { CountingSite } from "./large-tree.ts";

/** What the parts of a branch hold, by the keys they begin at. */
type Parts<T> = Readonly<Record<string, T>>;
type Leaves = Parts<readonly object[]>;

const root = {
  path: "",
  names: ["a", "b", "c"],
  kinds: "fdd",
  subdirectories: [2, 0],
  links: linksOf("a", 4),
};

const beginOfB = { path: "b", names: ["d"], kinds: "d" };
const restOfB = { path: "b", names: ["g", "h"], kinds: "fd", subdirectories: 1 };
const ofD = { path: "b/d", names: ["x", "y"], kinds: "ff", links: linksOf("a", 4, 4) };
const ofH = { path: "b/h", names: ["i"], kinds: "d" };
const ofC = { path: "c", names: ["e"], kinds: "f", links: linksOf("a", 4) };

/** A good one: `b` and `b/h` go on in other leaves, with and without more subdirectories; `a` has names in three. */
const good = {
  "": [root, beginOfB],
  "b//f": [{ path: "b", names: ["f"], kinds: "f" }],
  "b//g": [restOfB, ofD, ofH],
  "b/h//j": [
    { path: "b/h", names: ["j"], kinds: "f" },
    { path: "b/h/i", names: [], kinds: "" },
  ],
  c: [ofC],
} satisfies Leaves;

/** The first rows are names of one object, whose counts are these. */
function linksOf(group: string, ...counts: readonly number[]): object {
  return counts.map((count, row) => [row, group, count]);
}

/** An image that is being made: what it has of parts goes to its objects, what is left to its pointer. */
class Image {
  readonly #site = new CountingSite();

  /** Keeps a part as an object; of a text each code is a byte. */
  put(part: object | string): string {
    const isText = typeof part === "string";
    return this.#site.put(Buffer.from(isText ? part : JSON.stringify(part), "latin1"));
  }

  leaf(directories: readonly object[]): string {
    return this.put({ directories, packs: "A".repeat(43) });
  }

  leaves(leaves: Leaves): object {
    return this.branch("leaves", leaves, (directories) => this.leaf(directories));
  }

  pages(pages: Parts<Leaves>): object {
    return this.branch("pages", pages, (leaves) => this.put(this.leaves(leaves)));
  }

  branch<T>(kind: "leaves" | "pages", parts: Parts<T>, put: (part: T) => string): object {
    return { first: Object.keys(parts), [kind]: Object.values(parts).map(put).join("") };
  }

  /** The base of which `index` is the index. */
  open(index: object): Promise<Base> {
    const head = { format: "minifo", version: 1, layout: "packed", entries: 9, bytes: 0 };
    const pointer = { ...head, root: { mtime: [0, 0], subdirectories: 2 }, index };
    this.#site.files.set("minifo.json", Buffer.from(JSON.stringify(pointer)));
    return run(openManifestBase({ url: this.#site.url, fetcher: this.#site }));
  }
}

/** Looks `path` up in the base and expects that this is refused for `flaw`, in the part that begins at `first`. */
async function expectRefused(base: Base, path: string, first: string, flaw: string): Promise<void> {
  const asking = run(base.lookup(path));
  await expect(asking).rejects.toMatchObject({ code: "EIO" });
  const where = `the part of the manifest's index that begins at '${first}'`;
  await expect(asking).rejects.toThrow(`${where} is refused: ${flaw}; publish it again`);
}

test.each([
  ["leaves", (image: Image) => image.leaves(good)],
  [
    "pages, at whose ends directories are cut too",
    (image: Image) => {
      const { "": first, "b//f": second, ...rest } = good;
      return image.pages({ "": { "": first }, "b//f": { "b//f": second }, "b//g": rest });
    },
  ],
])("an index in %s is read to the last name", async (_, make) => {
  const image = new Image();
  const base = await image.open(make(image));
  const namesIn: Record<string, readonly string[]> = {
    "": ["a", "b", "c"],
    b: ["d", "f", "g", "h"],
    "b/d": ["x", "y"],
    "b/h": ["i", "j"],
    "b/h/i": [],
    c: ["e"],
  };
  for (const [path, names] of Object.entries(namesIn)) {
    expect((await run(base.list(path))).map(({ name }) => name)).toEqual(names);
    for (const name of names) {
      const at = path === "" ? name : `${path}/${name}`;
      expect(await run(base.lookup(at))).toMatchObject({ path: at });
    }
  }
  for (const path of ["a", "b/d/x", "b/d/y", "c/e"]) {
    expect(await run(base.lookup(path))).toMatchObject({ identity: "link:a", nlink: 4 });
  }
  expect(await run(base.lookup("b"))).toMatchObject({ nlink: 4 });
});

describe("a leaf", () => {
  test.each<[string, Partial<Leaves>, path: string, first: string, flaw: string]>([
    [
      "with a record that belongs to the next one",
      { "b/h//j": [...good["b/h//j"], ofC] },
      "b/h/j",
      "b/h//j",
      "directory 'c' belongs to another leaf",
    ],
    [
      "with a name that belongs to the next one",
      { "b//f": [{ path: "b", names: ["f", "g"], kinds: "ff" }] },
      "b/f",
      "b//f",
      "directory 'b' reaches into another leaf",
    ],
    [
      "with a name that belongs to the one before",
      { "b//f": [{ path: "b", names: ["e", "f"], kinds: "ff" }] },
      "b/f",
      "b//f",
      "directory 'b' is not in order",
    ],
    [
      "whose first record lies behind its beginning",
      { "b//g": [ofD, ofH] },
      "b/g",
      "b//g",
      "directory 'b/d' is not in order",
    ],
    [
      "whose records are not in order",
      { "b//g": [restOfB, ofH, ofD] },
      "b/g",
      "b//g",
      "directory 'b/d' is not in order",
    ],
    ["of nothing", { c: [] }, "c/e", "c", "it is empty"],
    ["of nothing where the root belongs", { "": [] }, "a", "", "it has no record of the root"],
    [
      "with a directory that no name of it means",
      { c: [ofC, { path: "c/d", names: [], kinds: "" }] },
      "c/e",
      "c",
      "directory 'c/d' lies nowhere",
    ],
    [
      "without the record of a directory of it",
      { c: [{ path: "c", names: ["d"], kinds: "d" }] },
      "c/d",
      "c",
      "directory 'c/d' has no record",
    ],
    [
      "with more subdirectories of one that goes on than there are in all",
      { "": [{ ...root, subdirectories: 0 }, beginOfB] },
      "a",
      "",
      "directory 'b' has 1 subdirectories, not 0",
    ],
    [
      "with too few subdirectories of one that ends there",
      {
        c: [
          { path: "c", names: ["d"], kinds: "d", subdirectories: 1 },
          { path: "c/d", names: [], kinds: "" },
        ],
      },
      "c/d",
      "c",
      "directory 'c/d' has 0 subdirectories, not 1",
    ],
    [
      "with more names of an object than it has",
      { c: [{ path: "c", names: ["e", "f", "g"], kinds: "fff", links: linksOf("c/e", 2, 2, 2) }] },
      "c/e",
      "c",
      "link group 'c/e' has 3 names, but says 2",
    ],
    [
      "whose names of one object have other counts",
      { c: [{ path: "c", names: ["e", "f"], kinds: "ff", links: linksOf("a", 4, 5) }] },
      "c/e",
      "c",
      "'c/f' and 'c/e' are one object, but differ",
    ],
    [
      "whose names of one object lie at two places of a pack",
      {
        c: [
          {
            ...{ path: "c", names: ["e", "f"], kinds: "ff", links: linksOf("a", 4, 4) },
            ...{ sizes: 5, runs: [0, 0, 0] },
          },
        ],
      },
      "c/e",
      "c",
      "'c/f' and 'c/e' are one object, but differ",
    ],
  ])("%s is refused", async (_, changed, path, first, flaw) => {
    const image = new Image();
    const base = await image.open(image.leaves({ ...good, ...changed } as Leaves));
    await expectRefused(base, path, first, flaw);
  });

  test("with too few subdirectories of one that the next leaf goes below, not on with, is refused", async () => {
    const image = new Image();
    const base = await image.open(image.leaves({ "": good[""], "b/d": [ofD], c: good.c }));
    await expectRefused(base, "a", "", "directory 'b' has 1 subdirectories, not 2");
  });

  test("that stands for two is refused as the second, though it is a good first", async () => {
    const image = new Image();
    const [one, other] = [image.leaf(good[""]), image.leaf(good["b//f"])];
    const base = await image.open({ first: ["", "b//f", "c"], leaves: one + other + other });
    expect(await run(base.lookup("b/f"))).toMatchObject({ type: "file" });
    await expectRefused(base, "c/e", "c", "directory 'b' is not in order");
  });

  test.each<[string, make: (image: Image) => string, flaw: string]>([
    ["is a page", (image) => image.put(image.leaves(good)), "it is no leaf"],
    ["is a number", (image) => image.put("1"), "expected an object"],
    ["is no JSON", (image) => image.put("{"), "it is no JSON in UTF-8"],
    ["is no UTF-8", (image) => image.put('{"directories":["\xff"]}'), "it is no JSON in UTF-8"],
    [
      "has packs by no references",
      (image) => image.put({ directories: [ofC], packs: "?".repeat(43) }),
      "'packs' does not hold references in base64",
    ],
  ])("that %s is refused", async (_, make, flaw) => {
    const image = new Image();
    const base = await image.open({ first: ["", "c"], leaves: image.leaf([]) + make(image) });
    await expectRefused(base, "c/e", "c", flaw);
  });
});

describe("a record of packed files", () => {
  const reference = "A".repeat(43);
  const record = {
    ...{ path: "c", names: ["empty", "large", "small"], kinds: "fff", sizes: [0, 70_000, 5] },
    ...{ runs: [0, 0, 0], chunks: [reference], sums: "AAAAAA", checks: "AAA" },
  };
  const noPlace = "'runs' has no place for its file no. 2";
  const tooMany = "'runs' has places for more files than it has";
  const wrongChunks = (count: number): string =>
    `entry "c/large": 'chunks' does not hold the ${count} digests of its chunks`;
  const sized = (count: number, chunks: string): object => ({
    sizes: [0, count * chunkBytes, 5],
    chunks: [chunks],
  });

  const baseWith = (changed: object): Promise<Base> => {
    const image = new Image();
    return image.open(image.leaves({ ...good, c: [{ ...record, ...changed }] }));
  };

  test.each<[string, object]>([
    ["in a pack from its start on", {}],
    ["at the end of a pack", { runs: [0, 0, chunkBytes - 5] }],
    ["without checks", { checks: "" }],
    ["of 256 chunks that stand there", sized(256, reference.repeat(256))],
    ["of 257 chunks that are listed elsewhere", sized(257, reference)],
  ])("%s is taken", async (_, changed) => {
    const base = await baseWith(changed);
    expect(await run(base.lookup("c/small"))).toMatchObject({ size: 5 });
  });

  test.each<[string, object, flaw: string]>([
    ["that begin nowhere", { runs: 0 }, noPlace],
    ["that begin behind the first", { runs: [1, 0, 0] }, noPlace],
    ["in a pack that the leaf has not", { runs: [0, 1, 0] }, noPlace],
    ["in a pack below the first", { runs: [0, -1, 0] }, noPlace],
    ["beyond the end of a pack", { runs: [0, 0, chunkBytes - 4] }, noPlace],
    ["before a pack", { runs: [0, 0, -1] }, noPlace],
    ["in a run that is cut off", { runs: [0, 0] }, noPlace],
    ["and of one more", { runs: [0, 0, 0, 1, 0, 0] }, tooMany],
    [
      "with digests of whole files",
      { sha256: reference },
      "'sha256' does not hold what no packed layout has",
    ],
    [
      "with a sum that is short",
      { sums: "AAAAA" },
      "'sums' does not hold 6 letters for each file with chunks",
    ],
    [
      "with checks for more of them",
      { checks: "AAAAAA" },
      "'checks' does not hold 3 letters for each file in a pack",
    ],
    ["with too many chunks", { chunks: [reference.repeat(2)] }, wrongChunks(1)],
    ["with chunks by no references", { chunks: ["?".repeat(43)] }, wrongChunks(1)],
    ["of 256 chunks that are listed elsewhere", sized(256, reference), wrongChunks(256)],
    ["of 257 chunks that stand there", sized(257, reference.repeat(257)), wrongChunks(257)],
  ])("%s is refused", async (_, changed, flaw) => {
    await expectRefused(await baseWith(changed), "c/small", "c", `directory 'c': ${flaw}`);
  });
});

describe("a page", () => {
  const { c: last, ...before } = good;

  test.each<[string, before: Leaves, last: Leaves, path: string, first: string]>([
    ["that begins behind its beginning", before, { d: last }, "c/e", "c"],
    ["that begins before its beginning", before, { b: [], c: last }, "c/e", "c"],
    ["with a leaf that belongs to the next one", good, { c: last }, "a", ""],
  ])("%s is refused", async (_, one, other, path, first) => {
    const image = new Image();
    const base = await image.open(image.pages({ "": one, c: other }));
    await expectRefused(base, path, first, "it belongs elsewhere");
  });

  test("ends where the next one begins, and with it its last leaf", async () => {
    const image = new Image();
    const foreign = { ...before, "b/h//j": [...good["b/h//j"], ofC] };
    const base = await image.open(image.pages({ "": foreign, c: { c: last } }));
    await expectRefused(base, "b/h/j", "b/h//j", "directory 'c' belongs to another leaf");
  });

  test("that stands for two is refused as the second, though it is a good first", async () => {
    const image = new Image();
    const page = image.put(image.leaves(before));
    const base = await image.open({ first: ["", "c"], pages: page + page });
    expect(await run(base.lookup("b/f"))).toMatchObject({ type: "file" });
    await expectRefused(base, "c/e", "c", "it belongs elsewhere");
  });

  test.each([
    ["a leaf", (image: Image) => image.leaf(last)],
    ["a list of pages", (image: Image) => image.put(image.pages({ c: { c: last } }))],
  ])("that is %s is refused", async (_, make) => {
    const image = new Image();
    const pages = image.put(image.leaves(before)) + make(image);
    const base = await image.open({ first: ["", "c"], pages });
    await expectRefused(base, "c/e", "c", "it is no page of leaves");
  });
});
