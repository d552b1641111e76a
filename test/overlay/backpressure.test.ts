/** How much may wait in memory for a commit: writers wait once there is more. */
import { expect, test } from "vitest";
import { Deferred, run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

const piece = 64 * 1024;

/** Lets everything go on that does not wait for us. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Writes until the storage, which commits nothing, makes the writer wait; returns how much was taken by then. */
async function takenWithout(commits: number, options: { maxDirtyBytes?: number }): Promise<number> {
  const f = await Fixture.open({}, options);
  await f.create("file");
  await run(f.overlay.commit("strict"));
  const gate = new Deferred<void>();
  let left = commits;
  f.disk.before = ({ method }) => {
    if (method !== "commit") return undefined;
    left -= 1;
    return left >= 0 ? undefined : gate;
  };
  const handle = await run(f.overlay.open(await f.at("file"), { write: true }));
  let taken = 0;
  for (;;) {
    let isTaken = false;
    const write = run(f.overlay.write(handle, taken, new Uint8Array(piece))).then(() => {
      isTaken = true;
    });
    await settle();
    if (isTaken) {
      taken += piece;
      continue;
    }
    gate.resolve();
    await write;
    break;
  }
  expect((await run(f.overlay.getattr(handle.inode))).size).toBe(taken + piece);
  await run(f.overlay.commit("strict"));
  expect(f.disk.dataBytes).toBe(taken + piece);
  return taken;
}

test("a writer waits for a commit once more than maxDirtyBytes lie in memory, and loses nothing", async () => {
  const taken = await takenWithout(0, { maxDirtyBytes: 8 * piece });
  expect(taken).toBe(9 * piece);
});

test("after a commit as much is taken again", async () => {
  expect(await takenWithout(2, { maxDirtyBytes: 8 * piece })).toBe(3 * 9 * piece);
});

test("32 MiB lie in memory at most, unless another bound is given", async () => {
  expect(await takenWithout(0, {})).toBe(32 * 1024 * 1024 + piece);
});
