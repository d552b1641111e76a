/**
 * All sequences of one and of two operations, with a crash after every fsync and before and after every commit. Pairs
 * take turns with the schedules. One pair in six is played, with `MINIFO_EXHAUSTIVE=full` every pair in all schedules.
 */
import { afterAll, expect, test } from "vitest";
import { byExtent, longest_ms } from "./extent.ts";
import { play, played, schedules, succeeds } from "./play.ts";
import { type Step, stepNamed, steps } from "./steps.ts";

/** Of so many pairs one is played. */
const stride = byExtent(1, 6, 40);
const isFull = byExtent(true, false, false);

afterAll(() => {
  const { sequences, steps, commits, crashes } = played;
  console.log(
    `exhaustive: ${sequences} sequences, ${steps} steps, ${commits} commits, ${crashes} states after a crash`,
  );
});

test("every operation alone does what the reference does, and survives a crash at each commit", async () => {
  for (const step of steps) {
    for (const schedule of succeeds([], step) ? schedules : schedules.slice(0, 1)) {
      await play([step], schedule);
    }
  }
});

const close = [
  ...["create", "unlink", "mkdir", "rmdir"].flatMap((op) => [`${op} n`, `${op} f`]),
  ...["rename f n", "rename n f", "rename exchange f l", "link f n", "revert everything"],
  ...["write f 5+10", "write f 4090+12", "write n 5+10", "chmod f", "setxattr f user.own"],
  ...["truncate f 0", "truncate f 3", "truncate f 8242", "truncate f 16391", "hold-unlinked f"],
].map(stepNamed);

test("two operations on the same name and data do so, the second beside the commit of the first", async () => {
  const beside = schedules.filter((schedule) => schedule.startsWith("each while"));
  for (const first of close.filter((step) => succeeds([], step))) {
    for (const second of close.filter((step) => succeeds([first], step))) {
      for (const schedule of beside) await play([first, second], schedule);
    }
  }
});

/** After `first` all that fail then do so in one go: they leave nothing to crash. */
async function playPairsAfter(first: Step, turn: number): Promise<void> {
  const able = steps.filter((second) => succeeds([first], second));
  const unable = steps.filter((second) => !able.includes(second));
  await play([first, ...unable], "all are synced together");
  for (const [index, second] of able.entries()) {
    if ((turn + index) % stride !== 0) continue;
    const ways = isFull ? schedules : [schedules[(turn + index) % schedules.length]];
    for (const schedule of ways) if (schedule) await play([first, second], schedule);
  }
}

test(
  "two operations, whichever, do what the reference does, and survive a crash at each commit",
  async () => {
    const able = steps.filter((step) => succeeds([], step));
    expect(able.length).toBeGreaterThan(100);
    for (const [turn, first] of able.entries()) await playPairsAfter(first, turn);
  },
  longest_ms,
);

test(
  "a file that is open without a name takes nothing along from one that a revert brought back in its place",
  async () => {
    const revert = steps.filter(({ isRevert }) => isRevert);
    const held = steps.filter(({ name }) => name.startsWith("hold-unlinked"));
    for (const [turn, first] of held.filter((step) => succeeds([], step)).entries()) {
      for (const [index, third] of steps.entries()) {
        if ((turn + index) % byExtent(1, 2, 20) !== 0 || !succeeds(revert, third)) continue;
        const schedule = schedules[(turn + index) % schedules.length];
        if (schedule) await play([first, ...revert, third], schedule);
      }
    }
  },
  longest_ms,
);
