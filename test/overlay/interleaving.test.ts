/** Operations that overlap at their waits, played through one by one: a hook in the base or the storage holds one back. */
import { describe, expect, test } from "vitest";
import { Deferred, run } from "../../src/index.ts";
import { context, Fixture } from "./fixture.ts";

const chunk = 65536;
const letters = (letter: string, length: number) => letter.repeat(length);

/** Lets everything that can go on without the held step go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("while a write waits for the base's edge chunk", () => {
  async function held() {
    const f = await Fixture.open({ file: letters("b", 3 * chunk), other: "other" });
    const gate = new Deferred<void>();
    f.base.before = (question) => (question === "read" ? gate : undefined);
    return { f, gate };
  }

  test("a second write to the same chunk is not lost, whichever comes first", async () => {
    const { f, gate } = await held();
    const first = f.writeAt("file", 10, "first");
    const second = f.writeAt("file", 20, "second");
    await settle();
    gate.resolve();
    await Promise.all([first, second]);
    const text = await f.read("file");
    expect(text.slice(8, 28)).toBe("bbfirstbbbbbsecondbb");
    expect(text.length).toBe(3 * chunk);
  });

  test("a truncation wins over what was fetched for bytes that it cut off", async () => {
    const { f, gate } = await held();
    const write = f.writeAt("file", chunk + 10, "late");
    await settle();
    await run(f.overlay.setattr(await f.at("file"), { size: 5 }));
    gate.resolve();
    await write;
    const bytes = await f.readBytes("file");
    expect(bytes.length).toBe(chunk + 14);
    expect(new TextDecoder().decode(bytes.subarray(0, 5))).toBe("bbbbb");
    expect(bytes.subarray(5, chunk + 10).every((byte) => byte === 0)).toBe(true);
  });

  test("an unlink and a new file of that name leave the write with the old file", async () => {
    const { f, gate } = await held();
    const handle = await run(f.overlay.open(await f.at("file"), { read: true, write: true }));
    const write = run(f.overlay.write(handle, 10, new TextEncoder().encode("old")));
    await settle();
    await f.unlink("file");
    await f.create("file", "new");
    gate.resolve();
    await write;
    expect(await f.read("file")).toBe("new");
    const into = new Uint8Array(5);
    await run(f.overlay.read(handle, 9, into));
    expect(new TextDecoder().decode(into)).toBe("boldb");
    await run(f.overlay.release(handle));
  });

  test("an unlink and a release leave nothing of the write behind", async () => {
    const { f, gate } = await held();
    const handle = await run(f.overlay.open(await f.at("file"), { write: true }));
    const write = run(f.overlay.write(handle, 10, new Uint8Array(4)));
    await settle();
    await f.unlink("file");
    await run(f.overlay.release(handle));
    gate.resolve();
    await write;
    await run(f.overlay.commit("strict"));
    expect([f.disk.data.size, f.disk.orphans.size, [...f.disk.nodes.keys()]]).toEqual([0, 0, [1]]);
  });

  test("writes to other files and reads of what is local go on", async () => {
    const { f, gate } = await held();
    await f.create("local", "here");
    const write = f.writeAt("file", 10, "late");
    await settle();
    await f.writeAt("local", 0, "THERE");
    expect(await f.read("local")).toBe("THERE");
    gate.resolve();
    await write;
  });
});

describe("while names are looked up in the base", () => {
  test("of two creators of one name one gets EEXIST", async () => {
    const f = await Fixture.open({ "d/x": "x" });
    const gate = new Deferred<void>();
    const directory = await f.at("d");
    f.base.before = (question) => (question === "lookup" ? gate : undefined);
    const create = () => run(f.overlay.create(directory, "new", 0o644, { write: true }, context));
    const both = Promise.allSettled([create(), create()]);
    await settle();
    gate.resolve();
    const outcomes = (await both).map((outcome) =>
      outcome.status === "fulfilled" ? "made" : outcome.reason.code,
    );
    expect(outcomes.sort()).toEqual(["EEXIST", "made"]);
  });

  test("a rename and an unlink of the same file do not both succeed", async () => {
    const f = await Fixture.open({ a: "a", "d/x": "x" });
    const gate = new Deferred<void>();
    f.base.before = (question) => (question === "lookup" ? gate : undefined);
    const { root } = f.overlay;
    const both = Promise.allSettled([
      run(f.overlay.rename(root, "a", root, "b")),
      run(f.overlay.unlink(root, "a")),
    ]);
    await settle();
    gate.resolve();
    f.base.before = undefined;
    const failed = (await both).filter((outcome) => outcome.status === "rejected");
    expect(failed).toHaveLength(1);
    expect((await f.names("")).filter((name) => name !== "d").length).toBeLessThanOrEqual(1);
  });

  test("a rename that overtakes a lookup of the old name decides where the directory lies", async () => {
    const f = await Fixture.open({ "a/x": "x", "b/y": "y" });
    const { root } = f.overlay;
    const [a, b] = [await f.at("a"), await f.at("b")];
    const gate = new Deferred<void>();
    f.base.before = () => gate;
    const lookup = run(f.overlay.lookup(root, "a"));
    f.base.before = undefined;
    await run(f.overlay.rename(root, "a", b, "a"));
    gate.resolve();
    await expect(lookup).rejects.toMatchObject({ code: "ENOENT" });
    await expect(run(f.overlay.rename(root, "b", a, "b"))).rejects.toMatchObject({
      code: "EINVAL",
    });
  });

  test("an unlink that overtakes a lookup leaves nothing of what that had found", async () => {
    const f = await Fixture.open({ a: "alpha" });
    const { root } = f.overlay;
    const gate = new Deferred<void>();
    f.base.before = () => gate;
    const lookup = run(f.overlay.lookup(root, "a"));
    f.base.before = undefined;
    await run(f.overlay.unlink(root, "a"));
    gate.resolve();
    await expect(lookup).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("an unlink that overtakes a lookup of a recorded name is no damage of the storage", async () => {
    const f = await Fixture.open({});
    await f.create("new", "new");
    await f.remount();
    const { root } = f.overlay;
    await f.names("");
    const gate = new Deferred<void>();
    f.disk.before = () => gate;
    const lookup = run(f.overlay.lookup(root, "new"));
    f.disk.before = undefined;
    await run(f.overlay.unlink(root, "new"));
    await run(f.overlay.commit("relaxed"));
    gate.resolve();
    await expect(lookup).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a file whose last name goes between its lookup and its opening is not opened", async () => {
    const f = await Fixture.open({ a: "alpha" });
    const inode = await f.at("a");
    await f.unlink("a");
    const open = run(f.overlay.open(inode, { read: true, write: true, truncate: true }));
    await expect(open).rejects.toMatchObject({ code: "ENOENT" });
    await run(f.overlay.commit("relaxed"));
    expect([...f.disk.nodes.keys()]).toEqual([1]);
  });

  test("of two opposite moves of directories into each other one is refused", async () => {
    const f = await Fixture.open({ "a/x": "x", "b/y": "y" });
    const { root } = f.overlay;
    const [a, b] = [await f.at("a"), await f.at("b")];
    const gate = new Deferred<void>();
    f.base.before = (question) => (question === "lookup" ? gate : undefined);
    const both = Promise.allSettled([
      run(f.overlay.rename(root, "a", b, "a")),
      run(f.overlay.rename(root, "b", a, "b")),
    ]);
    await settle();
    gate.resolve();
    const codes = (await both).map((outcome) =>
      outcome.status === "fulfilled" ? "moved" : outcome.reason.code,
    );
    expect(codes.sort()).toEqual(["EINVAL", "moved"]);
  });
});

describe("while a commit is under way", () => {
  async function committing() {
    const f = await Fixture.open({});
    await f.create("file", letters("a", 100));
    const gate = new Deferred<void>();
    f.disk.before = ({ method }) => (method === "commit" ? gate : undefined);
    const commit = run(f.overlay.commit("strict"));
    await settle();
    return { f, gate, commit };
  }

  test("what is written meanwhile is read at once and goes with the next commit", async () => {
    const { f, gate, commit } = await committing();
    await f.writeAt("file", 0, "BBB");
    expect((await f.read("file")).slice(0, 5)).toBe("BBBaa");
    gate.resolve();
    await commit;
    f.disk.before = undefined;
    await run(f.overlay.commit("strict"));
    await f.mount();
    expect((await f.read("file")).slice(0, 5)).toBe("BBBaa");
  });

  test("what is written meanwhile is not in it: a crash behind it shows the bytes it began with", async () => {
    const { f, gate, commit } = await committing();
    await f.writeAt("file", 0, "BBB");
    gate.resolve();
    await commit;
    f.disk.before = undefined;
    await f.crash();
    expect((await f.read("file")).slice(0, 5)).toBe("aaaaa");
  });

  test("those who ask for one meanwhile share the next", async () => {
    const { f, gate, commit } = await committing();
    await f.writeAt("file", 0, "B");
    const before = f.disk.commits;
    const others = [1, 2, 3].map(() => run(f.overlay.commit("strict")));
    gate.resolve();
    await Promise.all([commit, ...others]);
    expect(f.disk.commits - before).toBe(2);
  });

  test("and it fails, what came after is kept with it and in order", async () => {
    const { f, gate, commit } = await committing();
    await f.writeAt("file", 1, "C");
    await run(f.overlay.setattr(await f.at("file"), { size: 3 }));
    gate.reject(new Error("the disk is gone"));
    await expect(commit).rejects.toMatchObject({ code: "EIO" });
    f.disk.before = undefined;
    await run(f.overlay.commit("strict"));
    await f.mount();
    expect(await f.read("file")).toBe("aCa");
  });

  test("and it fails, a name that was changed meanwhile does not go back, nor does a node that was removed", async () => {
    const { f, gate, commit } = await committing();
    await f.unlink("file");
    gate.reject(new Error("the disk is gone"));
    await expect(commit).rejects.toMatchObject({ code: "EIO" });
    f.disk.before = undefined;
    await run(f.overlay.commit("strict"));
    expect([...f.disk.nodes.keys()]).toEqual([1]);
    await f.mount();
    expect(await f.names("")).toEqual([]);
  });
});

test("a revert that waits keeps the inodes it has in hand, however many there are", async () => {
  const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`many/${i}`, ""]));
  const f = await Fixture.open({ ...many, a: "alpha" });
  await f.writeAt("a", 0, "A");
  const inode = await f.at("a");
  const directory = await f.at("many");
  for (let i = 0; i < 20_001; i += 1) await run(f.overlay.lookup(directory, String(i)));
  await run(f.overlay.commit("relaxed"));
  const gate = new Deferred<void>();
  f.base.before = () => gate;
  const revert = run(f.overlay.revert(["a"]));
  await settle();
  f.overlay.sweep();
  f.base.before = undefined;
  gate.resolve();
  await revert;
  expect(await f.at("a")).toBe(inode);
  f.overlay.sweep();
  expect(await f.at("a")).not.toBe(inode);
});

test("a revert comes to an end while somebody never stops writing", async () => {
  const f = await Fixture.open({ a: "alpha", b: "beta" });
  await f.writeAt("b", 0, "B");
  f.disk.before = () => {
    const later = new Deferred<void>();
    setTimeout(() => later.resolve(), 0);
    return later;
  };
  let goesOn = true;
  const writer = (async () => {
    for (let count = 0; goesOn && count < 1000; count += 1) {
      await f.writeAt("a", 0, "A");
      await settle();
    }
    return goesOn ? "ended first" : "was stopped";
  })();
  await run(f.overlay.revert(["b"]));
  goesOn = false;
  expect(await writer).toBe("was stopped");
  f.disk.before = undefined;
  expect(await f.status()).toEqual(["modified a"]);
});

test("a revert whose paths are moved away meanwhile does not remember files where they only seemed to be", async () => {
  const f = await Fixture.open({ "d/e/a": "ours", "f/a": "other" });
  await f.writeAt("d/e/a", 0, "OURS");
  const gates = { f: new Deferred<void>(), "d/e/a": new Deferred<void>() };
  f.base.before = (question, path) =>
    question === "lookup" && path in gates ? gates[path as keyof typeof gates] : undefined;
  const exchange = f.rename("f", "d/e", { exchange: true });
  await settle();
  const revert = run(f.overlay.revert(["d/e/a"]));
  await settle();
  gates.f.resolve();
  await exchange;
  gates["d/e/a"].resolve();
  await expect(revert).rejects.toMatchObject({ code: "ENOENT" });
  f.base.before = undefined;
  await run(f.overlay.setattr(await f.at("f/a"), { mode: 0o600 }));
  await f.remount();
  expect([await f.read("f/a"), await f.read("d/e/a")]).toEqual(["OURS", "other"]);
  await run(f.overlay.revert([""]));
  expect([await f.read("d/e/a"), await f.read("f/a")]).toEqual(["ours", "other"]);
});
