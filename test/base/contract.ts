/**
 * What every base must do, as a suite that each driver's test calls with a base of `contractTree`.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type Base,
  type BaseNode,
  type MemoryEntry,
  parentOfBasePath,
  run,
} from "../../src/index.ts";

export interface BaseContract {
  readonly name: string;
  /** What bases of this kind cannot hold or tell; the rest is required. */
  readonly lacks?: Lacks;
  /** A new base of `contractTree`, less what is lacking; what it returns is closed after each test. */
  readonly make: () => Promise<Base>;
}

/** What a kind of base cannot hold or tell. */
export interface Lacks {
  readonly symlinks?: true;
  /** That two names are one file. */
  readonly hardLinks?: true;
  readonly modes?: true;
  /** Times other than whole seconds after 1970; or those of directories, too. */
  readonly times?: "fractions" | "directories";
  /** How many subdirectories a directory has. */
  readonly subdirectories?: true;
  /** A directory is there because something is in it. */
  readonly emptyDirectories?: true;
  /** More than names, types and identities in a listing. */
  readonly listedAttributes?: true;
  /** Names that cannot be there. */
  readonly names?: readonly string[];
}

const MiB = 1024 * 1024;

/** Bytes that differ at every position somebody could confuse. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
  return bytes;
}

/** Names that have broken clients before. */
export const awkwardNames = [
  "a#b",
  "a?b",
  "100%",
  "%41",
  "a+b",
  "a&b;c",
  "two  blanks ",
  "Grüße.txt",
  "日本語",
  "😀",
  "line\nbreak",
  "quo\"te'",
  "back\\slash",
  ".dotfile",
  "...",
  "~tilde",
  "index.html",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  `${"ü".repeat(127)}x`,
];

/** The tree that a contract's base holds. */
export const contractTree: ReadonlyMap<string, MemoryEntry> = new Map<string, MemoryEntry>([
  ["a.txt", { content: "hello, world\n" }],
  ["empty", { content: "" }],
  ["script.sh", { content: "#!/bin/sh\n", mode: 0o755 }],
  ["private", { content: "x", mode: 0o600 }],
  ["old", { content: "o", mtime: { seconds: -2, nanoseconds: 500_000_000 } }],
  ["fine", { content: "f", mtime: { seconds: 1_600_000_000, nanoseconds: 250_000_000 } }],
  ["one-mib", { content: pattern(MiB) }],
  ["one-mib-and-a-byte", { content: pattern(MiB + 1) }],
  ["large", { content: pattern(3 * MiB + 12_345) }],
  ["docs", { type: "directory", mtime: { seconds: 1_500_000_000, nanoseconds: 0 } }],
  ["docs/deep", { type: "directory", mode: 0o700 }],
  ["docs/deep/er", { type: "directory" }],
  ["docs/deep/er/leaf", { content: "leaf" }],
  ["docs/empty", { type: "directory" }],
  ["docs/readme", { content: "read me" }],
  ["link-to-docs", { target: "docs" }],
  ["docs/link-up", { target: "../a.txt" }],
  ["dangling", { target: "no/such/thing" }],
  ["twin-1", { content: "two names", link: "twins" }],
  ["docs/twin-2", { content: "two names", link: "twins" }],
  ["awkward", { type: "directory" }],
  ...awkwardNames.map((name): [string, MemoryEntry] => [`awkward/${name}`, { content: name }]),
]);

/** What of `contractTree` a base that lacks these can hold. */
export function contractTreeWithout(lacks: Lacks): ReadonlyMap<string, MemoryEntry> {
  const tree = new Map<string, MemoryEntry>();
  for (const [path, { link, mode, ...entry }] of contractTree) {
    if (lacks.symlinks && entry.target !== undefined) continue;
    if (lacks.names?.some((name) => path.split("/").includes(name))) continue;
    if (lacks.emptyDirectories && path === "docs/empty") continue;
    tree.set(path, {
      ...entry,
      ...(link !== undefined && !lacks.hardLinks && { link }),
      ...(mode !== undefined && !lacks.modes && { mode }),
    });
  }
  return tree;
}

