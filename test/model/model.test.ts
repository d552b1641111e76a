/** Random sequences of operations, with remounts and crashes between commits. See play.ts for what must be true. */
import fc from "fast-check";
import { afterAll, test } from "vitest";
import { firstBaseIno } from "../../src/overlay/inode.ts";
import { plainHash, play, seed, tell } from "./play.ts";
import { sequence } from "./steps.ts";

const sequences = Number(process.env["MINIFO_MODEL_SEQUENCES"] ?? 300);

afterAll(tell);

/** Eight numbers for all base objects: most of them collide, with recorded nodes and with unrecorded ones. */
const narrow = (key: string) => firstBaseIno + (plainHash(key) % 8);

for (const [name, options] of [
  // So few inodes stay in memory that those in between are swept again and again.
  ["", { maxInodes: 4 }],
  [", with colliding numbers", { hash: narrow }],
] as const) {
  test(`${sequences} random sequences give what the reference gives${name}`, async () => {
    const property = fc.asyncProperty(sequence, (taken) =>
      play(taken, options, ({ disk }) => [...disk.data.keys()]),
    );
    await fc.assert(property, { numRuns: sequences, seed, verbose: 0 });
  }, 3_600_000);
}
