import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { holderOf, openDiskStorage } from "../../../node/storage/disk.ts";
import { runSync } from "../../../src/operation.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import {
  batchWith,
  chunkSize,
  fileNode,
  freshWrite,
  patterned,
  superblockWith,
} from "../../storage/contract.ts";
import {
  buildOwnerProgram,
  type OwnerProcess,
  type OwnerProgram,
  type OwnerTask,
} from "./owner-process.ts";

describe("disk storage among processes", () => {
  let program: OwnerProgram;
  let directory: string;
  let started: OwnerProcess[];

  beforeAll(async () => {
    program = await buildOwnerProgram();
  });

  afterAll(() => program.remove());

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "minifo-disk-"));
    started = [];
  });

  afterEach(async () => {
    for (const owner of started) await owner.kill();
    rmSync(directory, { recursive: true });
  });

  function start(task: OwnerTask): OwnerProcess {
    const owner = program.start(task, directory);
    started.push(owner);
    return owner;
  }

  it("one that opens it while the last other closes it gets through, 400 times each", async () => {
    runSync(openDiskStorage(directory).close());
    const programs = [start("reopen"), start("look"), start("look")];
    const lines = await Promise.all(programs.map((one) => one.line()));
    expect(lines).toEqual(programs.map(() => "0 failures"));
    expect(readdirSync(directory).sort()).toEqual(["records.mdb", "records.mdb-lock"]);
  });

  it("one process owns it at a time, and others are told which and wait for its end", async () => {
    const owner = start("hold");
    expect(await owner.line()).toBe("open");
    expect(() => openDiskStorage(directory)).toThrow(
      new RegExp(`EBUSY.*held by a test by process ${owner.pid};`),
    );
    const { pid } = owner;
    expect(holderOf(directory)).toEqual({ pid, holder: "held by a test", closing: false });
    owner.poke();
    expect(await owner.line()).toBe("closing");
    expect(holderOf(directory)).toMatchObject({ pid, closing: true });
    owner.poke();
    expect(await owner.line()).toBe("closed");
    expect(holderOf(directory)).toBeUndefined();
    runSync(openDiskStorage(directory).close());
  });

  it("a killed owner's storage is taken over", async () => {
    const owner = start("hold");
    await owner.line();
    await owner.kill();
    expect(holderOf(directory)).toBeUndefined();
    runSync(openDiskStorage(directory).close());
  });

  it("a reader in another process sees what the owner commits", async () => {
    const owner = openDiskStorage(directory);
    runSync(owner.commit(batchWith(), "relaxed"));
    const reader = start("read");
    expect(await reader.line()).toBe("1");
    for (const generation of [2, 3]) {
      runSync(owner.commit(batchWith({ superblock: superblockWith({ generation }) }), "relaxed"));
      reader.poke();
      expect(await reader.line()).toBe(String(generation));
    }
    runSync(owner.close());
  });

  it("a reader here follows an owner that never pauses, and each of its looks is whole", async () => {
    const owner = start("write");
    await owner.line();
    const reader = openDiskStorage(directory, { readOnly: true });
    let last = 0;
    while (last < 200) {
      const generation = runSync(reader.superblock())?.generation as number;
      expect(generation).toBeGreaterThanOrEqual(last);
      expect(runSync(reader.node(2))?.uid).toBeGreaterThanOrEqual(generation);
      last = generation;
    }
    runSync(reader.close());
  });

  it("kill -9 between any two steps loses nothing that was acknowledged, and leaves a whole batch", async () => {
    let acknowledged = 0;
    for (let round = 1; round <= 12; round += 1) {
      const owner = start("write");
      // Another number of batches each time, so that the end falls into other steps.
      for (let lines = 0; lines < round * 3; lines += 1) acknowledged = Number(await owner.line());
      const late = (await owner.kill()).map(Number);
      acknowledged = Math.max(acknowledged, ...late);
      const storage = openDiskStorage(directory);
      const generation = runSync(storage.superblock())?.generation as number;
      expect(generation).toBeGreaterThanOrEqual(acknowledged);
      expect(generation).toBeLessThanOrEqual(acknowledged + 1);
      expectWhole(storage, generation);
      expect(contentFilesIn(directory)).toEqual([String(generation * 2 + 1)]);
      runSync(storage.close());
    }
  });

  /** Everything in the storage tells the same generation. */
  function expectWhole(storage: Storage, generation: number): void {
    const nodes = runSync(storage.allNodes());
    expect(nodes.map(({ uid }) => uid)).toEqual([generation, generation]);
    expect(runSync(storage.names(1))).toHaveLength(generation);
    const expected = (length: number) => new Uint8Array(length).fill(generation);
    const small = new Uint8Array(100);
    runSync(storage.readData(generation * 2, 0, small));
    expect(small).toEqual(expected(100));
    for (const chunk of [0, 2]) {
      const large = new Uint8Array(4096);
      runSync(storage.readData(generation * 2 + 1, chunk * 4096, large));
      expect(large).toEqual(expected(4096));
    }
  }
});

describe("a large disk storage", () => {
  it("grows far beyond the address space it began with", () => {
    const directory = mkdtempSync(join(tmpdir(), "minifo-disk-"));
    const storage = openDiskStorage(directory);
    const total = 20_000;
    for (let first = 1; first <= total; first += 1000) {
      const inos = Array.from({ length: 1000 }, (_, index) => first + index);
      runSync(
        storage.commit(
          batchWith({
            superblock: superblockWith({ generation: first }),
            nodes: new Map(inos.map((ino) => [ino, fileNode(ino)])),
            data: inos.map((ino) => freshWrite(ino, 0, patterned(chunkSize, ino % 50))),
          }),
          "relaxed",
        ),
      );
    }
    expect(statSync(join(directory, "records.mdb")).size).toBeGreaterThan(70 << 20);
    expect(runSync(storage.allNodes())).toHaveLength(total);
    const into = new Uint8Array(chunkSize);
    for (const ino of [1, 999, total]) {
      runSync(storage.readData(ino, 0, into));
      expect(into).toEqual(patterned(chunkSize, ino % 50));
    }
    runSync(storage.close());
    const reader = openDiskStorage(directory, { readOnly: true });
    expect(runSync(reader.allNodes())).toHaveLength(total);
    runSync(reader.close());
    rmSync(directory, { recursive: true });
  });
});

/** The names of the content files, in whatever group they lie. */
function contentFilesIn(directory: string): string[] {
  const root = join(directory, "content");
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(root, path)).isFile())
    .map((path) => path.slice(3));
}