const absent = [
  "nothing",
  "docs/nothing",
  "a.txt/under-a-file",
  "link-to-docs/readme",
  "nothing/at/all",
  "__proto__",
  "constructor",
  "docs/toString",
  "docs/",
  "/docs",
  "docs//readme",
  "docs/../a.txt",
  "./a.txt",
  "..",
];

/** Runs the suite on a driver. */
export function baseContract({ name, lacks = {}, make }: BaseContract): void {
  const tree = contractTreeWithout(lacks);
  const open = async (): Promise<Base> => {
    const base = await make();
    onTestFinished(() => run(base.close()));
    return base;
  };
  const keepsTime = ({ mtime, type }: MemoryEntry): boolean => {
    if (lacks.times === "directories" && type === "directory") return false;
    return !lacks.times || (mtime !== undefined && mtime.seconds >= 0 && mtime.nanoseconds === 0);
  };
  const found = async (base: Base, path: string): Promise<BaseNode> => {
    const node = await run(base.lookup(path));
    if (!node) throw new Error(`'${path}' is not there`);
    return node;
  };
  const readAll = async (base: Base, path: string): Promise<Uint8Array> => {
    const node = await found(base, path);
    const bytes = new Uint8Array(node.size + 10);
    const length = await run(base.read(node, 0, bytes));
    return bytes.subarray(0, length);
  };

  describe(`a base: ${name}`, () => {
    test("says what and where it is", async () => {
      const base = await open();
      expect(base.locator).not.toBe("");
      expect(base.identity).not.toBe("");
      expect(base.omitted).toBe(0);
    });

    test("has a root that is a directory", async () => {
      const base = await open();
      const root = await found(base, "");
      expect(root).toMatchObject({ path: "", type: "directory", identity: "path:" });
      expect(root.nlink).toBe(lacks.subdirectories ? 2 : 4);
    });

    test("tells type, mode, size, mtime and target of every object", async () => {
      const base = await open();
      for (const [path, entry] of tree) {
        const node = await found(base, path);
        const type = entry.type ?? (entry.target === undefined ? "file" : "symlink");
        expect.soft(node, path).toMatchObject({ path, type });
        if (type === "symlink") expect.soft(node.target, path).toBe(entry.target);
        else expect.soft(node.mode, path).toBe(modeOf(entry));
        if (type === "file") {
          expect.soft(node.size, path).toBe(bytesOf(entry).length);
          expect.soft(node.nlink, path).toBe(entry.link === undefined ? 1 : 2);
        }
        if (entry.mtime && keepsTime(entry)) expect.soft(node.mtime, path).toEqual(entry.mtime);
      }
    });

    test.skipIf(lacks.subdirectories)(
      "counts the links of a directory as 2 and its subdirectories",
      async () => {
        const base = await open();
        expect((await found(base, "docs")).nlink).toBe(lacks.emptyDirectories ? 3 : 4);
        expect((await found(base, "docs/deep/er")).nlink).toBe(2);
      },
    );

    test.each(absent)("says that '%s' is not there", async (path) => {
      const base = await open();
      expect(await run(base.lookup(path))).toBeNull();
    });

    test("lists every directory completely, with what lookup tells", async () => {
      const base = await open();
      for (const directory of ["", ...directoriesOf(tree)]) {
        const entries = await run(base.list(directory));
        const names = entries.map((entry) => entry.name).sort();
        expect(names, directory).toEqual(childrenOf(tree, directory).sort());
        for (const { name, node } of entries) {
          const path = directory === "" ? name : `${directory}/${name}`;
          const { type, identity } = node;
          const told = await found(base, path);
          expect(node).toEqual(lacks.listedAttributes ? expect.objectContaining({ path }) : told);
          expect(told).toMatchObject({ path, type, identity });
        }
      }
    });

    test.each([
      ["nothing", "ENOENT"],
      ["docs/nothing", "ENOENT"],
      ["a.txt", "ENOTDIR"],
      ["link-to-docs", lacks.symlinks ? "ENOENT" : "ENOTDIR"],
    ])("refuses to list '%s' with %s", async (path, code) => {
      const base = await open();
      await expect(run(base.list(path))).rejects.toMatchObject({ code });
    });

    test("gives the bytes of every file", async () => {
      const base = await open();
      for (const [path, entry] of tree) {
        if (entry.content === undefined) continue;
        const bytes = await readAll(base, path);
        expect.soft(Buffer.compare(bytes, bytesOf(entry)), path).toBe(0);
      }
    });

    test.each([
      [0, 1],
      [MiB - 1, 2],
      [MiB, 10],
      [MiB - 5, MiB + 10],
      [3 * MiB + 12_340, 5],
      [3 * MiB + 12_340, 100],
      [5, 3 * MiB + 12_345],
    ])("gives the bytes from %i on, %i asked for", async (offset, asked) => {
      const base = await open();
      const node = await found(base, "large");
      const into = new Uint8Array(asked);
      const length = await run(base.read(node, offset, into));
      const expected = pattern(3 * MiB + 12_345).subarray(offset, offset + asked);
      expect(length).toBe(expected.length);
      expect(Buffer.compare(into.subarray(0, length), expected)).toBe(0);
      expect(into.subarray(length).every((byte) => byte === 0)).toBe(true);
    });

    test.each(["empty", "a.txt", "large"])("gives nothing past the end of '%s'", async (path) => {
      const base = await open();
      const node = await found(base, path);
      expect(await run(base.read(node, node.size, new Uint8Array(4)))).toBe(0);
      expect(await run(base.read(node, node.size + 5 * MiB, new Uint8Array(4)))).toBe(0);
    });

    test("gives the same bytes to readers side by side", async () => {
      const base = await open();
      const readers = Array.from({ length: 8 }, () => readAll(base, "large"));
      const expected = pattern(3 * MiB + 12_345);
      for (const bytes of await Promise.all(readers)) {
        expect(Buffer.compare(bytes, expected)).toBe(0);
      }
    });

    test.skipIf(lacks.hardLinks)("has one identity for names of one object", async () => {
      const base = await open();
      const first = await found(base, "twin-1");
      const second = await found(base, "docs/twin-2");
      expect(first.identity).toMatch(/^link:/);
      expect(second.identity).toBe(first.identity);
      expect(second.signature).toBe(first.signature);
    });

    test("has another identity for each object", async () => {
      const base = await open();
      const identities = new Set<string>();
      for (const path of tree.keys()) identities.add((await found(base, path)).identity);
      expect(identities.size).toBe(lacks.hardLinks ? tree.size : tree.size - 1);
      expect(identities).toContain("path:docs/deep");
    });

    test("tells the same identity and signature again after it was opened again", async () => {
      const [one, other] = [await open(), await open()];
      expect(other.identity).toBe(one.identity);
      for (const path of tree.keys()) {
        const { identity, signature } = await found(one, path);
        expect(await found(other, path)).toMatchObject({ identity, signature });
      }
    });

    test("refuses to read a file that is no longer what it was", async () => {
      const base = await open();
      const node = await found(base, "a.txt");
      const before = { ...node, signature: "of another time" };
      await expect(run(base.read(before, 0, new Uint8Array(4)))).rejects.toMatchObject({
        code: "ESTALE",
      });
      expect(await run(base.read(node, 0, new Uint8Array(4)))).toBe(4);
    });
  });
}

/** The bytes a file of the tree has. */
export function bytesOf({ content = "" }: MemoryEntry): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** The permission bits an entry has. */
export function modeOf({ mode, type }: MemoryEntry): number {
  return mode ?? (type === "directory" ? 0o755 : 0o644);
}

function directoriesOf(tree: ReadonlyMap<string, MemoryEntry>): string[] {
  return [...tree].filter(([, entry]) => entry.type === "directory").map(([path]) => path);
}

function childrenOf(tree: ReadonlyMap<string, MemoryEntry>, directory: string): string[] {
  return [...tree.keys()]
    .filter((path) => parentOfBasePath(path) === directory)
    .map((path) => path.slice(path.lastIndexOf("/") + 1));
}
