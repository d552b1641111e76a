/** Data that goes into its file before the commit that claims it, and files that somebody else makes safe meanwhile. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDiskStorage } from "../../../node/storage/disk.ts";
import { Deferred, FsError, type Handle, run, waitFor } from "../../../src/index.ts";
import { Fixture } from "../../overlay/fixture.ts";
import { patterned } from "../../storage/contract.ts";

const chunkSize = 4096;

let directory: string;
let gate: Deferred<void>;
/** How many files each call of the safeguard was given. */
let guarded: number[];
let f: Fixture;

/** Makes nothing safe before the gate opens. */
function* safeguard(files: readonly number[]) {
  guarded.push(files.length);
  yield* waitFor(gate);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "minifo-staging-"));
  gate = new Deferred();
  guarded = [];
  f = await Fixture.open(
    {},
    { chunkSize, openStorage: () => openDiskStorage(directory, { safeguard }) },
  );
});

afterEach(async () => {
  gate.resolve();
  await run(f.overlay.commit("strict")).catch(() => {
    // A test of failures leaves one behind; closing is all that is wanted here.
  });
  await run(f.storage.close());
  rmSync(directory, { recursive: true });
});

/** Makes `name` and opens it for reading and writing. */
async function opened(name: string): Promise<Handle> {
  await f.create(name);
  return await run(f.overlay.open(await f.at(name), { read: true, write: true }));
}

async function bytesOf(handle: Handle): Promise<Uint8Array> {
  const into = new Uint8Array(16 * chunkSize);
  return into.subarray(0, await run(f.overlay.read(handle, 0, into)));
}

/** Paths of all content files. */
function contentFiles(): string[] {
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return files
    .filter((path) => path.startsWith("content/"))
    .map((path) => join(directory, path))
    .filter((path) => statSync(path).isFile());
}

/** Whether `promise` settles by itself; what can go on has done so once all else has had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe("whole chunks", () => {
  test("are in their file at once, and no memory waits for a commit", async () => {
    const handle = await opened("new");
    const bytes = patterned(4 * chunkSize + 100, 1);
    await run(f.overlay.write(handle, 0, bytes));
    expect(contentFiles().map((path) => readFileSync(path).length)).toEqual([4 * chunkSize]);
    // The rest of a chunk waits in memory, as ever.
    expect(f.overlay.gatheredBytes).toBeLessThan(chunkSize);
    expect(await bytesOf(handle)).toEqual(bytes);
    gate.resolve();
    await run(f.overlay.commit("strict"));
    expect(guarded).toEqual([1]);
    await f.crash();
    expect(await bytesOf(await run(f.overlay.open(await f.at("new"), { read: true })))).toEqual(
      bytes,
    );
  });

  test("of a file that is removed again are gone with it", async () => {
    const handle = await opened("new");
    await run(f.overlay.write(handle, 0, patterned(chunkSize, 1)));
    await run(f.overlay.release(handle));
    await run(f.overlay.unlink(f.overlay.root, "new"));
    gate.resolve();
    await run(f.overlay.commit("strict"));
    expect(contentFiles()).toEqual([]);
  });

  test("that were cut off and written anew are what was written last", async () => {
    const handle = await opened("new");
    await run(f.overlay.write(handle, 0, patterned(4 * chunkSize, 1)));
    await run(f.overlay.setattr(handle.inode, { size: chunkSize }));
    await run(f.overlay.write(handle, 2 * chunkSize, patterned(chunkSize, 7)));
    gate.resolve();
    await run(f.overlay.commit("strict"));
    const expected = new Uint8Array(3 * chunkSize);
    expected.set(patterned(chunkSize, 1));
    expected.set(patterned(chunkSize, 7), 2 * chunkSize);
    expect(await bytesOf(handle)).toEqual(expected);
    await f.crash();
    const again = await run(f.overlay.open(await f.at("new"), { read: true }));
    expect(await bytesOf(again)).toEqual(expected);
  });
});

describe("while files are made safe", () => {
  test("all is read and written on, and the commit after it has the rest", async () => {
    const handle = await opened("new");
    await run(f.overlay.write(handle, 0, patterned(2 * chunkSize, 1)));
    const first = run(f.overlay.commit("relaxed"));
    expect(await isSettled(first)).toBe(false);
    const bytes = patterned(6 * chunkSize, 2);
    await run(f.overlay.write(handle, 0, bytes));
    expect(await bytesOf(handle)).toEqual(bytes);
    gate.resolve();
    await first;
    await run(f.overlay.commit("strict"));
    await f.crash();
    const again = await run(f.overlay.open(await f.at("new"), { read: true }));
    expect(await bytesOf(again)).toEqual(bytes);
  });

  test("changes wait once they are told to, and nothing else does", async () => {
    const handle = await opened("new");
    await run(f.overlay.write(handle, 0, patterned(2 * chunkSize, 1)));
    f.overlay.hasten();
    await run(f.overlay.write(handle, 0, patterned(3 * chunkSize, 1)));
    const commit = run(f.overlay.commit("relaxed"));
    f.overlay.hasten();
    const write = run(f.overlay.write(handle, 0, patterned(4 * chunkSize, 2)));
    expect(await isSettled(write)).toBe(false);
    expect(await bytesOf(handle)).toEqual(patterned(3 * chunkSize, 1));
    gate.resolve();
    await commit;
    await write;
    expect(await bytesOf(handle)).toEqual(patterned(4 * chunkSize, 2));
  });

  test("a failure leaves everything in place, to be committed again", async () => {
    const handle = await opened("new");
    const bytes = patterned(3 * chunkSize, 1);
    await run(f.overlay.write(handle, 0, bytes));
    const commit = run(f.overlay.commit("strict"));
    const more = patterned(2 * chunkSize, 3);
    await run(f.overlay.write(handle, 3 * chunkSize, more));
    gate.reject(new FsError("EIO"));
    await expect(commit).rejects.toThrow("EIO");
    gate = new Deferred();
    gate.resolve();
    const all = new Uint8Array([...bytes, ...more]);
    expect(await bytesOf(handle)).toEqual(all);
    await run(f.overlay.commit("strict"));
    await f.crash();
    const again = await run(f.overlay.open(await f.at("new"), { read: true }));
    expect(await bytesOf(again)).toEqual(all);
  });

  test("they are done side by side, as many as may be open", async () => {
    for (let i = 0; i < 70; i += 1) {
      const handle = await opened(`f${i}`);
      await run(f.overlay.write(handle, 0, patterned(chunkSize, i)));
      await run(f.overlay.release(handle));
    }
    gate.resolve();
    await run(f.overlay.commit("strict"));
    expect(guarded).toEqual([32, 32, 6]);
  });
});
