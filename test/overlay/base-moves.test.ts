/** What `status` tells, and what is read, when the base moved under the changes: semantics, section 5, row by row. */
import { describe, expect, test } from "vitest";
import { MemoryBase, type MemoryTree } from "../../src/base/memory.ts";
import { type BaseNode, type Operation, type PastFile, run } from "../../src/index.ts";
import { Fixture, type FixtureOptions } from "./fixture.ts";

/** Larger than two chunks. */
const long = (letter: string) => letter.repeat(150_000);

/** Makes changes over `before`, has the base republished as `after`, and gives the overlay then. */
async function moved(
  before: MemoryTree,
  change: (fixture: Fixture) => Promise<void>,
  after: MemoryTree,
  options?: FixtureOptions,
): Promise<Fixture> {
  const fixture = await Fixture.open(before, options);
  await change(fixture);
  await fixture.republish(after);
  return fixture;
}

/** `path state: what the base did` of every change. */
async function told(fixture: Fixture): Promise<string[]> {
  const changes = await run(fixture.overlay.changes());
  return changes.map(({ path, state, base }) => `${path} ${state}: ${base ?? "-"}`);
}

describe("of a base that was republished", () => {
  test("nothing is told that no change depends on", async () => {
    const f = await moved({ a: "alpha", b: "beta" }, async (f) => f.writeAt("b", 0, "B"), {
      a: "other",
      b: "beta",
      c: "new",
    });
    expect(await told(f)).toEqual(["b modified: -"]);
    expect(await f.read("a")).toBe("other");
    expect(await f.read("c")).toBe("new");
  });

  test("other attributes over new content are behind, and the new content shows", async () => {
    const f = await moved(
      { a: "alpha" },
      async (f) => void (await run(f.overlay.setattr(await f.at("a"), { mode: 0o600 }))),
      { a: "newer" },
    );
    expect(await told(f)).toEqual(["a attributes: behind"]);
    expect(await f.read("a")).toBe("newer");
  });

  test("a renamed file over new content is behind", async () => {
    const f = await moved({ a: "alpha" }, (f) => f.rename("a", "b"), { a: "newer" });
    expect(await told(f)).toEqual(["b renamed: behind"]);
    expect(await f.read("b")).toBe("newer");
  });

  test("data that is all ours over new content is a conflict, and ours shows", async () => {
    const f = await moved({ a: "alpha" }, (f) => f.writeAt("a", 0, "OURS"), { a: "newer" });
    expect(await told(f)).toEqual(["a modified: conflict"]);
    expect(await f.read("a")).toBe("OURSa");
  });

  test("data that is ours in part over new content is broken: ours is read, the rest is ESTALE", async () => {
    const f = await moved({ a: long("o") }, (f) => f.writeAt("a", 0, "OURS"), { a: long("n") });
    expect(await told(f)).toEqual(["a modified: broken"]);
    expect(new TextDecoder().decode(await f.readAt("a", 0, 6))).toBe("OURSoo");
    await expect(f.readAt("a", 100_000, 6)).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("what the base still has of its past completes data that is ours in part", async () => {
    class RememberingMemoryBase extends MemoryBase {
      readonly #before: MemoryBase;
      constructor(before: MemoryTree, after: MemoryTree) {
        super(after, { identity: "later" });
        this.#before = new MemoryBase(before);
      }
      *past(path: string, signature: string): Operation<PastFile | null> {
        const node: BaseNode | null = yield* this.#before.lookup(path);
        return node?.signature === signature ? { base: this.#before, node } : null;
      }
    }
    const [before, after] = [{ a: long("o") }, { a: long("n") }];
    const f = await Fixture.open(before);
    await f.writeAt("a", 0, "OURS");
    await run(f.overlay.close());
    f.base = new RememberingMemoryBase(before, after);
    await f.mount();
    expect(await told(f)).toEqual(["a modified: conflict"]);
    expect(await f.read("a")).toBe(`OURS${long("o").slice(4)}`);
    await f.writeAt("a", 100_000, "X");
    expect((await f.read("a")).slice(99_999, 100_002)).toBe("oXo");
  });

  test("a copy of a file whose content is new is broken where nothing of it is held", async () => {
    const f = await moved(
      { a: long("o") },
      async (f) => {
        await f.create("copy");
        const from = await run(f.overlay.open(await f.at("a"), { read: true }));
        const to = await run(f.overlay.open(await f.at("copy"), { write: true }));
        await run(f.overlay.copyRange(from, 0, to, 0, 150_000));
      },
      { a: long("n") },
    );
    expect(await told(f)).toEqual(["copy created: broken"]);
  });

  test("what is deleted stays so, and it is told that the base changed or dropped it", async () => {
    const f = await moved(
      { a: "alpha", b: "beta", c: "gamma", "d/x": "x" },
      async (f) => {
        for (const name of ["a", "b", "c", "d/x"]) await f.unlink(name);
        await f.rmdir("d");
      },
      { a: "alpha", b: "newer" },
    );
    expect(await told(f)).toEqual([
      "a deleted: -",
      "b deleted: changed",
      "c deleted: changed",
      "d deleted: changed",
    ]);
    expect(await f.names("")).toEqual([]);
  });

  test("a new file whose name the base has by now is both-added, and ours shows", async () => {
    const f = await moved(
      { z: "z" },
      async (f) => {
        await f.create("a", "ours");
        await f.rename("z", "y");
      },
      { a: "theirs", y: "theirs", z: "z" },
    );
    expect(await told(f)).toEqual(["a created: both-added", "y renamed: both-added"]);
    expect(await f.read("a")).toBe("ours");
  });

  test("a file that replaced one of the base's conflicts once that has changed", async () => {
    const f = await moved(
      { a: "alpha", b: "beta" },
      async (f) => {
        for (const name of ["a", "b"]) {
          await f.unlink(name);
          await f.create(name, "ours");
        }
      },
      { a: "alpha", b: "newer" },
    );
    expect(await told(f)).toEqual(["a replaced: -", "b replaced: conflict"]);
  });

  test("a renamed or changed file that the base has lost is told of, and never reads as empty", async () => {
    const f = await moved(
      { a: "alpha", b: "beta", c: "gamma", big: long("o") },
      async (f) => {
        await f.rename("a", "moved");
        await run(f.overlay.setattr(await f.at("b"), { mode: 0o600 }));
        await f.writeAt("c", 0, "OURS");
        await f.writeAt("big", 0, "OURS");
      },
      { z: "z" },
    );
    expect(await told(f)).toEqual([
      "b attributes: origin-missing",
      "big modified: broken",
      "c modified: conflict",
      "moved renamed: origin-missing",
    ]);
    expect(await f.read("c")).toBe("OURSa");
    for (const name of ["b", "moved"]) {
      await expect(f.readAt(name, 0, 1)).rejects.toMatchObject({ code: "ESTALE" });
    }
    await run(f.overlay.open(await f.at("b"), { write: true, truncate: true }));
    await f.writeAt("b", 0, "new");
    expect(await f.read("b")).toBe("new");
  });

  test("reverting what the base has lost lets it go, whole", async () => {
    const f = await moved(
      { a: "alpha", b: "beta", c: "gamma", "d/x": "x", z: "z" },
      async (f) => {
        await run(f.overlay.setattr(await f.at("b"), { mode: 0o600 }));
        await f.writeAt("c", 0, "OURS");
        await f.unlink("a");
        await f.create("d/new", "ours");
      },
      { z: "z" },
    );
    await run(f.overlay.revert(["a", "b", "c", "d"]));
    expect((await run(f.overlay.getattr(f.overlay.root))).nlink).toBe(2);
    expect(await told(f)).toEqual([]);
    expect(await f.names("")).toEqual(["z"]);
    await f.remount();
    expect(await f.names("")).toEqual(["z"]);
    expect([f.disk.data.size, [...f.disk.names.keys()]]).toEqual([0, []]);
  });

  test("what is ours in directories that the base has lost stays where it was", async () => {
    const f = await moved(
      { "a/b/c/x": "x", "a/y": "y", z: "z" },
      async (f) => {
        await f.create("a/b/c/new", "ours");
        await f.writeAt("a/b/c/x", 0, "X");
      },
      { z: "z" },
    );
    expect(await f.read("a/b/c/new")).toBe("ours");
    expect(await f.names("a/b/c")).toEqual(["new", "x"]);
    expect(await f.names("a")).toEqual(["b"]);
    expect(await told(f)).toContain("a/b/c/new created: -");
    expect(await told(f)).toContain("a/b/c attributes: origin-missing");
    await f.remount();
    expect(await f.read("a/b/c/x")).toBe("X");
    await f.republish({ "a/b/c/x": "x", "a/y": "y", z: "z" });
    expect(await f.names("a")).toEqual(["b", "y"]);
    expect(await f.names("a/b/c")).toEqual(["new", "x"]);
    expect((await told(f)).filter((line) => !line.endsWith(": -"))).toEqual([]);
  });

  test("that it moved is known at opening, once", async () => {
    const f = await moved({ a: "alpha" }, async () => {}, { a: "newer" });
    expect(f.overlay.baseWas).toBe("memory:1");
    await f.remount();
    expect(f.overlay.baseWas).toBeUndefined();
  });
});
