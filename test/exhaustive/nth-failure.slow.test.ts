/**
 * Each operation with each single call of the storage or the base failing, the way SQLite is tested: the Nth call fails,
 * for every N until the operation makes no Nth call. An operation that failed has changed nothing, one that succeeded
 * all of it; the overlay goes on, and what it stored in the end is whole.
 */
import { afterAll, expect, test } from "vitest";
import { type ErrorCode, FsError, MemoryDisk, run } from "../../src/index.ts";
import type { Fixture } from "../overlay/fixture.ts";
import { copyOf, faultsOf } from "./disk-states.ts";
import { byExtent, longest_ms } from "./extent.ts";
import { Clock, linesOfOverlay, Mirror } from "./mirror.ts";
import { openOver } from "./play.ts";
import { populate, type Step, type Subject, stepNamed, steps } from "./steps.ts";

/** Of so many operations one is taken. */
const stride = byExtent(1, 2, 8);

/** What is recorded before the operation that is looked at; it has to be loaded again from the storage. */
const pasts: readonly (readonly string[])[] = [
  [],
  ["write f 4090+12", "chmod d", "create d/n", "link g n", "setxattr f user.own", "rename l h"],
  ["rename d n", "unlink g", "truncate f 8242", "mkdir d"],
];

/** How a call fails. */
interface Fault {
  readonly side: "storage" | "base";
  readonly code: ErrorCode;
  /** Only that call, or every one from there on. */
  readonly lasts: boolean;
}

const faults: readonly Fault[] = [
  { side: "storage", code: "EIO", lasts: false },
  { side: "storage", code: "ENOSPC", lasts: true },
  { side: "base", code: "EIO", lasts: false },
  { side: "base", code: "EIO", lasts: true },
];

const counts = { operations: 0, failures: 0, failedOperations: 0, failedSyncs: 0 };

afterAll(() => console.log(`failing calls: ${JSON.stringify(counts)}`));

/** A state of the storage and of the mirror to begin from. */
interface Past {
  readonly disk: MemoryDisk;
  readonly taken: readonly Step[];
}

async function pastOf(names: readonly string[]): Promise<Past> {
  const [disk, clock, taken] = [new MemoryDisk(), new Clock(), names.map(stepNamed)];
  const f = await openOver(disk, clock);
  for (const step of taken) await step.onOverlay({ f, held: [] });
  await run(f.overlay.close());
  return { disk, taken };
}

/** The mirror's lines after `past`, after `step` too, and between where the step is several operations. */
function statesOf({ taken }: Past, step: Step): { before: string; after: string; able: boolean } {
  const mirror = new Mirror(new Clock(), populate);
  for (const earlier of taken) mirror.code(() => earlier.onMirror(mirror));
  const before = textOf(mirror.lines(!step.isRevert));
  const able = mirror.code(() => step.onMirror(mirror)) === undefined;
  return { before, after: textOf(mirror.lines(!step.isRevert)), able };
}

function textOf(lines: readonly string[]): string {
  return lines.join("\n");
}

/** Makes the `nth` call from now on fail; the answer tells how many calls there were. */
function arm(f: Fixture, disk: MemoryDisk, { side, code, lasts }: Fault, nth: number) {
  const armed = { calls: 0, disarm };
  const before = () => {
    armed.calls += 1;
    if (lasts ? armed.calls >= nth : armed.calls === nth) {
      throw new FsError(code, { reason: `call ${armed.calls} of the ${side} is told to fail` });
    }
    return undefined;
  };
  if (side === "storage") disk.before = before;
  else f.base.before = before;
  function disarm(): void {
    disk.before = undefined;
    f.base.before = undefined;
  }
  return armed;
}

/** The code `operation` fails with; anything that is not an `FsError` is not its fate but a bug. */
async function codeOf(operation: Promise<unknown>): Promise<string | undefined> {
  try {
    await operation;
    return undefined;
  } catch (error) {
    if (error instanceof FsError) return error.code;
    throw error;
  }
}

/** Takes `step` with the `nth` call failing, and all checks; returns whether there was such a call. */
async function takeWithFault(past: Past, step: Step, fault: Fault, nth: number): Promise<boolean> {
  const { side, code, lasts } = fault;
  const where = `${past.taken.map(({ name }) => name)}; ${step.name}; call ${nth} of the ${side} ${
    lasts ? "and all after it fail" : "fails"
  } with ${code}`;
  const { before, after } = statesOf(past, step);
  const [disk, clock] = [copyOf(past.disk), new Clock()];
  const f = await openOver(disk, clock);
  const subject: Subject = { f, held: [] };
  const armed = arm(f, disk, fault, nth);
  const failed = await codeOf(step.onOverlay(subject));
  if (failed !== undefined) {
    counts.failedOperations += 1;
    expect([where, failed]).toEqual([where, code]);
  }
  const synced = await codeOf(run(f.overlay.commit("strict")));
  if (synced !== undefined) {
    counts.failedSyncs += 1;
    expect([where, synced]).toEqual([where, code]);
  }
  armed.disarm();
  const isMade = armed.calls >= nth;
  counts.operations += 1;
  if (isMade) counts.failures += 1;
  const now = textOf(await linesOfOverlay(f, !step.isRevert));
  if (failed === undefined) expect([where, now]).toEqual([where, after]);
  else if (now !== after && !step.isSeveral) {
    expect([where, now]).toEqual([where, before]);
    await step.onOverlay(subject);
    expect([where, textOf(await linesOfOverlay(f, !step.isRevert))]).toEqual([where, after]);
  } else if (!step.isRevert && !step.isSeveral) expect([where, now]).toEqual([where, before]);
  for (const handle of subject.held) await run(f.overlay.release(handle));
  const last = await linesOfOverlay(f, !step.isRevert);
  await run(f.overlay.commit("strict"));
  const reopened = await openOver(copyOf(disk), clock);
  expect([where, await linesOfOverlay(reopened, !step.isRevert)]).toEqual([where, last]);
  expect([where, faultsOf(disk)]).toEqual([where, []]);
  return isMade;
}

