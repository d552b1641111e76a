/** Operations that are overtaken: what they were told was right when they asked, and is not any more when it comes. */
import { expect, test } from "vitest";
import { Deferred, MemoryDisk, openMemoryStorage, run, type Storage } from "../../src/index.ts";
import { waitFor } from "../../src/operation.ts";
import { context, Fixture } from "../overlay/fixture.ts";
import { faultsOf } from "./disk-states.ts";

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

test("rmdir sees a file that is made in the directory after it was found to be empty", async () => {
  const f = await Fixture.open({ d: { type: "directory" } });
  const gate = new Deferred<void>();
  let isListed = false;
  f.base.before = (question, path) => {
    if (question === "list") isListed = true;
    return isListed && question === "lookup" && path === "d" ? gate : undefined;
  };
  const directory = await f.at("d");
  const removal = f.rmdir("d").catch((error) => error.code);
  await settle();
  expect(isListed).toBe(true);
  const made = run(f.overlay.mkdir(directory, "new", 0o755, context));
  await settle();
  gate.resolve();
  await made;
  expect(await removal).toBe("ENOTEMPTY");
  expect(await f.names("d")).toEqual(["new"]);
});

test("rename replaces what was made under the new name after nothing was found there", async () => {
  const disk = new MemoryDisk();
  const f = await Fixture.open({ f: "old" }, { openStorage: () => openMemoryStorage(disk) });
  const gate = new Deferred<void>();
  let lookups = 0;
  f.base.before = (question, path) => {
    if (question !== "lookup" || path !== "n") return undefined;
    lookups += 1;
    return lookups === 2 ? gate : undefined;
  };
  const { root } = f.overlay;
  const renamed = run(f.overlay.rename(root, "f", root, "n"));
  await settle();
  expect(lookups).toBe(2);
  await run(f.overlay.mknod(root, "n", 0o100644, 0, context));
  gate.resolve();
  await renamed;
  expect(await f.names("")).toEqual(["n"]);
  expect(await f.read("n")).toBe("old");
  await run(f.overlay.commit("strict"));
  expect(faultsOf(disk)).toEqual([]);
});
