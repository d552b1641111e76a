import { describe, expect, test } from "vitest";
import { Deferred, drive, memoryBase, run } from "../../src/index.ts";
import { baseContract, contractTree } from "./contract.ts";

baseContract({ name: "memory", make: async () => memoryBase(contractTree) });

describe("a base in memory", () => {
  test("makes the directories on the way to a file", async () => {
    const base = memoryBase({ "a/b/c": "text" });
    expect(await run(base.lookup("a/b"))).toMatchObject({ type: "directory", nlink: 2 });
  });

  test("counts what it is asked and the bytes it gives", async () => {
    const base = memoryBase({ f: "12345" });
    const node = await run(base.lookup("f"));
    if (!node) throw new Error("f is missing");
    await run(base.read(node, 1, new Uint8Array(100)));
    expect(base.bytesRead).toBe(4);
    expect(base.asked).toEqual({ lookup: 1, list: 0, read: 1 });
  });

  test("makes the bytes of a large file when they are read", async () => {
    const size = 2 ** 33;
    const fill = (offset: number, into: Uint8Array): Uint8Array => into.fill(offset % 251);
    const base = memoryBase({ big: { size, fill } });
    const node = await run(base.lookup("big"));
    if (!node) throw new Error("big is missing");
    const into = new Uint8Array(8);
    expect(await run(base.read(node, size - 3, into))).toBe(3);
    expect(into[0]).toBe((size - 3) % 251);
  });

  test("holds an answer back as long as the hook wants", () => {
    const gate = new Deferred<void>();
    const base = memoryBase(
      { f: "x" },
      { before: (question) => (question === "lookup" ? gate : undefined) },
    );
    let size: number | undefined;
    drive(
      base.lookup("f"),
      (node) => {
        size = node?.size;
      },
      () => {},
    );
    expect(size).toBeUndefined();
    gate.resolve();
    expect(size).toBe(1);
  });

  test("shows the attributes it was given", async () => {
    const base = memoryBase({ f: { content: "x", uid: 5, gid: 6, xattrs: { "user.a": "b" } } });
    const node = await run(base.lookup("f"));
    expect(node).toMatchObject({ uid: 5, gid: 6 });
    expect(node?.xattrs?.get("user.a")).toEqual(new TextEncoder().encode("b"));
  });
});
