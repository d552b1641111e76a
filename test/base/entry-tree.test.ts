import { describe, expect, test } from "vitest";
import { EntryTree, type TreeEntry } from "../../src/base/entry-tree.ts";

function file(path: string, more: Partial<TreeEntry<undefined>> = {}): TreeEntry<undefined> {
  const mtime = { seconds: 0, nanoseconds: 0 };
  return { path, type: "file", mtime, size: 0, signature: "", content: undefined, ...more };
}

describe("a tree made of a list", () => {
  test("leaves out a path that is longer than any the kernel takes", () => {
    const tree = new EntryTree([file(`${"a/".repeat(50_000)}b`), file("c")]);
    expect([...tree.paths()]).toEqual(["c"]);
    expect(tree.omitted).toBe(1);
  });

  test("is refused for directories that nobody told of as for entries", () => {
    expect(() => new EntryTree([file("a"), file("b"), file("c")], 0, 2)).toThrow(/more than 2/);
    expect(() => new EntryTree([file("a/b/c")], 0, 2)).toThrow(/more than 2/);
    expect([...new EntryTree([file("a/b/c")], 0, 3).paths()]).toEqual(["a", "a/b", "a/b/c"]);
  });

  test("keeps a directory under whose name a link to nothing comes later", () => {
    const tree = new EntryTree([file("d/f"), file("d", { linkTo: "nothing" })]);
    expect(tree.list("").map(({ name }) => name)).toEqual(["d"]);
    expect(tree.list("d").map(({ name }) => name)).toEqual(["f"]);
    expect(tree.omitted).toBe(1);
  });
});
