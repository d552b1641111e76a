import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDirectoryBase } from "../../../node/base/directory.ts";
import { isRemote, openBase } from "../../../node/base/open-base.ts";
import { type Base, type BaseNode, httpFetcher, runSync } from "../../../src/index.ts";
import { baseContract, contractTree } from "../../base/contract.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

let contractDirectory: string | undefined;

baseContract({
  name: "local directory",
  make: async () => {
    contractDirectory ??= treeOnDisk(contractTree);
    return runSync(openDirectoryBase(contractDirectory));
  },
});

function lookup(base: Base, path: string): BaseNode {
  const node = runSync(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  return node;
}

function read(base: Base, node: BaseNode): string {
  const into = new Uint8Array(node.size);
  const length = runSync(base.read(node, 0, into));
  return new TextDecoder().decode(into.subarray(0, length));
}

describe("a local directory as base", () => {
  test("states owners", () => {
    const base = runSync(openDirectoryBase(treeOnDisk({ f: "x" })));
    expect(lookup(base, "f")).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.() });
  });

  test("leaves out names that are no UTF-8, and counts them", () => {
    const root = treeOnDisk({ good: "x" });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), "x");
    const base = runSync(openDirectoryBase(root));
    expect(runSync(base.list("")).map((entry) => entry.name)).toEqual(["good"]);
    runSync(base.list(""));
    expect(base.omitted).toBe(1);
  });

  test("does not read through a directory that became a symlink", () => {
    const outside = treeOnDisk({ secret: "secret" });
    const root = treeOnDisk({ "inside/secret": "public" });
    const base = runSync(openDirectoryBase(root));
    const node = lookup(base, "inside/secret");
    renameSync(join(root, "inside"), join(root, "was-inside"));
    symlinkSync(outside, join(root, "inside"));
    expect(() => runSync(base.read(node, 0, new Uint8Array(6)))).toThrow(/ESTALE/);
    expect(runSync(base.lookup("inside/secret"))).toBeNull();
    expect(() => runSync(base.list("inside"))).toThrow(/ENOTDIR/);
  });

  test("does not read a file that became a symlink", () => {
    const root = treeOnDisk({ f: "public", g: "secret" });
    const base = runSync(openDirectoryBase(root));
    const node = lookup(base, "f");
    unlinkSync(join(root, "f"));
    symlinkSync("g", join(root, "f"));
    expect(() => runSync(base.read(node, 0, new Uint8Array(6)))).toThrow(/ESTALE/);
  });

  test("says ESTALE when a file was written to since it was looked up", () => {
    const root = treeOnDisk({ f: "before" });
    const base = runSync(openDirectoryBase(root));
    const node = lookup(base, "f");
    expect(read(base, node)).toBe("before");
    appendFileSync(join(root, "f"), ", and more");
    expect(() => runSync(base.read(node, 0, new Uint8Array(6)))).toThrow(/ESTALE/);
    expect(read(base, lookup(base, "f"))).toBe("before, and more");
  });

  test("goes on reading the old file after another took its name, if it was reading it", () => {
    const root = treeOnDisk({ f: "before", new: "after!" });
    const base = runSync(openDirectoryBase(root));
    const node = lookup(base, "f");
    expect(read(base, node)).toBe("before");
    renameSync(join(root, "new"), join(root, "f"));
    expect(read(base, node)).toBe("before");
    expect(read(base, lookup(base, "f"))).toBe("after!");
  });

  test("keeps few files open, however many are read", () => {
    const names = Array.from({ length: 100 }, (_, index) => `f${index}`);
    const root = treeOnDisk(Object.fromEntries(names.map((name) => [name, name])));
    const base = runSync(openDirectoryBase(root));
    for (const round of [1, 2]) {
      for (const name of names) expect(read(base, lookup(base, name)), `${round}`).toBe(name);
    }
    if (existsSync("/proc/self/fd")) {
      const own = runSync(openDirectoryBase("/proc/self/fd"));
      const open = runSync(own.list("")).filter(({ node }) => node.target?.startsWith(root));
      expect(open.length).toBeGreaterThan(0);
      expect(open.length).toBeLessThanOrEqual(32);
      runSync(base.close());
      const after = runSync(own.list("")).filter(({ node }) => node.target?.startsWith(root));
      expect(after.length).toBe(0);
    }
  });

  test("gives names of one inode one identity, as soon as there are two", () => {
    const root = treeOnDisk({ f: "x" });
    const base = runSync(openDirectoryBase(root));
    expect(lookup(base, "f").identity).toBe("path:f");
    linkSync(join(root, "f"), join(root, "g"));
    expect(lookup(base, "f").identity).toMatch(/^link:/);
    expect(lookup(base, "g").identity).toBe(lookup(base, "f").identity);
  });

  test("is refused where there is no directory", () => {
    const root = treeOnDisk({ f: "x" });
    expect(() => runSync(openDirectoryBase(join(root, "nothing")))).toThrow(/^ENOENT/);
    expect(() => runSync(openDirectoryBase(join(root, "f")))).toThrow(/^ENOTDIR/);
  });

  test("is followed where its own place is a symlink", () => {
    const root = treeOnDisk({ f: "x" });
    const link = join(temporaryDirectory(), "link");
    symlinkSync(root, link);
    const base = runSync(openDirectoryBase(link));
    expect(base.locator).toBe(root);
    expect(read(base, lookup(base, "f"))).toBe("x");
  });

  test("lists what is left when an entry vanishes", () => {
    const root = treeOnDisk({ f: "x" });
    const base = runSync(openDirectoryBase(root));
    mkdirSync(join(root, "d"));
    expect(runSync(base.list("")).length).toBe(2);
    rmSync(join(root, "d"), { recursive: true });
    expect(runSync(base.list("")).length).toBe(1);
  });
});

describe("the locator of a base", () => {
  test("is a directory where it is a path or a file: URL", () => {
    const root = treeOnDisk({ f: "x" });
    expect(runSync(openBase(root, httpFetcher)).locator).toBe(root);
    expect(runSync(openBase(`file://${root}`, httpFetcher)).locator).toBe(root);
    expect(isRemote(root)).toBe(false);
    expect(isRemote("HTTP://example.org/")).toBe(true);
  });

  test("of another kind is refused", () => {
    expect(() => runSync(openBase("ftp://example.org/x", httpFetcher))).toThrow(
      /^EINVAL.*begins with http: or https:, not with ftp:/,
    );
  });
});
