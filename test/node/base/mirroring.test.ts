import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mirrorTree } from "../../../node/base/mirroring.ts";
import { joinBasePath } from "../../../src/base/base.ts";
import { MemoryBase } from "../../../src/base/memory.ts";
import { type BaseEntry, type Operation, run } from "../../../src/index.ts";
import { temporaryDirectory } from "./tree-on-disk.ts";

/** A server that makes up one more directory in each that somebody asks for. */
class EndlessBase extends MemoryBase {
  lists = 0;

  override *list(path: string): Operation<readonly BaseEntry[]> {
    this.lists += 1;
    if (this.lists > 10_000) throw new Error("it goes on for ever");
    const name = "directory".repeat(20);
    const [like] = yield* super.list("");
    if (!like) throw new Error("it has no directory to make others like");
    return [{ name, node: { ...like.node, path: joinBasePath(path, name) } }];
  }
}

test("a copy has no index of the original's, which may lie beside its files", async () => {
  const directory = join(temporaryDirectory(), "copy");
  const base = new MemoryBase({
    a: { content: "a" },
    "minifo.json": { content: "{}" },
    "minifo.objects/ab/c.bin": { content: "c" },
    "d/minifo.json": { content: "d" },
  });
  expect(await mirrorTree(base, directory)).toEqual([]);
  expect(readdirSync(directory, { recursive: true }).map(String).sort()).toEqual([
    "a",
    "d",
    "d/minifo.json",
  ]);
});

test("a copy of a base without an end fails with EFBIG before anything is written", async () => {
  const directory = join(temporaryDirectory(), "copy");
  const base = new EndlessBase({ d: { type: "directory" } });
  expect(await run(base.lookup("d"))).toMatchObject({ type: "directory" });
  await expect(mirrorTree(base, directory)).rejects.toMatchObject({ code: "EFBIG" });
  expect(base.lists).toBeLessThan(100);
  expect(readdirSync(directory)).toEqual([]);
});
