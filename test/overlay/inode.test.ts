/** The numbers of base objects. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { BaseNode } from "../../src/index.ts";
import { identityHash } from "../../src/overlay/identity-hash.ts";
import { Inode } from "../../src/overlay/inode.ts";

test("a base object has the same number by whatever SHA-256 it is computed", () => {
  const ours = identityHash("an overlay");
  const runtimes = identityHash("an overlay", (bytes) =>
    createHash("sha256").update(bytes).digest(),
  );
  for (const identity of ["path:", "path:a/ü", `path:${"long/".repeat(100)}`, "link:1:2"]) {
    expect(runtimes(identity)).toBe(ours(identity));
  }
});

test("an inode takes up new attributes of the base where the content is what it was, and reads go on", () => {
  const node: BaseNode = {
    path: "a",
    type: "file",
    mode: 0o644,
    mtime: { seconds: 1, nanoseconds: 0 },
    size: 3,
    nlink: 1,
    identity: "path:a",
    signature: "3:digest",
  };
  const inode = new Inode(2 ** 52, "file", { base: node });
  inode.seen({ ...node, mtime: { seconds: 2, nanoseconds: 0 } });
  expect([inode.base?.mtime.seconds, inode.cuts]).toEqual([2, 0]);
  inode.seen({ ...node, signature: "3:other" });
  expect([inode.signature, inode.cuts]).toEqual(["3:other", 1]);
});
