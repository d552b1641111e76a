/** A directory nobody changes, as base: it says the same as any, and asks the system less. */
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBase } from "../../../node/base/open-base.ts";
import { type Base, httpFetcher, runSync } from "../../../src/index.ts";
import { baseContract, contractTree } from "../../base/contract.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

const open = (directory: string): Base =>
  runSync(openBase(directory, httpFetcher, { stable: true }));

let contractDirectory: string | undefined;

baseContract({
  name: "stable local directory",
  make: async () => {
    contractDirectory ??= treeOnDisk(contractTree);
    return open(contractDirectory);
  },
});

test("says that it is of one moment, and an ordinary directory does not", () => {
  const directory = treeOnDisk({ f: "x" });
  expect(open(directory).capabilities.snapshot).toBe(true);
  expect(runSync(openBase(directory, httpFetcher)).capabilities.snapshot).toBe(false);
});

test("a name that was not there stays so, and one that is gone is still told as gone", () => {
  const directory = treeOnDisk({ "d/f": "x" });
  const base = open(directory);
  expect(runSync(base.lookup("d/new"))).toBeNull();
  writeFileSync(join(directory, "d/new"), "late");
  expect(runSync(base.lookup("d/new"))).toBeNull();
  rmSync(join(directory, "d/f"));
  expect(runSync(base.lookup("d/f"))).toBeNull();
});

test("nothing is found below what is no directory, or below a symlink", () => {
  const outside = temporaryDirectory();
  writeFileSync(join(outside, "secret"), "x");
  const directory = treeOnDisk({ f: "x" });
  symlinkSync(outside, join(directory, "link"));
  const base = open(directory);
  expect(runSync(base.lookup("link"))?.type).toBe("symlink");
  for (const path of ["f/x", "none/x", "link/secret"]) {
    expect(runSync(base.lookup(path))).toBeNull();
  }
});
