/** A name that was just found to mean nothing is made without asking the base again: once, at once, and not after a change. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Inode, run } from "../../src/index.ts";
import { context, Fixture } from "./fixture.ts";

let f: Fixture;
let directory: Inode;
let now_ms: number;

beforeEach(async () => {
  f = await Fixture.open({ "dir/a": "alpha" });
  directory = await f.at("dir");
  now_ms = 1000;
  vi.spyOn(performance, "now").mockImplementation(() => now_ms);
});

afterEach(() => vi.restoreAllMocks());

/** Finds nothing under `name`, as somebody does who is to make it. */
async function findNothing(name: string): Promise<void> {
  expect(await run(f.overlay.find(directory, name))).toBeUndefined();
  f.overlay.noteAbsence(directory, name);
}

/** Makes `name`, and returns which paths the base was asked for. */
async function pathsAskedToMake(name: string): Promise<string[]> {
  const lookup = vi.spyOn(f.base, "lookup");
  await run(f.overlay.mkdir(directory, name, 0o755, context));
  const paths = lookup.mock.calls.map(([path]) => path);
  lookup.mockRestore();
  return paths;
}

describe("a name that was just found to mean nothing", () => {
  test("is made without asking the base again", async () => {
    await findNothing("new");
    expect(await pathsAskedToMake("new")).toEqual([]);
  });

  test("is asked for when another one was found so since, or that counted already", async () => {
    await findNothing("new");
    await findNothing("other");
    expect(await pathsAskedToMake("new")).toEqual(["dir/new"]);
    expect(await pathsAskedToMake("other")).toEqual(["dir/other"]);
  });

  test("is asked for a moment later", async () => {
    await findNothing("new");
    now_ms += 1;
    expect(await pathsAskedToMake("new")).toEqual(["dir/new"]);
  });

  test("is asked for when it is in another directory", async () => {
    await findNothing("new");
    directory = f.overlay.root;
    expect(await pathsAskedToMake("new")).toEqual(["new"]);
  });

  test("exists again when a revert has brought it back since", async () => {
    await run(f.overlay.unlink(directory, "a"));
    await findNothing("a");
    await run(f.overlay.revert(["dir/a"]));
    await expect(run(f.overlay.mkdir(directory, "a", 0o755, context))).rejects.toThrow(
      expect.objectContaining({ code: "EEXIST" }),
    );
  });
});