for (const names of pasts) {
  test(
    `every operation gets through a failure of each of its calls${names.length > 0 ? ` after ${names.join(", ")}` : ""}`,
    async () => {
      const past = await pastOf(names);
      const able = steps.filter((step) => statesOf(past, step).able);
      expect(able.length).toBeGreaterThan(60);
      for (const [index, step] of able.entries()) {
        if (index % stride !== 0) continue;
        for (const fault of faults) {
          for (let nth = 1; await takeWithFault(past, step, fault, nth); ) nth += 1;
        }
      }
    },
    longest_ms,
  );
}

test("opening gets through a failure of each of its calls, and the next opening succeeds", async () => {
  const past = await pastOf(["write f 4090+12", "link g n", "rename d/c d/n"]);
  const orphaned = copyOf(past.disk);
  const clock = new Clock();
  const owner = await openOver(orphaned, clock);
  const holding = stepNamed("hold-unlinked f");
  expect(statesOf(past, holding).able).toBe(true);
  await holding.onOverlay({ f: owner, held: [] });
  await run(owner.overlay.commit("strict"));
  expect(orphaned.orphans.size).toBe(1);
  const expected = await linesOfOverlay(owner, true);
  let failures = 0;
  for (let nth = 1; ; nth += 1) {
    const disk = copyOf(orphaned);
    let calls = 0;
    disk.before = () => {
      calls += 1;
      if (calls === nth) throw new FsError("EIO", { reason: "told to fail" });
      return undefined;
    };
    const failed = await codeOf(openOver(disk, clock));
    disk.before = undefined;
    if (calls >= nth) expect([nth, failed]).toEqual([nth, "EIO"]);
    failures += failed === undefined ? 0 : 1;
    const f = await openOver(disk, clock);
    expect([nth, await linesOfOverlay(f, true)]).toEqual([nth, expected]);
    expect([nth, faultsOf(disk)]).toEqual([nth, []]);
    if (calls < nth) break;
  }
  expect(failures).toBeGreaterThan(5);
});

test("closing tells of a commit that failed, and leaves what was safe before", async () => {
  const disk = copyOf((await pastOf(["create n"])).disk);
  const f = await openOver(disk, new Clock());
  const expected = await linesOfOverlay(f, true);
  await stepNamed("unlink f").onOverlay({ f, held: [] });
  disk.before = ({ method }) => {
    if (method === "commit") throw new FsError("ENOSPC");
    return undefined;
  };
  expect(await codeOf(run(f.overlay.close()))).toBe("ENOSPC");
  disk.before = undefined;
  expect(await linesOfOverlay(await openOver(disk, new Clock()), true)).toEqual(expected);
});

test("on a full storage every write is kept in order, others are refused, reads go on, and room heals it", async () => {
  const past = await pastOf(["write f 4090+12", "create n"]);
  const able = steps.filter((step) => {
    const { able, before, after } = statesOf(past, step);
    return able && before !== after && !step.isRevert;
  });
  let refused = 0;
  for (const [index, step] of able.entries()) {
    if (index % stride !== 0) continue;
    const [disk, clock] = [copyOf(past.disk), new Clock()];
    const f = await openOver(disk, clock);
    const { after } = statesOf(past, step);
    const open = await run(f.overlay.open(await f.at("d/c"), { write: true }));
    const subject: Subject = { f, held: [open] };
    disk.capacity = disk.dataBytes - 1;
    const where = `${step.name} on a full storage`;
    expect([where, await codeOf(step.onOverlay(subject))]).toEqual([where, undefined]);
    expect([where, await codeOf(run(f.overlay.commit("strict")))]).toEqual([where, "ENOSPC"]);
    const more = [() => f.mkdir("x"), () => run(f.overlay.write(open, 0, new Uint8Array(3)))];
    for (const change of more) {
      expect([where, await codeOf(change())]).toEqual([where, "ENOSPC"]);
      refused += 1;
    }
    expect([where, textOf(await linesOfOverlay(f, true))]).toEqual([where, after]);
    disk.capacity = Number.POSITIVE_INFINITY;
    expect([where, await codeOf(f.mkdir("z"))]).toEqual([where, undefined]);
    const last = await linesOfOverlay(f, true);
    for (const handle of subject.held) await run(f.overlay.release(handle));
    await run(f.overlay.commit("strict"));
    expect([where, await linesOfOverlay(await openOver(copyOf(disk), clock), true)]).toEqual([
      where,
      last,
    ]);
    expect([where, faultsOf(disk)]).toEqual([where, []]);
  }
  expect(refused).toBeGreaterThan(20);
});
