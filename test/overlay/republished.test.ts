/** A base that is another one than when the overlay's changes were made: republished, or changing while it is used. */
import { describe, expect, test } from "vitest";
import { MemoryBase, type MemoryTree } from "../../src/base/memory.ts";
import { FsError, Overlay, openMemoryStorage, run } from "../../src/index.ts";
import { check } from "../../src/overlay/check/check.ts";
import { MemoryInspection } from "../../src/storage/memory-inspection.ts";
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

describe("over a base that brings back what it had lost", () => {
  test("what was renamed meanwhile stays where it is, and its old name is gone", async () => {
    const f = await Fixture.open({ a: "alpha", z: "z" });
    await f.writeAt("a", 0, "OURS!");
    await f.republish({ z: "z" });
    await f.rename("a", "b");
    await f.republish({ a: "another", z: "z" });
    expect((await f.names("")).sort()).toEqual(["b", "z"]);
    expect(await f.read("b")).toBe("OURS!");
    await run(f.overlay.revert([""]));
    expect(await f.read("a")).toBe("another");
  });

  test("a directory that was renamed meanwhile is not found at two places", async () => {
    const f = await Fixture.open({ "a/x": "x" });
    await f.create("a/mine", "mine");
    await f.republish({});
    await f.rename("a", "b");
    await f.republish({ "a/x": "x" });
    expect([await f.names(""), (await f.names("b")).sort()]).toEqual([["b"], ["mine", "x"]]);
  });

  test("what was deleted stays so, whatever stood there meanwhile", async () => {
    const f = await Fixture.open({ a: "alpha" });
    await f.unlink("a");
    await f.create("a", "ours");
    await f.republish({});
    await f.unlink("a");
    await f.republish({ a: "alpha" });
    expect(await f.names("")).toEqual([]);
    expect(await f.status()).toEqual(["deleted a"]);
  });
});

describe("over a base whose link groups change", () => {
  const group = { content: "same", link: "g" };
  const linksOf = async (f: Fixture, path: string) =>
    (await run(f.overlay.getattr(await f.at(path)))).nlink;

  test("a name keeps what is ours when another goes that the base has on its own now", async () => {
    const f = await Fixture.open({ a: group, b: group });
    await f.writeAt("b", 0, "OURS");
    await f.at("a");
    await f.writeAt("a", 0, "OURS");
    await f.republish({ b: "same" });
    await f.unlink("b");
    expect(await f.read("a")).toBe("OURS");
  });

  test("a name of ours keeps it when all names go that the base has still", async () => {
    const f = await Fixture.open({ a: group, b: group, c: group });
    await f.writeAt("a", 0, "OURS");
    await f.rename("c", "moved");
    await f.republish({ a: group, b: group });
    expect(await linksOf(f, "moved")).toBe(3);
    await f.unlink("a");
    await f.unlink("b");
    expect(await f.read("moved")).toBe("OURS");
    await f.unlink("moved");
    await f.remount();
    expect([f.disk.data.size, f.disk.nodes.size]).toEqual([0, 1]);
  });

  test("a file that has become one of several names is one file, and goes with its name", async () => {
    const f = await Fixture.open({ e: "same" });
    await f.writeAt("e", 0, "OURS");
    await f.republish({ b: group, e: group });
    expect([await linksOf(f, "e"), await f.read("e"), await f.read("b")]).toEqual([
      1,
      "OURS",
      "same",
    ]);
    await f.unlink("e");
    await f.remount();
    expect(f.disk.data.size).toBe(0);
  });

  test("a recorded name whose object is another one's by now is told of, and can be reverted", async () => {
    const f = await Fixture.open({ a: group, b: group });
    await run(f.overlay.setattr(await f.at("a"), { mode: 0o644 }));
    await f.republish({ a: "on its own", b: "same", c: "c" });
    expect(await f.status()).toEqual(["attributes a"]);
    await run(f.overlay.revert([""]));
    expect([await f.read("a"), await f.read("b")]).toEqual(["on its own", "same"]);
  });
});

