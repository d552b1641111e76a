/** Reverts of parts, of what has several names, and of what is open. */
import { describe, expect, test } from "vitest";
import { run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

const group = { content: "same", link: "g" };
const tree = { "d/a": "alpha", "d/b": "beta", "d/e/c": "gamma", "f/one": group, "f/two": group };

async function revert(f: Fixture, ...paths: string[]): Promise<string[]> {
  const reverted = await run(f.overlay.revert(paths));
  return reverted.map(({ path }) => path).sort();
}

describe("a revert of a part", () => {
  test("by the old name of a directory reverts what is below its new one", async () => {
    const f = await Fixture.open(tree);
    await f.writeAt("d/a", 0, "A");
    await f.rename("d", "moved");
    await f.create("moved/new", "new");
    await revert(f, "d");
    expect(await f.status()).toEqual([]);
    expect(await f.read("d/a")).toBe("alpha");
    expect(await f.names("d")).toEqual(["a", "b", "e"]);
  });

  test("of a directory brings back what was moved out of it, with all that is below", async () => {
    const f = await Fixture.open(tree);
    await f.rename("d/e", "e");
    await f.rename("e/c", "c");
    await f.rename("d/a", "f/a");
    await f.writeAt("f/one", 0, "S");
    expect(await revert(f, "d")).toEqual(["c", "d/a", "d/e", "e", "e/c", "f/a"].sort());
    expect(await f.status()).toEqual(["modified f/one"]);
    expect(await f.read("d/e/c")).toBe("gamma");
  });

  test("whose other name stands where a moved directory was brings that back too, not into two places", async () => {
    const f = await Fixture.open({ ...tree, "f/dir/x": "x" });
    await f.rename("f/dir", "moved");
    await f.link("d/a", "f/dir");
    await f.rename("d/a", "d/e/c");
    expect(await revert(f, "d/e")).toEqual(["d/a", "d/e/c", "f/dir", "moved"]);
    expect(await f.status()).toEqual([]);
    expect(await f.names("")).toEqual(["d", "f"]);
    expect(await f.read("f/dir/x")).toBe("x");
  });

  test.each([
    ["a new directory", async (f: Fixture) => void (await f.mkdir("d/e"))],
    ["a new file", async (f: Fixture) => void (await f.create("d/e", "new"))],
    ["another directory of the base", (f: Fixture) => f.rename("f/dir", "d/e")],
    ["a file of the base", (f: Fixture) => f.rename("d/a", "d/e")],
  ])(
    "takes what was moved out of a deleted directory back there, though %s has its name",
    async (_, takeName) => {
      const f = await Fixture.open({ ...tree, "f/dir/x": "x" });
      await f.rename("d/e/c", "c");
      await f.rmdir("d/e");
      await takeName(f);
      await revert(f, "");
      expect(await f.status()).toEqual([]);
      expect(await f.names("d")).toEqual(["a", "b", "e"]);
      expect(await f.read("d/e/c")).toBe("gamma");
      expect(await f.names("f/dir")).toEqual(["x"]);
      await f.remount();
      expect(await f.read("d/e/c")).toBe("gamma");
    },
  );

  test("of a name that brings back an object says what else changes by it", async () => {
    const f = await Fixture.open(tree);
    await f.writeAt("f/one", 0, "S");
    await f.unlink("f/two");
    expect(await revert(f, "f/two")).toEqual(["f/one", "f/two"]);
    expect(await f.status()).toEqual([]);
    expect(await f.read("f/one")).toBe("same");
    expect((await run(f.overlay.getattr(await f.at("f/one")))).nlink).toBe(2);
  });

  test("of a new directory within another stores the link count of the one it was in", async () => {
    const f = await Fixture.open(tree);
    await f.mkdir("new");
    await f.mkdir("new/inner");
    expect(await revert(f, "new/inner")).toEqual(["new/inner"]);
    await f.remount();
    expect((await run(f.overlay.getattr(await f.at("new")))).nlink).toBe(2);
  });

  test("leaves the times somebody gave its directory, and forgets those that moved with the names", async () => {
    const f = await Fixture.open(tree);
    const before = await run(f.overlay.getattr(await f.at("d/e")));
    for (const directory of ["d", "d/e"]) await f.create(`${directory}/new`);
    const given = { seconds: 5, nanoseconds: 6 };
    await run(f.overlay.setattr(await f.at("d"), { mtime: given }));
    // It says no more than the base does, so it is no change, but its record stays.
    await run(f.overlay.setattr(await f.at("d/e/c"), { mode: 0o644 }));
    expect(await revert(f, "d/new", "d/e/new")).toEqual(["d/e/new", "d/new"]);
    await f.remount();
    expect(await f.status()).toEqual(["attributes d"]);
    expect((await run(f.overlay.getattr(await f.at("d")))).mtime).toEqual(given);
    expect(await run(f.overlay.getattr(await f.at("d/e")))).toEqual(before);
  });

  test("of a deleted directory reverts the objects in it that have another name, and says so", async () => {
    const f = await Fixture.open({ ...tree, "g/three": group });
    await f.writeAt("g/three", 0, "S");
    await f.unlink("f/one");
    await f.unlink("f/two");
    await f.rmdir("f");
    expect(await revert(f, "f")).toEqual(["f", "g/three"]);
    expect(await f.read("g/three")).toBe("same");
    expect((await run(f.overlay.getattr(await f.at("f/two")))).nlink).toBe(3);
  });
});

describe("a revert of an open file that has no name any more", () => {
  async function unlinkedAndOpen() {
    const f = await Fixture.open(tree);
    const handle = await run(f.overlay.open(await f.at("d/a"), { read: true, write: true }));
    await run(f.overlay.write(handle, 0, new TextEncoder().encode("A")));
    await f.unlink("d/a");
    await run(f.overlay.commit("strict"));
    await revert(f, "d/a");
    return { f, handle };
  }

  test("gives the same object its name and the base's data back", async () => {
    const { f, handle } = await unlinkedAndOpen();
    const into = new Uint8Array(5);
    await run(f.overlay.read(handle, 0, into));
    expect(new TextDecoder().decode(into)).toBe("alpha");
    expect(await f.at("d/a")).toBe(handle.inode);
    expect((await run(f.overlay.getattr(handle.inode))).nlink).toBe(1);
    expect(await f.status()).toEqual([]);
  });

  test("keeps what is written by the name when the file is closed", async () => {
    const { f, handle } = await unlinkedAndOpen();
    await f.writeAt("d/a", 0, "NEW");
    await run(f.overlay.commit("strict"));
    await run(f.overlay.release(handle));
    await f.remount();
    expect(await f.read("d/a")).toBe("NEWha");
  });

  test("keeps what is written by the name when the owner dies before the file is closed", async () => {
    const { f } = await unlinkedAndOpen();
    await f.writeAt("d/a", 0, "NEW");
    await run(f.overlay.commit("strict"));
    await f.crash();
    expect(await f.read("d/a")).toBe("NEWha");
  });

  test("brings an open directory back with all that is in it", async () => {
    const f = await Fixture.open(tree);
    const handle = await run(f.overlay.open(await f.at("d/e"), { read: true }));
    await f.unlink("d/e/c");
    await f.rmdir("d/e");
    await revert(f, "d/e");
    expect(await f.names("d/e")).toEqual(["c"]);
    await f.create("d/e/new", "new");
    await run(f.overlay.release(handle));
    await f.remount();
    expect(await f.names("d/e")).toEqual(["c", "new"]);
    expect((await run(f.overlay.getattr(await f.at("d/e")))).nlink).toBe(2);
  });
});

test("what is changed through an inode that was known before a revert is found again", async () => {
  const f = await Fixture.open(tree);
  const known = [await f.at("d/a"), await f.at("d/e"), await f.at("f/one")];
  const change = async () => {
    for (const inode of known) await run(f.overlay.setattr(inode, { mode: 0o700 }));
    return await f.status();
  };
  const status = await change();
  expect(status).toEqual(["attributes d/a", "attributes d/e", "attributes f/one"]);
  await revert(f, "");
  expect(await change()).toEqual(status);
});

test("numbers that are no plain hash are forgotten with what they were recorded for", async () => {
  const f = await Fixture.open(tree, { hash: () => 2 ** 52 });
  await f.at("d/a");
  await f.writeAt("d/b", 0, "B");
  await run(f.overlay.commit("strict"));
  expect(f.disk.aliases.size).toBeGreaterThan(0);
  await revert(f, "");
  expect(f.disk.aliases.size).toBe(0);
  await f.writeAt("d/b", 0, "B");
  await run(f.overlay.open(await f.at("d/b"), { read: true }));
  await f.unlink("d/b");
  await run(f.overlay.commit("strict"));
  await f.crash();
  const recorded = [...f.disk.nodes.values()].map(({ identity }) => identity);
  for (const identity of f.disk.aliases.keys()) expect(recorded).toContain(identity);
});
