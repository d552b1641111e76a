/** Files made safe by other threads, as a mount has it done: `safeguardAside`. */
import fs, { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { safeguardAside } from "../../../node/storage/safeguard.ts";

const { fdatasync } = fs;

afterEach(() => {
  Object.assign(fs, { fdatasync });
  syncBuiltinESMExports();
});

test("asks for every file at once, and is done when the last of them is", async () => {
  const asked: { file: number; done: (error: Error | null) => void }[] = [];
  Object.assign(fs, {
    fdatasync: (file: number, done: (error: Error | null) => void) => asked.push({ file, done }),
  });
  syncBuiltinESMExports();
  let isDone = false;
  const safe = safeguardAside([3, 4, 5]).then(() => {
    isDone = true;
  });
  expect(asked.map(({ file }) => file)).toEqual([3, 4, 5]);
  for (const index of [1, 2, 0]) {
    await new Promise(setImmediate);
    expect(isDone).toBe(false);
    asked[index]?.done(null);
  }
  await safe;
});

test("says what the system says of a file that cannot be made safe, once the others are", async () => {
  const directory = mkdtempSync(join(tmpdir(), "minifo-safeguard-"));
  const file = openSync(join(directory, "f"), "w");
  const closed = openSync(join(directory, "closed"), "w");
  closeSync(closed);
  const made: number[] = [];
  Object.assign(fs, {
    fdatasync: (asked: number, done: (error: Error | null) => void) =>
      fdatasync(asked, (error) => {
        if (!error) made.push(asked);
        done(error);
      }),
  });
  syncBuiltinESMExports();
  await expect(safeguardAside([closed, file])).rejects.toMatchObject({ code: "EBADF" });
  expect(made).toEqual([file]);
  closeSync(file);
  rmSync(directory, { recursive: true });
});