describe("over a base whose objects become others", () => {
  test("a directory with changes in it is listed as one where the base has a file now", async () => {
    const f = await Fixture.open({ "d/x": "x" });
    await f.writeAt("d/x", 0, "OURS");
    await f.republish({ d: "a file" });
    const listing = await run(f.overlay.opendir(f.overlay.root));
    expect([listing.entry(0).type, await f.read("d/x")]).toEqual(["directory", "OURS"]);
  });

  test.each([
    ["a file that is deleted becomes a directory", { a: "a" }, { "a/x": "x" }, 2],
    ["a directory appears under a name of ours", {}, { "n/x": "x" }, 3],
    ["a directory that is deleted is gone", { "d/x": "x" }, {}, 2],
  ])("links of a directory are the directories in it: %s", async (_, before, after, links) => {
    const f = await Fixture.open(before as MemoryTree);
    if ("a" in before) await f.unlink("a");
    else if ("d/x" in before) {
      await f.unlink("d/x");
      await f.rmdir("d");
    } else await f.mkdir("n");
    await f.republish(after as MemoryTree);
    const linksOfRoot = async () => (await run(f.overlay.getattr(f.overlay.root))).nlink;
    expect(await linksOfRoot()).toBe(links);
    await run(f.overlay.commit("strict"));
    const storage = new MemoryInspection(f.disk);
    expect((await run(check({ storage, base: f.base }))).damaged).toBe(false);
    await run(f.overlay.revert([""]));
    const untouched = await Fixture.open(after as MemoryTree);
    expect(await linksOfRoot()).toBe(
      (await run(untouched.overlay.getattr(untouched.overlay.root))).nlink,
    );
  });

  test("what came from a directory that is gone from both can be reverted", async () => {
    const f = await Fixture.open({ "b/e": "epsilon", z: "z" });
    await f.rename("b/e", "d");
    await f.republish({ z: "z" });
    await f.rmdir("b");
    await run(f.overlay.revert([""]));
    expect([await f.names(""), await f.status()]).toEqual([["z"], []]);
  });

  test("a file that the base has lost is not cut to zeros", async () => {
    const f = await Fixture.open({ a: "alpha" });
    await f.rename("a", "b");
    await f.republish({});
    const inode = await f.at("b");
    const cut = run(f.overlay.setattr(inode, { size: 3 }));
    await expect(cut).rejects.toMatchObject({ code: "ESTALE", syscall: "truncate" });
    await run(f.overlay.setattr(inode, { size: 0 }));
    expect(await f.read("b")).toBe("");
  });

  test("an owner that dies while it takes up the move leaves that to the next", async () => {
    const f = await Fixture.open({ "d/a": "alpha" });
    await f.create("d/ours", "ours");
    await run(f.overlay.close());
    f.base = new MemoryBase({}, { identity: "moved" });
    f.base.before = (question, path) => {
      if (question === "lookup" && path === "d") throw new FsError("EIO");
      return undefined;
    };
    await expect(f.mount()).rejects.toMatchObject({ code: "EIO" });
    f.base.before = undefined;
    await f.mount();
    expect([f.overlay.baseWas !== undefined, await f.read("d/ours")]).toEqual([true, "ours"]);
    await f.remount();
    expect([f.overlay.baseWas, await f.read("d/ours")]).toEqual([undefined, "ours"]);
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

  test("the size of what has other attributes or another name only is the new one at once", async () => {
    const { f, change } = await changing({ a: "alpha", b: "beta" }, { a: "ALPHA+", b: "BETA+" });
    Object.assign(f.base, { capabilities: { integrity: "none", snapshot: false } });
    await run(f.overlay.setattr(await f.at("a"), { mode: 0o600 }));
    await f.rename("b", "c");
    change();
    expect([await f.read("a"), await f.read("c")]).toEqual(["ALPHA+", "BETA+"]);
  });

  test("one of two names of a file that it parts can go, and the other keeps what is ours", async () => {
    const group = { content: "same", link: "g" };
    const { f, change } = await changing({ a: group, b: group }, { a: "same" });
    Object.assign(f.base, { capabilities: { integrity: "none", snapshot: false } });
    for (const path of ["a", "b"]) await run(f.overlay.setattr(await f.at(path), { mode: 0o600 }));
    change();
    await f.unlink("a");
    expect((await run(f.overlay.getattr(await f.at("b")))).mode & 0o777).toBe(0o600);
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
