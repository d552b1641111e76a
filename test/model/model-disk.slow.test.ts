/** The random sequences of model.test.ts over a storage on disk, with what that keeps beside its records. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, test } from "vitest";
import { openDiskStorage } from "../../node/storage/disk.ts";
import { play, seed, tell } from "./play.ts";
import { sequence } from "./steps.ts";

const sequences = Number(process.env["MINIFO_MODEL_DISK_SEQUENCES"] ?? 60);

const directory = mkdtempSync(join(tmpdir(), "minifo-model-"));
afterAll(tell);
afterAll(() => rmSync(directory, { recursive: true }));

/** The ids of the contents that are files in the storage at `place`. */
function contentFiles(place: string): number[] {
  const entries = readdirSync(place, { recursive: true, encoding: "utf8" });
  return entries.flatMap((entry) =>
    /^content\/..\/\d+$/.test(entry) ? [Number(entry.slice(11))] : [],
  );
}

test(`${sequences} random sequences over a storage on disk give what the reference gives`, async () => {
  let count = 0;
  const property = fc.asyncProperty(sequence, async (taken) => {
    count += 1;
    const place = join(directory, String(count));
    const openStorage = () => openDiskStorage(place);
    await play(taken, { openStorage }, () => contentFiles(place));
    rmSync(place, { recursive: true });
  });
  await fc.assert(property, { numRuns: sequences, seed, verbose: 0 });
}, 3_600_000);
