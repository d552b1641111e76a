import { expect, test } from "vitest";
import { compareTimes } from "../../src/index.ts";
import { wallClock } from "../../src/overlay/clock.ts";

test("two changes in a row never have the same time, however close they are", () => {
  const now = wallClock();
  let last = now();
  for (let i = 0; i < 20_000; i += 1) {
    const next = now();
    expect(compareTimes(next, last)).toBeGreaterThan(0);
    last = next;
  }
});
