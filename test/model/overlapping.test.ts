/**
 * Several programs at once on one overlay whose base and storage answer when they like, and whose commits sometimes
 * fail. What each program is told depends on the order things happened in, so only what must be true after any order is
 * checked: link counts are the names there are, a remount shows the same tree, nothing is left over, and a revert of
 * everything shows the base.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deferred, FsError, run } from "../../src/index.ts";
import { expectBase, expectSound, openModel, seed } from "./play.ts";
import { linesOfOverlay, linesOfReference, type Step, Subject, sequence } from "./steps.ts";

const sequences = Math.ceil(Number(process.env["MINIFO_MODEL_SEQUENCES"] ?? 300) / 3);

/** Lets everything go on that does not wait for us. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function overlap(programs: readonly Step[][], order: readonly number[]): Promise<void> {
  const f = await openModel({});
  const waiting: { answer: Deferred<void>; mayFail: boolean }[] = [];
  const wait = (mayFail: boolean) => {
    const answer = new Deferred<void>();
    waiting.push({ answer, mayFail });
    return answer;
  };
  f.base.before = () => wait(false);
  f.disk.before = ({ method }) => wait(method === "commit");
  let running = programs.length;
  const subjects = programs.map(() => new Subject(f));
  const ends = programs.map(async (steps, index) => {
    for (const step of steps) {
      if (step.op === "remount" || step.op === "crash") continue;
      if (step.op === "revert") await run(f.overlay.revert([step.path])).catch(expectFsError);
      else await subjects[index]?.take(step);
    }
    running -= 1;
  });
  const ended = Promise.all(ends);
  for (let turn = 0; running > 0; turn += 1) {
    await settle();
    const pick = order[turn % order.length] ?? 0;
    const [next] = waiting.splice(pick % Math.max(1, waiting.length), 1);
    if (next?.mayFail && pick % 5 === 0) next.answer.reject(new FsError("ENOSPC"));
    else next?.answer.resolve();
  }
  await ended;
  f.base.before = undefined;
  f.disk.before = undefined;
  await run(f.overlay.commit("strict"));
  for (const subject of subjects) await subject.closeAll();
  const reference = await new Subject(f).toReference();
  const lines = linesOfReference(reference.root);
  expect(await linesOfOverlay(f)).toEqual(lines);
  await f.remount();
  expect(await linesOfOverlay(f)).toEqual(lines);
  await expectSound(f.storage, [...f.disk.data.keys()]);
  await run(f.overlay.revert([""])).catch((error) => expect(error.code).toBe("ENOENT"));
  await expectBase(f);
}

function expectFsError(error: unknown): void {
  expect(error).toBeInstanceOf(FsError);
}

test(`${sequences} times three programs that overlap leave a sound overlay`, async () => {
  const programs = fc.array(sequence, { minLength: 3, maxLength: 3 });
  const order = fc.array(fc.nat(1000), { minLength: 50, maxLength: 200 });
  const property = fc.asyncProperty(programs, order, overlap);
  await fc.assert(property, { numRuns: sequences, seed, verbose: 0 });
  console.log(`overlapping: ${sequences} times three programs (MINIFO_SEED=${seed})`);
}, 3_600_000);
