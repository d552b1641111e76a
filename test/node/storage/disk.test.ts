import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type DiskOptions,
  type DiskStorage,
  holderOf,
  openDiskStorage,
} from "../../../node/storage/disk.ts";
import type { OwnershipRecord } from "../../../node/storage/ownership.ts";
import { decode, encode, soleKey } from "../../../node/storage/record-format.ts";
import { Records } from "../../../node/storage/records.ts";
import { runSync } from "../../../src/operation.ts";
import type { Batch, Superblock } from "../../../src/storage/storage.ts";
import {
  batchWith,
  chunkSize,
  fileNode,
  freshWrite,
  patterned,
  storageContract,
  superblockWith,
} from "../../storage/contract.ts";

storageContract({
  name: "disk",
  async make() {
    const directory = mkdtempSync(join(tmpdir(), "minifo-disk-"));
    return {
      open: async () => openDiskStorage(directory),
      cleanup: async () => rmSync(directory, { recursive: true }),
    };
  },
});

describe("disk storage", () => {
  let parent: string;
  let directory: string;
  let open: DiskStorage[];

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "minifo-disk-"));
    directory = join(parent, "storage");
    open = [];
  });

  afterEach(() => {
    for (const storage of open) runSync(storage.close());
    rmSync(parent, { recursive: true });
  });

  function opened(options: DiskOptions = {}): DiskStorage {
    const storage = openDiskStorage(directory, options);
    open.push(storage);
    return storage;
  }

  it("tells as an error of ours that its directory is gone when it is asked for room", () => {
    const storage = opened();
    renameSync(directory, `${directory}-elsewhere`);
    expect(() => runSync(storage.space())).toThrow(
      expect.objectContaining({ code: "ENOENT", path: directory }),
    );
    renameSync(`${directory}-elsewhere`, directory);
  });

  function close(storage: DiskStorage): void {
    runSync(storage.close());
    open = open.filter((other) => other !== storage);
  }

  /** Commits `changes` as the owner that `storage` is. */
  function commit(storage: DiskStorage, changes: Partial<Batch> = {}): void {
    const before = runSync(storage.superblock());
    const superblock = superblockWith({
      generation: (before?.generation ?? 0) + 1,
      epoch: before?.epoch ?? 1,
    });
    runSync(storage.commit(batchWith({ superblock, ...changes }), "strict"));
  }

  function bytesOf(storage: DiskStorage, content: number, offset: number, length: number) {
    const into = new Uint8Array(length).fill(0xee);
    runSync(storage.readData(content, offset, into));
    return into;
  }

  /** The paths of all content files. */
  function contentFiles(): string[] {
    const root = join(directory, "content");
    if (!existsSync(root)) return [];
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(root, path)).isFile())
      .sort();
  }

  /** Changes the record of who owns the storage, as another process would. */
  function changeOwnership(change: (record: OwnershipRecord) => OwnershipRecord): void {
    const records = new Records(join(directory, "records.mdb"), directory, false);
    records.write((writer) => {
      const bytes = writer.get(soleKey("ownership"));
      const record = bytes
        ? decode<OwnershipRecord>(bytes, "the owner")
        : { pid: 0, started: "", boot: "", holder: "", epoch: 1, state: "open" as const };
      writer.put(soleKey("ownership"), encode(change(record)));
    });
    records.close();
  }

  /** The ownership of a process that runs: our parent. */
  function livingForeigner(record: OwnershipRecord): OwnershipRecord {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "latin1");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] as string;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return { ...record, pid: process.ppid, started, boot, holder: "mounted at /x" };
  }

  describe("layout", () => {
    it("keeps a content of up to 16 KiB among the records, a larger one in a file of its own", () => {
      const storage = opened();
      const superblock = superblockWith({ chunkSize: 65_536 });
      const sizes = [1, 16_384, 16_385, 65_536];
      commit(storage, {
        superblock,
        data: sizes.map((size, index) => freshWrite(index + 1, 0, patterned(size, size))),
      });
      expect(contentFiles()).toEqual(["03/3", "04/4"]);
      sizes.forEach((size, index) => {
        expect(bytesOf(storage, index + 1, 0, size)).toEqual(patterned(size, size));
      });
    });

    it("keeps whatever has more than its first chunk in a file, spread over 256 directories", () => {
      const storage = opened();
      commit(storage, {
        data: [
          freshWrite(2, 1, patterned(1, 2)),
          freshWrite(259, 0, patterned(10, 3)),
          freshWrite(259, 1, patterned(10, 3)),
        ],
      });
      expect(contentFiles()).toEqual(["02/2", "03/259"]);
      expect(statSync(join(directory, "content/02/2")).size).toBe(chunkSize + 1);
    });

    it("nobody else may read it", () => {
      const storage = opened();
      commit(storage, { data: [freshWrite(1, 5, patterned(10, 1))] });
      for (const entry of ["", ...(readdirSync(directory, { recursive: true }) as string[])]) {
        const stat = statSync(join(directory, entry));
        expect([entry, stat.mode & 0o777]).toEqual([entry, stat.isDirectory() ? 0o700 : 0o600]);
      }
    });

    it("a far chunk takes no more room than it has bytes", () => {
      const storage = opened();
      commit(storage, { data: [freshWrite(1, 2 ** 20, patterned(chunkSize, 1))] });
      const { size, blocks } = statSync(join(directory, "content/01/1"));
      expect(size).toBe((2 ** 20 + 1) * chunkSize);
      expect(blocks * 512).toBeLessThanOrEqual(4 * chunkSize);
    });

    it("a small content that outgrows the records moves into a file, whole", () => {
      const storage = opened();
      const small = patterned(100, 1);
      const second = patterned(50, 2);
      commit(storage, { data: [1, 2, 3].map((content) => freshWrite(content, 0, small)) });
      expect(contentFiles()).toEqual([]);
      const grown = patterned(100, 3);
      commit(storage, {
        data: [
          freshWrite(1, 1, second),
          { content: 2, chunk: 0, bytes: grown, from: 7, to: 100, fresh: false },
          freshWrite(2, 1, second),
          freshWrite(3, 1, second),
        ],
        droppedChunks: [{ content: 3, from: 0, to: 1 }],
      });
      expect(contentFiles()).toEqual(["01/1", "02/2", "03/3"]);
      const expected = (first: Uint8Array) => {
        const bytes = new Uint8Array(chunkSize + 50);
        bytes.set(first);
        bytes.set(second, chunkSize);
        return bytes;
      };
      expect(bytesOf(storage, 1, 0, chunkSize + 50)).toEqual(expected(small));
      expect(bytesOf(storage, 2, 0, chunkSize + 50)).toEqual(expected(grown));
      expect(bytesOf(storage, 3, 0, chunkSize + 50)).toEqual(expected(new Uint8Array()));
      commit(storage, { droppedContents: [1, 2, 3] });
      expect(contentFiles()).toEqual([]);
    });

    it("cutting a content off gives its room back", () => {
      const storage = opened();
      const chunk = patterned(chunkSize, 1);
      commit(storage, { data: [0, 1, 2, 3].map((index) => freshWrite(1, index, chunk)) });
      commit(storage, { droppedChunks: [{ content: 1, from: 2, to: Number.POSITIVE_INFINITY }] });
      expect(statSync(join(directory, "content/01/1")).size).toBe(2 * chunkSize);
    });

    it("more files are written at once than are kept open", () => {
      const storage = opened();
      const contents = Array.from({ length: 200 }, (_, index) => index + 1);
      commit(storage, {
        data: contents.map((content) => freshWrite(content, 1, patterned(9, content))),
      });
      for (const content of contents) {
        expect(bytesOf(storage, content, chunkSize, 9)).toEqual(patterned(9, content));
      }
      expect(readdirSync("/proc/self/fd").length).toBeLessThan(150);
    });
  });

  describe("opening", () => {
    it("refuses a directory that holds something else, and leaves it as it is", () => {
      mkdirSync(directory);
      writeFileSync(join(directory, "thesis.tex"), "…");
      expect(() => opened()).toThrow(/ENOTEMPTY.*thesis\.tex/);
      expect(readdirSync(directory)).toEqual(["thesis.tex"]);
    });

    it("takes an empty directory, and one with nothing but a socket or lost+found", () => {
      mkdirSync(join(directory, "lost+found"), { recursive: true });
      writeFileSync(join(directory, "control"), "");
      commit(opened());
      expect(existsSync(join(directory, "records.mdb"))).toBe(true);
    });

    it("refuses a file with ENOTDIR", () => {
      writeFileSync(directory, "");
      expect(() => opened()).toThrow(/ENOTDIR/);
    });

    it("refuses a records.mdb that is no database", () => {
      mkdirSync(directory);
      writeFileSync(
        join(directory, "records.mdb"),
        "no database, but long enough to have a page".repeat(300),
      );
      for (const options of [{}, { readOnly: true }]) {
        expect(() => opened(options)).toThrow(/EINVAL.*no database of minifo/);
      }
    });

    it("refuses a database of somebody else", () => {
      mkdirSync(directory);
      const records = new Records(join(directory, "records.mdb"), directory, false);
      records.write((writer) => writer.put(Buffer.from("theirs"), Buffer.from("1")));
      records.close();
      expect(() => opened()).toThrow(/EINVAL.*not of minifo/);
      expect(() => opened({ readOnly: true })).toThrow(/EINVAL/);
    });

    it("creates nothing when it is read-only or told not to", () => {
      expect(() => opened({ readOnly: true })).toThrow(/ENOENT/);
      expect(() => opened({ create: false })).toThrow(/ENOENT/);
      expect(holderOf(directory)).toBeUndefined();
      expect(existsSync(directory)).toBe(false);
    });

    it("a damaged record is told with what it is about, and the others are read", () => {
      const storage = opened();
      commit(storage, { nodes: new Map([2, 3].map((ino) => [ino, fileNode(ino)])) });
      const records = new Records(join(directory, "records.mdb"), directory, false);
      records.write((writer) =>
        writer.put(Buffer.from([110, 0, 0, 0, 0, 0, 0, 0, 2]), Buffer.from('{"ino":')),
      );
      records.close();
      expect(() => runSync(storage.node(2))).toThrow(/EIO.*inode 2 is damaged/);
      expect(runSync(storage.node(3))).toEqual(fileNode(3));
    });
  });

  describe("ownership", () => {
    it("a second opening in the same process is refused, and the first works on", () => {
      const storage = opened({ holder: "mounted at /x" });
      expect(() => openDiskStorage(directory)).toThrow(
        `EBUSY: resource busy or locked, open '${directory}': the storage is mounted at /x by this very process (${process.pid})`,
      );
      commit(storage, { nodes: new Map([[2, fileNode(2)]]) });
      expect(runSync(storage.node(2))).toEqual(fileNode(2));
    });

    it("a storage that another living process has is refused with its number and what it does", () => {
      close(opened());
      changeOwnership(livingForeigner);
      expect(() => openDiskStorage(directory)).toThrow(
        new RegExp(`EBUSY.*mounted at /x by process ${process.ppid};`),
      );
      expect(holderOf(directory)).toEqual({
        pid: process.ppid,
        holder: "mounted at /x",
        closing: false,
      });
      changeOwnership((record) => ({ ...record, state: "closing" }));
      expect(() => openDiskStorage(directory)).toThrow(/EBUSY.*being closed.*try again/);
      expect(holderOf(directory)?.closing).toBe(true);
    });

    it("a holder that died is succeeded, whether its number is free, used again, or of another boot", () => {
      const dead = spawnSync(process.execPath, ["--version"]).pid;
      for (const gone of [
        (record: OwnershipRecord) => ({ ...livingForeigner(record), pid: dead }),
        (record: OwnershipRecord) => ({ ...livingForeigner(record), started: "1" }),
        (record: OwnershipRecord) => ({ ...livingForeigner(record), boot: "another" }),
      ]) {
        close(opened());
        changeOwnership(gone);
        expect(holderOf(directory)).toBeUndefined();
        close(opened());
      }
    });

    it("each taking raises the epoch by one, with and without a clean end before", () => {
      const first = opened();
      commit(first);
      const { epoch } = runSync(first.superblock()) as Superblock;
      close(first);
      const second = opened();
      expect(runSync(second.superblock())?.epoch).toBe(epoch + 1);
      close(second);
      changeOwnership((record) => ({ ...record, epoch: epoch + 5 }));
      expect(runSync(opened().superblock())?.epoch).toBe(epoch + 6);
    });

    it("an owner that was taken over can write nothing, and does not take its successor's ownership away", () => {
      const storage = opened();
      commit(storage, { data: [freshWrite(1, 1, patterned(10, 1))] });
      changeOwnership((record) => ({ ...livingForeigner(record), epoch: record.epoch + 1 }));
      const late = {
        data: [
          { content: 1, chunk: 1, bytes: patterned(10, 2), from: 0, to: 10, fresh: false },
          freshWrite(2, 1, patterned(10, 2)),
        ],
        droppedContents: [1],
      };
      expect(() => commit(storage, late)).toThrow(/ESTALE.*nothing was written/);
      expect(bytesOf(storage, 1, chunkSize, 10)).toEqual(patterned(10, 1));
      expect(contentFiles()).toEqual(["01/1"]);
      close(storage);
      expect(holderOf(directory)?.pid).toBe(process.ppid);
    });

    it("whoever asks is told who has it, and that it is closing", () => {
      const storage = opened({ holder: "mounted at /y" });
      expect(holderOf(directory)).toEqual({
        pid: process.pid,
        holder: "mounted at /y",
        closing: false,
      });
      storage.announceClosing();
      expect(holderOf(directory)?.closing).toBe(true);
      commit(storage);
      close(storage);
      expect(holderOf(directory)).toBeUndefined();
    });
  });

  describe("reading beside the owner", () => {
    it("sees each commit, takes no ownership and writes nothing", () => {
      const owner = opened({ holder: "mounted at /x" });
      commit(owner, { data: [freshWrite(1, 0, patterned(10, 1))] });
      const reader = opened({ readOnly: true });
      expect(runSync(reader.superblock())?.generation).toBe(1);
      expect(bytesOf(reader, 1, 0, 10)).toEqual(patterned(10, 1));
      commit(owner, {
        nodes: new Map([[2, fileNode(2)]]),
        data: [freshWrite(1, 1, patterned(10, 2))],
      });
      expect(runSync(reader.superblock())?.generation).toBe(2);
      expect(runSync(reader.node(2))).toEqual(fileNode(2));
      expect(bytesOf(reader, 1, 0, 10)).toEqual(patterned(10, 1));
      expect(bytesOf(reader, 1, chunkSize, 10)).toEqual(patterned(10, 2));
      expect(() => commit(reader)).toThrow(/EROFS/);
      close(reader);
      expect(holderOf(directory)?.pid).toBe(process.pid);
      commit(owner);
    });

    it("a storage opened for reading first in this process cannot be owned by it meanwhile", () => {
      close(opened());
      const reader = opened({ readOnly: true });
      expect(() => openDiskStorage(directory)).toThrow(/EBUSY.*open for reading in this process/);
      close(reader);
      commit(opened());
    });
  });

  describe("failing and crashing", () => {
    it("a commit whose data cannot be written leaves the state before, and the next try works", () => {
      const storage = opened();
      commit(storage, { data: [freshWrite(1, 0, patterned(10, 1))] });
      mkdirSync(join(directory, "content/03/3"), { recursive: true });
      const batch = {
        nodes: new Map([[2, fileNode(2)]]),
        data: [1, 2, 3].map((content) => freshWrite(content, 1, patterned(10, content))),
      };
      expect(() => commit(storage, batch)).toThrow(/EISDIR/);
      expect(runSync(storage.node(2))).toBeUndefined();
      expect(runSync(storage.superblock())?.generation).toBe(1);
      expect(contentFiles()).toEqual([]);
      expect(bytesOf(storage, 1, 0, 10)).toEqual(patterned(10, 1));
      rmSync(join(directory, "content/03/3"), { recursive: true });
      commit(storage, batch);
      expect(contentFiles()).toEqual(["01/1", "02/2", "03/3"]);
      expect(bytesOf(storage, 1, 0, 10)).toEqual(patterned(10, 1));
      expect(bytesOf(storage, 1, chunkSize, 10)).toEqual(patterned(10, 1));
    });

    it("content files that no record names are swept after a crash, and nothing else is", () => {
      const storage = opened();
      const size = chunkSize + 9;
      const content = (id: number) => ({ id, size, baseLength: 0, chunks: [0, 2] });
      commit(storage, {
        nodes: new Map([
          [2, fileNode(2, { content: content(1) })],
          [3, fileNode(3, { content: content(4) })],
        ]),
        data: [
          freshWrite(1, 1, patterned(9, 1)),
          freshWrite(2, 1, patterned(9, 2)),
          freshWrite(4, 0, patterned(9, 4)),
        ],
      });
      close(storage);
      writeFileSync(join(directory, "content/02/258"), "half a batch");
      writeFileSync(join(directory, "content/02/note"), "somebody's");
      mkdirSync(join(directory, "content/04"));
      // A move into a file that was not recorded any more: the records' bytes count.
      writeFileSync(join(directory, "content/04/4"), "half a move");
      changeOwnership((record) => record);
      const reopened = opened();
      expect(contentFiles()).toEqual(["01/1", "02/note"]);
      expect(bytesOf(reopened, 1, chunkSize, 9)).toEqual(patterned(9, 1));
      expect(bytesOf(reopened, 4, 0, 9)).toEqual(patterned(9, 4));
    });
  });
});
