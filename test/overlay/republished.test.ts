/** A base that is another one than when the overlay's changes were made: republished, or changing while it is used. */
import { describe, expect, test } from "vitest";
import { MemoryBase, type MemoryTree } from "../../src/base/memory.ts";
import { Overlay, openMemoryStorage, run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

describe("over a republished base", () => {
  test("a file with other attributes or another name only has the new content", async () => {
    const f = await Fixture.open({ a: "alpha", "d/b": "beta" });
    await run(f.overlay.setattr(await f.at("a"), { mode: 0o600 }));
    await f.rename("d/b", "c");
    await f.republish({ a: "new alpha", "d/b": "new beta" });
    expect(await f.read("a")).toBe("new alpha");
    expect(await f.read("c")).toBe("new beta");
    expect((await run(f.overlay.getattr(await f.at("a")))).mode & 0o777).toBe(0o600);
  });

  test("a file that is first written over the new content never mixes it with a third one", async () => {
    const f = await Fixture.open({ a: "one".repeat(50_000) });
    await run(f.overlay.setattr(await f.at("a"), { mode: 0o600 }));
    await f.republish({ a: "two".repeat(50_000) });
    await f.writeAt("a", 0, "T");
    await f.remount();
    expect((await f.read("a")).slice(0, 5)).toBe("Twotw");
    await f.republish({ a: "six".repeat(50_000) });
    expect(new TextDecoder().decode(await f.readAt("a", 0, 5))).toBe("Twotw");
    await expect(f.readAt("a", 100_000, 5)).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("one name of a file that the base has lost can go, and the other keeps its data", async () => {
    const f = await Fixture.open({ a: "alpha", b: "beta" });
    await f.link("a", "c");
    await f.writeAt("c", 0, "ALPHA");
    await f.republish({ b: "beta" });
    expect((await run(f.overlay.getattr(await f.at("a")))).nlink).toBe(2);
    await f.unlink("c");
    expect(await f.read("a")).toBe("ALPHA");
    await f.unlink("a");
    await run(f.overlay.commit("strict"));
    expect([f.disk.data.size, [...f.disk.nodes.keys()]]).toEqual([0, [1]]);
  });

  test("one name of a link group that the base has lost can go, and the other keeps its data", async () => {
    const file = { content: "same", link: "g" };
    const f = await Fixture.open({ a: file, b: file, c: "other" });
    await f.writeAt("a", 0, "OURS");
    await f.rename("b", "d");
    await f.republish({ c: "other" });
    await f.unlink("d");
    expect(await f.read("a")).toBe("OURS");
  });

  test("a renamed directory that the base has lost shows what is ours, with a link count that can be", async () => {
    const f = await Fixture.open({ "d/e/x": "x", "d/f/x": "x" });
    await f.unlink("d/e/x");
    await f.rmdir("d/e");
    await f.rename("d", "moved");
    await f.create("moved/ours", "ours");
    await f.republish({ other: "other" });
    expect((await run(f.overlay.getattr(await f.at("moved")))).nlink).toBe(2);
    expect(await f.names("moved")).toEqual(["ours"]);
  });

  test("a directory with changes in it stays one where the base has a file now", async () => {
    const f = await Fixture.open({ "d/x": "x", "d/y": "y" });
    await f.writeAt("d/x", 0, "OURS");
    await f.republish({ d: "a file" });
    expect(await f.read("d/x")).toBe("OURS");
    await f.create("d/new", "new");
    await f.remount();
    expect(await f.names("d")).toEqual(["new", "x"]);
  });
});

describe("over a base that changes while it is used", () => {
  async function changing(before: MemoryTree, after: MemoryTree) {
    const f = await Fixture.open(before);
    const later = new MemoryBase(after);
    const change = () => {
      f.base.lookup = (path) => later.lookup(path);
      f.base.list = (path) => later.list(path);
      f.base.read = (node, offset, into) => later.read(node, offset, into);
    };
    return { f, change };
  }

  test("an open file without changes, and one with other attributes, go on with the new content", async () => {
    const { f, change } = await changing({ a: "alpha", b: "beta" }, { a: "ALPHA", b: "BETA" });
    await run(f.overlay.setattr(await f.at("a"), { mode: 0o600 }));
    const handle = await run(f.overlay.open(await f.at("b"), { read: true }));
    change();
    expect(await f.read("a")).toBe("ALPHA");
    const into = new Uint8Array(4);
    await run(f.overlay.read(handle, 0, into));
    expect(new TextDecoder().decode(into)).toBe("BETA");
  });

  test("a first write takes its edges from the new content", async () => {
    const { f, change } = await changing({ a: "alpha" }, { a: "ALPHA and more" });
    await f.at("a");
    const handle = await run(f.overlay.open(await f.at("a"), { write: true }));
    change();
    await run(f.overlay.write(handle, 1, new TextEncoder().encode("_")));
    expect(await f.read("a")).toBe("A_PHA and more");
  });

  test("a written file says ESTALE for what it does not hold, and keeps what it holds", async () => {
    const [before, after] = ["b".repeat(150_000), "a".repeat(150_000)];
    const { f, change } = await changing({ file: before }, { file: after });
    await f.writeAt("file", 0, "ours");
    change();
    expect(new TextDecoder().decode(await f.readAt("file", 0, 6))).toBe("oursbb");
    await expect(f.readAt("file", 100_000, 10)).rejects.toMatchObject({ code: "ESTALE" });
    await expect(f.writeAt("file", 100_000, "x")).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("a file that becomes a directory is one, unless ours was changed", async () => {
    const { f, change } = await changing({ a: "alpha", b: "beta" }, { "a/x": "x", "b/x": "x" });
    await f.at("a");
    await f.writeAt("b", 0, "B");
    change();
    expect(await f.names("a")).toEqual(["x"]);
    expect(await f.read("a/x")).toBe("x");
    expect(await f.read("b")).toBe("Beta");
  });

  test("a directory that it loses still lists what is ours", async () => {
    const { f, change } = await changing({ "d/a": "alpha", b: "beta" }, { b: "beta" });
    await f.create("d/new", "new");
    change();
    expect(await f.names("d")).toEqual(["new"]);
  });
});

test("another base is refused for reading, too", async () => {
  const f = await Fixture.open({ a: "alpha" });
  await run(f.overlay.close());
  class OtherBase extends MemoryBase {
    override readonly locator = "memory:other";
  }
  const base = new OtherBase({ b: "beta" }, { identity: "other" });
  const open = (adoptBase: boolean) =>
    run(Overlay.open({ base, storage: openMemoryStorage(f.disk), readOnly: true, adoptBase }));
  await expect(open(false)).rejects.toMatchObject({ code: "EINVAL" });
  expect((await open(true)).readOnly).toBe(true);
});
