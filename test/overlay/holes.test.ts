/** One file against an array of bytes: whatever is written, cut, punched and zeroed, over a base and over nothing. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AllocationMode, run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

const chunkSize = 4096;
const long = new Uint8Array(3 * chunkSize + 100).map((_, i) => (i % 250) + 1);

const offset = fc.oneof(
  fc.nat(5 * chunkSize),
  fc.constantFrom(0, 1, chunkSize - 1, chunkSize, 2 * chunkSize, 3 * chunkSize + 100),
);
const length = fc.oneof(fc.integer({ min: 1, max: 2 * chunkSize }), fc.constantFrom(chunkSize));
const step = fc.oneof(
  fc.record({ op: fc.constant("write" as const), offset, length }),
  fc.record({ op: fc.constant("truncate" as const), offset }),
  fc.record({
    op: fc.constantFrom("punch" as const, "zero" as const, "zeroKeep" as const),
    offset,
    length,
  }),
  fc.record({ op: fc.constant("commit" as const) }),
  fc.record({ op: fc.constant("remount" as const) }),
);

const modes = {
  punch: { punchHole: true, keepSize: true },
  zero: { zeroRange: true },
  zeroKeep: { zeroRange: true, keepSize: true },
} as const satisfies Record<string, AllocationMode>;

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}

/** The first offset at which two arrays differ, their ends included; -1 if they are the same. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.length, b.length);
  for (let at = 0; at < length; at += 1) if (a[at] !== b[at]) return at;
  return -1;
}

async function allocate(f: Fixture, offset: number, length: number, mode: AllocationMode) {
  const handle = await run(f.overlay.open(await f.at("file"), { write: true }));
  await run(f.overlay.fallocate(handle, offset, length, mode));
  await run(f.overlay.release(handle));
}

test.each([
  ["a file of the base", { file: long }],
  ["a new file", {}],
])("%s reads as an array of bytes would, in whatever order it is changed", async (_, tree) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14, size: "max" }), async (steps) => {
      const f = await Fixture.open(tree, { chunkSize });
      if (!("file" in tree)) await f.create("file");
      let bytes: Uint8Array = "file" in tree ? long.slice() : new Uint8Array(0);
      let byte = 1;
      for (const taken of steps) {
        if (taken.op === "commit") await run(f.overlay.commit("strict"));
        else if (taken.op === "remount") await f.remount();
        else if (taken.op === "truncate") {
          await run(f.overlay.setattr(await f.at("file"), { size: taken.offset }));
          bytes = resized(bytes, taken.offset);
        } else if (taken.op === "write") {
          const data = new Uint8Array(taken.length).fill(++byte % 256 || 1);
          await f.writeAt("file", taken.offset, data);
          bytes = resized(bytes, Math.max(bytes.length, taken.offset + taken.length));
          bytes.set(data, taken.offset);
        } else {
          await allocate(f, taken.offset, taken.length, modes[taken.op]);
          const end = taken.offset + taken.length;
          if (taken.op === "zero") bytes = resized(bytes, Math.max(bytes.length, end));
          bytes.fill(0, Math.min(taken.offset, bytes.length), Math.min(end, bytes.length));
        }
      }
      expect(firstDifference(await f.readBytes("file"), bytes)).toBe(-1);
      await f.remount();
      expect(firstDifference(await f.readBytes("file"), bytes)).toBe(-1);
    }),
    { numRuns: 100 },
  );
});

test("a truncation leaves no chunk past the new end in the storage", async () => {
  const f = await Fixture.open({}, { chunkSize });
  await f.create("file", new Uint8Array(3 * chunkSize).fill(1));
  await run(f.overlay.commit("strict"));
  await run(f.overlay.setattr(await f.at("file"), { size: chunkSize + 10 }));
  await run(f.overlay.commit("strict"));
  const stored = [...f.disk.data.values()].map((chunks) => [...chunks.keys()]);
  expect(stored).toEqual([[0, 1]]);
});

describe("a hole punched", () => {
  test("into a file of the base fetches at most its edges and stores no bytes between", async () => {
    const f = await Fixture.open({ file: { size: 100 * chunkSize } }, { chunkSize });
    await allocate(f, 10 * chunkSize, 80 * chunkSize, modes.punch);
    await run(f.overlay.commit("strict"));
    expect([f.base.bytesRead, f.disk.dataBytes]).toEqual([0, 0]);
    await allocate(f, 5, 5 * chunkSize, modes.punch);
    await run(f.overlay.commit("strict"));
    expect(f.base.bytesRead).toBe(2 * chunkSize);
    expect(f.disk.dataBytes).toBe(2 * chunkSize);
  });

  test("into a new file is found by lseek and not counted as blocks", async () => {
    const f = await Fixture.open({}, { chunkSize });
    await f.create("file", new Uint8Array(10 * chunkSize).fill(1));
    await allocate(f, 2 * chunkSize, 3 * chunkSize, modes.punch);
    const handle = await run(f.overlay.open(await f.at("file"), { read: true }));
    expect(await run(f.overlay.lseek(handle, 0, "hole"))).toBe(2 * chunkSize);
    expect(await run(f.overlay.lseek(handle, 2 * chunkSize, "data"))).toBe(5 * chunkSize);
    expect((await run(f.overlay.getattr(handle.inode))).blocks).toBe((7 * chunkSize) / 512);
    await run(f.overlay.commit("strict"));
    expect(f.disk.dataBytes).toBe(7 * chunkSize);
  });

  test("has to keep the size, as Linux has it", async () => {
    const f = await Fixture.open({ file: "data" });
    await expect(allocate(f, 0, 2, { punchHole: true })).rejects.toMatchObject({
      code: "EOPNOTSUPP",
    });
  });
});

describe("a hole in a file of the base that is too large to hold", () => {
  const fill = (_: number, into: Uint8Array) => void into.fill(7);

  /** How many chunks each commit brought. */
  async function opened(size: number) {
    const f = await Fixture.open({ file: { size, fill } }, { chunkSize });
    const commits: number[] = [];
    f.disk.before = ({ batch }) => {
      if (batch) commits.push(batch.data.length);
      return undefined;
    };
    const byteAt = async (at: number) => {
      const handle = await run(f.overlay.open(await f.at("file"), { read: true }));
      const into = new Uint8Array(1);
      await run(f.overlay.read(handle, at, into));
      await run(f.overlay.release(handle));
      return into[0];
    };
    return { f, commits, byteAt };
  }

  test("costs no chunk where it reaches the base's end", async () => {
    const size = 2 ** 40;
    const { f, commits, byteAt } = await opened(size);
    await allocate(f, 100, size, modes.punch);
    await run(f.overlay.commit("relaxed"));
    expect(commits).toEqual([1]);
    expect([await byteAt(99), await byteAt(100), await byteAt(size - 1)]).toEqual([7, 0, 0]);
    expect((await run(f.overlay.getattr(await f.at("file")))).size).toBe(size);
  });

  test("is committed on the way where the base goes on behind it", async () => {
    const size = 16_384 * chunkSize;
    const { f, commits, byteAt } = await opened(size);
    await allocate(f, 0, size - 1, modes.punch);
    await run(f.overlay.commit("relaxed"));
    expect(Math.max(...commits)).toBeLessThanOrEqual(4096);
    expect(commits.reduce((sum, count) => sum + count)).toBe(16_384);
    const middle = 8_000 * chunkSize;
    expect([await byteAt(0), await byteAt(middle), await byteAt(size - 1)]).toEqual([0, 0, 7]);
    await f.remount();
    expect([await byteAt(middle), await byteAt(size - 2), await byteAt(size - 1)]).toEqual([
      0, 0, 7,
    ]);
  });
});

test("a range of zeros that ends where no file may is refused before anything is zero", async () => {
  const f = await Fixture.open({ file: "alpha" });
  await expect(allocate(f, 0, 2 ** 50, modes.zero)).rejects.toMatchObject({ code: "EFBIG" });
  expect(await f.read("file")).toBe("alpha");
});
