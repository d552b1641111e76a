/** Reading files that somebody may exchange meanwhile. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readQuietly } from "../../../node/base/quiet-reading.ts";

test("a fifo in the place of a file is not waited for", () => {
  const directory = mkdtempSync(join(tmpdir(), "minifo-quiet-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const place = join(directory, "pipe");
  execFileSync("mkfifo", [place]);
  const taker = { begin: () => {}, take: () => {} };
  expect(() => readQuietly(place, taker, () => {})).toThrow(
    expect.objectContaining({ code: "ENOENT" }),
  );
});
