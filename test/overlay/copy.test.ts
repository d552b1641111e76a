/** Ranges copied between files: the same bytes as two arrays would have, and no byte moved that need not be. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

const chunkSize = 4096;
const long = new Uint8Array(5 * chunkSize + 100).map((_, i) => (i % 250) + 1);

async function copy(
  f: Fixture,
  from: string,
  at: number,
  to: string,
  target: number,
  length: number,
) {
  const source = await run(f.overlay.open(await f.at(from), { read: true }));
  const sink = await run(f.overlay.open(await f.at(to), { write: true }));
  const copied = await run(f.overlay.copyRange(source, at, sink, target, length));
  await run(f.overlay.release(source));
  await run(f.overlay.release(sink));
  return copied;
}

describe("a copy of a file of the base", () => {
  test("stores a record and fetches nothing, whatever its size, and is a file of its own", async () => {
    const size = 1024 * 1024 * 1024;
    const f = await Fixture.open({ big: { size } });
    await f.create("copy");
    expect(await copy(f, "big", 0, "copy", 0, Number.MAX_SAFE_INTEGER)).toBe(size);
    await run(f.overlay.commit("strict"));
    expect([f.base.bytesRead, f.disk.dataBytes]).toEqual([0, 0]);
    await f.writeAt("copy", 500_000_000, "changed");
    await f.unlink("big");
    await f.remount();
    expect(new TextDecoder().decode(await f.readAt("copy", 499_999_998, 10))).toBe("\0\0changed\0");
    expect((await run(f.overlay.getattr(await f.at("copy")))).size).toBe(size);
    expect(await f.status()).toEqual(["deleted big", "created copy"]);
  });

  test("is never mixed with a later version of the base", async () => {
    const f = await Fixture.open({ file: long }, { chunkSize });
    await f.create("copy");
    await copy(f, "file", 0, "copy", 0, long.length);
    await f.writeAt("copy", 0, new Uint8Array(chunkSize));
    await f.republish({ file: long.map((byte) => 255 - byte) });
    expect((await f.readAt("copy", 0, 10)).every((byte) => byte === 0)).toBe(true);
    await expect(f.readAt("copy", chunkSize, 10)).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("has the source's own chunks and holes too", async () => {
    const f = await Fixture.open({ file: long }, { chunkSize });
    await f.writeAt("file", chunkSize + 5, "local");
    await run(f.overlay.setattr(await f.at("file"), { size: 100 * chunkSize }));
    await f.create("copy");
    await run(f.overlay.commit("strict"));
    const before = f.disk.dataBytes;
    await copy(f, "file", 0, "copy", 0, 100 * chunkSize);
    await run(f.overlay.commit("strict"));
    expect(f.disk.dataBytes - before).toBe(chunkSize);
    expect(await f.readBytes("copy")).toEqual(await f.readBytes("file"));
  });
});

const offset = fc.oneof(
  fc.nat(7).map((chunk) => chunk * chunkSize),
  fc.nat(6 * chunkSize),
);
const step = fc.oneof(
  fc.record({
    op: fc.constant("copy" as const),
    from: fc.nat(2),
    to: fc.nat(2),
    at: offset,
    target: offset,
    aligned: fc.boolean(),
    length: offset,
  }),
  fc.record({
    op: fc.constant("write" as const),
    to: fc.nat(2),
    at: offset,
    length: fc.integer({ min: 1, max: 2 * chunkSize }),
  }),
  fc.record({ op: fc.constant("truncate" as const), to: fc.nat(2), at: offset }),
  fc.record({ op: fc.constant("commit" as const) }),
  fc.record({ op: fc.constant("remount" as const) }),
);

test("copies, writes and truncations among three files give what arrays give", async () => {
  const names = ["base", "other", "new"] as const;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14, size: "max" }), async (steps) => {
      const f = await Fixture.open({ base: long, other: "short" }, { chunkSize });
      await f.create("new");
      const arrays: Uint8Array[] = [
        long.slice(),
        new TextEncoder().encode("short"),
        new Uint8Array(0),
      ];
      const put = (index: number, at: number, bytes: Uint8Array) => {
        const old = arrays[index] as Uint8Array;
        const grown = new Uint8Array(Math.max(old.length, at + bytes.length));
        grown.set(old);
        grown.set(bytes, at);
        arrays[index] = grown;
      };
      let byte = 0;
      for (const taken of steps) {
        if (taken.op === "commit") await run(f.overlay.commit("strict"));
        else if (taken.op === "remount") await f.remount();
        else if (taken.op === "write") {
          byte = (byte % 255) + 1;
          const bytes = new Uint8Array(taken.length).fill(byte);
          await f.writeAt(names[taken.to] as string, taken.at, bytes);
          put(taken.to, taken.at, bytes);
        } else if (taken.op === "truncate") {
          await run(f.overlay.setattr(await f.at(names[taken.to] as string), { size: taken.at }));
          const cut = new Uint8Array(taken.at);
          cut.set((arrays[taken.to] as Uint8Array).subarray(0, taken.at));
          arrays[taken.to] = cut;
        } else {
          const { from, to, at, length } = taken;
          if (from === to) continue;
          const target = taken.aligned ? at : taken.target;
          const bytes = (arrays[from] as Uint8Array).slice(at, at + length);
          const copied = await copy(
            f,
            names[from] as string,
            at,
            names[to] as string,
            target,
            length,
          );
          expect(copied).toBe(bytes.length);
          if (copied > 0) put(to, target, bytes);
        }
      }
      for (const again of [false, true]) {
        if (again) await f.remount();
        for (const [index, name] of names.entries()) {
          const bytes = await f.readBytes(name);
          expect(Buffer.compare(bytes, arrays[index] as Uint8Array)).toBe(0);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test("a copy within a file ends where the file ended before it", async () => {
  const f = await Fixture.open({ file: "content" });
  expect(await copy(f, "file", 0, "file", 10, 100)).toBe(7);
  expect(await f.read("file")).toBe("content\0\0\0content");
  await expect(copy(f, "file", 0, "file", 10, 100)).rejects.toMatchObject({ code: "EINVAL" });
});
