/** Reads that are overtaken: bytes that were right when they were asked for, and are not any more when they come. */
import { expect, test } from "vitest";
import { Deferred, MemoryDisk, openMemoryStorage, run, type Storage } from "../../src/index.ts";
import { waitFor } from "../../src/operation.ts";
import { Fixture } from "../overlay/fixture.ts";

const chunkSize = 4096;

/** Lets everything that can go on without what is held back go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A storage that reads at once, but gives what the first read found only when `gate` opens. */
function slowOnce(storage: Storage, gate: Deferred<void>): Storage {
  let isFirst = true;
  const slow: Storage["readData"] = function* (content, offset, into) {
    const isSlow = isFirst;
    isFirst = false;
    yield* storage.readData(content, offset, into);
    if (isSlow) yield* waitFor(gate);
  };
  return new Proxy(storage, {
    get(target, key) {
      if (key === "readData") return slow;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("a write does not lay an old chunk over what was written and committed while it waited", async () => {
  const [disk, gate] = [new MemoryDisk(), new Deferred<void>()];
  const first = await Fixture.open(
    { f: "b".repeat(3 * chunkSize) },
    { chunkSize, openStorage: () => openMemoryStorage(disk) },
  );
  await first.writeAt("f", 5, "local");
  await run(first.overlay.close());
  const f = await Fixture.open(
    { f: "b".repeat(3 * chunkSize) },
    { chunkSize, openStorage: () => slowOnce(openMemoryStorage(disk), gate) },
  );
  const late = f.writeAt("f", 20, "late");
  await settle();
  await f.writeAt("f", 30, "meanwhile");
  await run(f.overlay.commit("strict"));
  gate.resolve();
  await late;
  const expected = `${"b".repeat(5)}local${"b".repeat(10)}late${"b".repeat(6)}meanwhile`;
  expect((await f.read("f")).slice(0, 39)).toBe(expected);
  await run(f.overlay.commit("strict"));
  await f.crash();
  expect((await f.read("f")).slice(0, 39)).toBe(expected);
});

test("a read that waited gives no mixture of what was before a truncation and after it", async () => {
  const f = await Fixture.open({ f: "b".repeat(3 * chunkSize) }, { chunkSize });
  await f.writeAt("f", chunkSize, "x".repeat(chunkSize));
  const gate = new Deferred<void>();
  f.base.before = (question) => (question === "read" ? gate : undefined);
  const read = f.readAt("f", 0, 2 * chunkSize);
  await settle();
  const inode = await f.at("f");
  await run(f.overlay.setattr(inode, { size: 3 }));
  await run(f.overlay.setattr(inode, { size: 2 * chunkSize }));
  gate.resolve();
  const text = new TextDecoder().decode(await read);
  const before = "b".repeat(chunkSize) + "x".repeat(chunkSize);
  const after = "bbb".padEnd(2 * chunkSize, "\0");
  expect([before, after]).toContain(text);
});
