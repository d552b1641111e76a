/** The IndexedDB storage's tests: run quickly against a simulation in Node, and in the real engines. */
import { openDB } from "idb";
import { afterEach, describe, expect, it } from "vitest";
import { drive, type Operation, run } from "../../src/operation.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { openIndexedDbStorage } from "../../web/indexeddb.ts";
import { deleteIndexedDbStorage, listIndexedDbStorages } from "../../web/storages.ts";
import {
  batchWith,
  fileNode,
  freshWrite,
  patterned,
  storageContract,
  superblockWith,
} from "../storage/contract.ts";

let places = 0;

/** A storage's name that no other test uses. */
function unusedName(): string {
  places += 1;
  return `test ${Date.now()} ${places}`;
}

/** Whether `operation` ends without having to wait. */
function endsAtOnce(operation: Operation<unknown>): boolean {
  let ended = false;
  drive(
    operation,
    () => {
      ended = true;
    },
    (error) => {
      throw error;
    },
  );
  return ended;
}

/** What `open` gives, and the first connection that it used. */
async function withConnection<T>(open: () => Promise<T>): Promise<[opened: T, IDBDatabase]> {
  const { transaction } = IDBDatabase.prototype;
  let connection: IDBDatabase | undefined;
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...values) {
    connection ??= this;
    return transaction.apply(this, values);
  };
  try {
    const opened = await open();
    if (!connection) throw new Error("nothing was asked of the database");
    return [opened, connection];
  } finally {
    IDBDatabase.prototype.transaction = transaction;
  }
}

