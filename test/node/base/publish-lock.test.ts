/** One publisher at a time in a directory, whoever died with the lock in hand. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { indexTree } from "../../../node/base/indexing.ts";
import { PublishLock } from "../../../node/base/publish-lock.ts";
import { tokenOfThisProcess } from "../../../node/storage/ownership.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

const busy = {
  code: "EBUSY",
  message: expect.stringContaining(`process ${process.pid} publishes`),
};

describe("the lock of a publisher", () => {
  test("is had by one at a time, and leaves nothing behind", () => {
    const directory = temporaryDirectory();
    const lock = PublishLock.take(directory, "pack");
    expect(() => PublishLock.take(directory, "pack")).toThrow(expect.objectContaining(busy));
    expect(readdirSync(directory)).toEqual([".minifo.lock.tmp"]);
    lock.release();
    PublishLock.take(directory, "pack").release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("of a process that is gone counts for nothing, also if its number is used again", () => {
    const directory = temporaryDirectory();
    const [pid, , boot] = tokenOfThisProcess().split(".");
    for (const text of [`${pid}.0.${boot}`, `4194999.1.${boot}`, "", "what is this"]) {
      writeFileSync(join(directory, ".minifo.lock.tmp"), text);
      PublishLock.take(directory, "pack").release();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  test("is taken by whoever indexes a tree, too", async () => {
    const root = treeOnDisk({ f: "x" });
    const lock = PublishLock.take(root, "pack");
    await expect(indexTree(root)).rejects.toMatchObject(busy);
    expect(readdirSync(root).sort()).toEqual([".minifo.lock.tmp", "f"]);
    lock.release();
    await indexTree(root);
    expect(readdirSync(root).sort()).toEqual(["f", "minifo.json"]);
  });
});
