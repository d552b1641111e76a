/** The numbers of base objects. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { identityHash } from "../../src/overlay/inode.ts";

test("a base object has the same number by whatever SHA-256 it is computed", () => {
  const ours = identityHash("an overlay");
  const runtimes = identityHash("an overlay", (bytes) =>
    createHash("sha256").update(bytes).digest(),
  );
  for (const identity of ["path:", "path:a/ü", `path:${"long/".repeat(100)}`, "link:1:2"]) {
    expect(runtimes(identity)).toBe(ours(identity));
  }
});
