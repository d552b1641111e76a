import { describe, expect, it } from "vitest";
import { FsError } from "../../src/errno.ts";
import { Deferred, run } from "../../src/operation.ts";
import { MemoryDisk, openMemoryStorage } from "../../src/storage/memory.ts";
import {
  batchWith,
  fileNode,
  freshWrite,
  patterned,
  storageContract,
  superblockWith,
} from "./contract.ts";

storageContract({
  name: "memory",
  async make() {
    const disk = new MemoryDisk();
    return { open: async () => openMemoryStorage(disk), cleanup: async () => {} };
  },
});

describe("memory storage", () => {
  it("fails the call it is told to, and nothing of that batch is stored", async () => {
    const disk = new MemoryDisk();
    const storage = openMemoryStorage(disk);
    disk.before = ({ method, count }) => {
      if (method === "commit" && count === 2) throw new FsError("ENOSPC");
      return undefined;
    };
    const superblock = superblockWith({ generation: 2 });
    const second = batchWith({ superblock, nodes: new Map([[2, fileNode(2)]]) });
    await run(storage.commit(batchWith(), "relaxed"));
    await expect(run(storage.commit(second, "relaxed"))).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await run(storage.node(2))).toBeUndefined();
    await run(storage.commit(second, "strict"));
    expect(await run(storage.node(2))).toEqual(fileNode(2));
    expect([disk.commits, disk.strictCommits, disk.calls("commit")]).toEqual([2, 1, 3]);
  });

  it("holds a call back until it is let go", async () => {
    const disk = new MemoryDisk();
    const storage = openMemoryStorage(disk);
    const gate = new Deferred<void>();
    disk.before = ({ method }) => (method === "commit" ? gate : undefined);
    const commit = run(storage.commit(batchWith(), "relaxed"));
    expect(await run(storage.superblock())).toBeUndefined();
    gate.resolve();
    await commit;
    expect(await run(storage.superblock())).toEqual(superblockWith());
  });

  it("counts the bytes of data it holds, and refuses more than its capacity with ENOSPC", async () => {
    const disk = new MemoryDisk();
    const storage = openMemoryStorage(disk);
    disk.capacity = 100;
    await run(storage.commit(batchWith({ data: [freshWrite(1, 0, patterned(60, 1))] }), "relaxed"));
    const superblock = superblockWith({ generation: 2 });
    const more = batchWith({ superblock, data: [freshWrite(2, 0, patterned(60, 1))] });
    await expect(run(storage.commit(more, "relaxed"))).rejects.toMatchObject({ code: "ENOSPC" });
    expect(disk.dataBytes).toBe(60);
    expect(await run(storage.space())).toEqual({ total: 100, free: 40 });
  });

  it("opened read-only, refuses a commit with EROFS", async () => {
    const storage = openMemoryStorage(new MemoryDisk(), { readOnly: true });
    await expect(run(storage.commit(batchWith(), "relaxed"))).rejects.toMatchObject({
      code: "EROFS",
    });
  });
});