/** Runs the suite under the title `name`. */
export function indexedDbSuite(name: string): void {
  storageContract({
    name,
    async make() {
      const storage = unusedName();
      return {
        open: () => openIndexedDbStorage(storage),
        cleanup: () => deleteIndexedDbStorage(storage),
      };
    },
  });

  describe(`${name} storage`, () => {
    const used: string[] = [];
    const open: Storage[] = [];

    function newName(): string {
      const storage = unusedName();
      used.push(storage);
      return storage;
    }

    async function opened(storage: string, readOnly = false): Promise<Storage> {
      const result = await openIndexedDbStorage(storage, { readOnly });
      open.push(result);
      return result;
    }

    afterEach(async () => {
      for (const storage of open.splice(0)) await run(storage.close());
      for (const storage of used.splice(0)) await deleteIndexedDbStorage(storage);
    });

    it("is listed once it is there, and no more once it is deleted", async () => {
      const storage = newName();
      await run((await opened(storage)).commit(batchWith(), "relaxed"));
      expect(await listIndexedDbStorages()).toContain(storage);
      await deleteIndexedDbStorage(storage);
      expect(await listIndexedDbStorages()).not.toContain(storage);
    });

    it("opened read-only where there is none, fails with ENOENT and creates nothing", async () => {
      const storage = newName();
      await expect(opened(storage, true)).rejects.toMatchObject({ code: "ENOENT" });
      expect(await listIndexedDbStorages()).not.toContain(storage);
      await expect(opened(storage, true)).rejects.toMatchObject({ code: "ENOENT" });
    });

    it("opened read-only, refuses a commit with EROFS and still reads", async () => {
      const storage = newName();
      await run((await opened(storage)).commit(batchWith(), "strict"));
      const reader = await opened(storage, true);
      await expect(run(reader.commit(batchWith(), "relaxed"))).rejects.toMatchObject({
        code: "EROFS",
      });
      expect(await run(reader.superblock())).toEqual(superblockWith());
    });

    it("answers without waiting that a base inode has no record, after the first question", async () => {
      const storage = newName();
      const on = await opened(storage);
      const recorded = 2 ** 52 + 5;
      await run(
        on.commit(batchWith({ nodes: new Map([[recorded, fileNode(recorded)]]) }), "relaxed"),
      );
      await run(on.node(2 ** 52));
      expect(endsAtOnce(on.node(2 ** 52 + 1))).toBe(true);
      expect(endsAtOnce(on.node(recorded))).toBe(false);
      const superblock = superblockWith({ generation: 2 });
      await run(
        on.commit(batchWith({ superblock, nodes: new Map([[recorded, null]]) }), "relaxed"),
      );
      expect(endsAtOnce(on.node(recorded))).toBe(true);
    });

    it("a reader sees what was committed meanwhile once it has read the superblock", async () => {
      const storage = newName();
      const owner = await opened(storage);
      await run(owner.commit(batchWith(), "relaxed"));
      const reader = await opened(storage, true);
      const ino = 2 ** 52 + 7;
      expect(await run(reader.node(ino))).toBeUndefined();
      const superblock = superblockWith({ generation: 2 });
      await run(
        owner.commit(batchWith({ superblock, nodes: new Map([[ino, fileNode(ino)]]) }), "relaxed"),
      );
      expect(await run(reader.superblock())).toEqual(superblock);
      expect(await run(reader.node(ino))).toEqual(fileNode(ino));
    });

    it("deleted while it is open, lets the deletion pass and fails from then on with ENODEV", async () => {
      const storage = newName();
      const on = await opened(storage);
      await run(on.commit(batchWith(), "relaxed"));
      await deleteIndexedDbStorage(storage);
      await expect(run(on.superblock())).rejects.toMatchObject({ code: "ENODEV" });
      await expect(run(on.node(2 ** 52))).rejects.toMatchObject({ code: "ENODEV" });
      await expect(run(on.commit(batchWith(), "relaxed"))).rejects.toThrow(/open it again/);
      expect(await listIndexedDbStorages()).not.toContain(storage);
    });

    it("emptied while it is open, refuses to commit a part of an overlay as if it were all, and says so", async () => {
      const storage = newName();
      const told: string[] = [];
      const on = await openIndexedDbStorage(storage, { lost: (why) => told.push(why) });
      open.push(on);
      await run(on.commit(batchWith(), "relaxed"));
      const other = await openDB(`minifo:${storage}`, 1);
      await other.clear("superblock");
      other.close();
      await expect(run(on.commit(batchWith(), "relaxed"))).rejects.toMatchObject({
        code: "ENODEV",
      });
      await expect(run(on.superblock())).rejects.toMatchObject({ code: "ENODEV" });
      expect(told).toEqual([expect.stringContaining("emptied")]);
    });

    it("closed by the browser, with or without an event, fails with ENODEV and tells it once", async () => {
      for (const withEvent of [true, false]) {
        const told: string[] = [];
        const [on, connection] = await withConnection(() =>
          openIndexedDbStorage(newName(), { lost: (why) => told.push(why) }),
        );
        await run(on.commit(batchWith(), "relaxed"));
        connection.close();
        // The simulation's connections take no events of the runtime.
        if (withEvent && connection instanceof EventTarget) {
          connection.dispatchEvent(new Event("close"));
        }
        await expect(run(on.superblock())).rejects.toMatchObject({ code: "ENODEV" });
        await expect(run(on.commit(batchWith(), "relaxed"))).rejects.toThrow(/open it again/);
        expect(told).toEqual([expect.stringContaining("the browser closed it")]);
      }
    });

    it("makes way for a later version that another tab opens it with, and says so", async () => {
      const storage = newName();
      const told: string[] = [];
      const on = await openIndexedDbStorage(storage, { lost: (why) => told.push(why) });
      await run(on.commit(batchWith(), "relaxed"));
      const later = await openDB(`minifo:${storage}`, 2);
      await expect(run(on.superblock())).rejects.toMatchObject({ code: "ENODEV" });
      expect(told).toEqual([expect.stringContaining("newer version")]);
      later.close();
    });

    it("with the layout of a later version, is refused with EINVAL and left as it is", async () => {
      const storage = newName();
      const later = await openDB(`minifo:${storage}`, 2, {
        upgrade: (created) => void created.createObjectStore("other"),
      });
      later.close();
      for (const readOnly of [false, true]) {
        const opening = opened(storage, readOnly);
        await expect(opening).rejects.toMatchObject({ code: "EINVAL" });
        await expect(opening).rejects.toThrow(/later version of minifo/);
      }
      const again = await openDB(`minifo:${storage}`, 2);
      expect([...again.objectStoreNames]).toEqual(["other"]);
      again.close();
    });

    it("held open by a tab that does not react, its deletion fails with EBUSY and comes about later", async () => {
      const storage = newName();
      const deaf = await openDB(`minifo:${storage}`, 1);
      const patience = globalThis.setTimeout;
      // Patience that ends at once.
      globalThis.setTimeout = ((act: () => void) => patience(act)) as typeof setTimeout;
      try {
        const deletion = deleteIndexedDbStorage(storage);
        await expect(deletion).rejects.toMatchObject({ code: "EBUSY", path: storage });
        await expect(deletion).rejects.toThrow(/close that tab/);
      } finally {
        globalThis.setTimeout = patience;
      }
      deaf.close();
      await deleteIndexedDbStorage(storage);
      expect(await listIndexedDbStorages()).not.toContain(storage);
    });

    it("a full quota is ENOSPC, says what to try, and leaves the state before", async () => {
      const on = await opened(newName());
      await run(on.commit(batchWith(), "relaxed"));
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (value, key) {
        if (value instanceof Uint8Array) throw new DOMException("full", "QuotaExceededError");
        return put.call(this, value, key);
      };
      const superblock = superblockWith({ generation: 2 });
      const data = [freshWrite(1, 0, patterned(9, 1))];
      try {
        const full = run(on.commit(batchWith({ superblock, data }), "relaxed"));
        await expect(full).rejects.toMatchObject({ code: "ENOSPC" });
        await expect(full).rejects.toThrow(/revert or export changes/);
      } finally {
        IDBObjectStore.prototype.put = put;
      }
      expect(await run(on.superblock())).toEqual(superblockWith());
      await run(on.commit(batchWith({ superblock, data }), "relaxed"));
      expect(await run(on.superblock())).toEqual(superblock);
    });

    it("a batch that cannot be stored leaves the state before it, and the next one works", async () => {
      const storage = newName();
      const on = await opened(storage);
      await run(on.commit(batchWith({ data: [freshWrite(1, 0, patterned(9, 1))] }), "relaxed"));
      // A record that cannot be cloned fails in the middle of the transaction.
      const uncloneable = { ...fileNode(3), origin: (() => {}) as unknown as string };
      const broken = batchWith({
        superblock: superblockWith({ generation: 2 }),
        nodes: new Map([
          [2, fileNode(2)],
          [3, uncloneable],
        ]),
        droppedContents: [1],
      });
      await expect(run(on.commit(broken, "relaxed"))).rejects.toMatchObject({ code: "EIO" });
      expect(await run(on.superblock())).toEqual(superblockWith());
      expect(await run(on.node(2))).toBeUndefined();
      const into = new Uint8Array(9);
      await run(on.readData(1, 0, into));
      expect(into).toEqual(patterned(9, 1));
      const { superblock } = broken;
      await run(
        on.commit(batchWith({ superblock, nodes: new Map([[2, fileNode(2)]]) }), "relaxed"),
      );
      expect(await run(on.node(2))).toEqual(fileNode(2));
    });
  });
}
