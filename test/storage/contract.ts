/**
 * What every storage must do. An implementation's test calls `storageContract` with a way to make one; each case opens
 * a new, empty place, and may close the storage and open it again.
 */
import { afterEach, describe, expect, it } from "vitest";
import { FsError } from "../../src/errno.ts";
import { type Operation, run } from "../../src/operation.ts";
import type {
  Batch,
  DataWrite,
  NameRecord,
  NodeRecord,
  Storage,
  Superblock,
} from "../../src/storage/storage.ts";

/** A place where a storage can be opened, closed and opened again. */
export interface StoragePlace {
  open(): Promise<Storage>;
  /** Takes the place away; storages opened on it are closed by then. */
  cleanup(): Promise<void>;
}

export interface StorageSubject {
  readonly name: string;
  /** Makes a place with nothing in it. */
  make(): Promise<StoragePlace>;
}

/** Small, so that the cases reach over many chunks with few bytes. */
export const chunkSize = 4096;

/** The superblock of a fresh overlay, with `changes`. */
export function superblockWith(changes: Partial<Superblock> = {}): Superblock {
  return {
    version: 1,
    incompatible: [],
    compatible: ["sparkle"],
    overlayId: "0123456789abcdef0123456789abcdef",
    base: { locator: "https://example.org/site/", identity: "sha256:abc" },
    chunkSize,
    nextIno: 2,
    // Above every content id of these tests: a storage may believe it that none beyond was ever stored.
    nextContent: 2 ** 33,
    generation: 1,
    epoch: 1,
    ...changes,
  };
}

/** A batch that holds `changes` and nothing else. */
export function batchWith(changes: Partial<Batch> = {}): Batch {
  return {
    superblock: superblockWith(),
    nodes: new Map(),
    names: [],
    aliases: new Map(),
    orphans: new Map(),
    data: [],
    droppedChunks: [],
    droppedContents: [],
    ...changes,
  };
}

/** A node record with the least there can be. */
export function fileNode(ino: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return { ino, type: "file", nlink: 0, ...changes };
}

/** A whole chunk written for the first time. */
export function freshWrite(content: number, chunk: number, bytes: Uint8Array): DataWrite {
  return { content, chunk, bytes, from: 0, to: bytes.length, fresh: true };
}

/** `length` bytes that depend on `seed` and on their place, none of them zero. */
export function patterned(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 1 + ((index * 7 + seed * 31) % 255));
}

const everyField: NodeRecord = {
  ino: 2 ** 53 - 1,
  type: "file",
  identity: "path:docs/ü \u0000\n.html",
  origin: "",
  signature: "size 3, mtime 1, sha256:ffff",
  mode: 0o4755,
  uid: 0,
  gid: 4294967294,
  atime: { seconds: -1, nanoseconds: 999_999_999 },
  mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
  ctime: { seconds: 0, nanoseconds: 0 },
  btime: { seconds: 2 ** 34, nanoseconds: 1 },
  nlink: -1,
  rdev: 0x0801,
  target: "../über/../there",
  xattrs: [
    ["user.empty", new Uint8Array()],
    ["user.bytes", Uint8Array.of(0, 255, 128, 10)],
    ["user.hidden", null],
    ["__proto__", Uint8Array.of(1)],
  ],
  content: {
    id: 7,
    size: 2 ** 40,
    baseLength: 2 ** 39,
    chunks: [0, 2, 5, 6, 2 ** 28, 2 ** 28 + 1],
  },
};

/** The code of the error that `operation` ends with; a string that is no code if it ends well. */
async function codeOfFailure(operation: Operation<unknown>): Promise<string> {
  try {
    await run(operation);
  } catch (error) {
    if (error instanceof FsError) return error.code;
    throw error;
  }
  return "no error";
}

/** Runs the suite for one implementation. */
export function storageContract({ name, make }: StorageSubject): void {
  describe(`storage contract: ${name}`, () => {
    let place: StoragePlace | undefined;
    let storage: Storage | undefined;

    /** The storage of this case, opened anew where it was open. */
    async function opened(): Promise<Storage> {
      if (storage) await run(storage.close());
      place ??= await make();
      storage = await place.open();
      return storage;
    }

    /** Commits `changes` with the superblock's counters moved on, as an owner does. */
    async function commit(on: Storage, changes: Partial<Batch> = {}): Promise<Superblock> {
      const before = await run(on.superblock());
      const superblock = superblockWith({
        generation: (before?.generation ?? 0) + 1,
        epoch: before?.epoch ?? 1,
      });
      await run(on.commit(batchWith({ superblock, ...changes }), "relaxed"));
      return superblock;
    }

    async function bytesOf(
      on: Storage,
      content: number,
      offset: number,
      length: number,
    ): Promise<Uint8Array> {
      // What was in the buffer before must not be taken for data.
      const into = new Uint8Array(length).fill(0xee);
      await run(on.readData(content, offset, into));
      return into;
    }

    afterEach(async () => {
      if (storage) await run(storage.close());
      await place?.cleanup();
      storage = undefined;
      place = undefined;
    });

    it("a storage never committed to has no superblock and no records", async () => {
      const empty = await opened();
      expect(await run(empty.superblock())).toBeUndefined();
      expect(await run(empty.node(1))).toBeUndefined();
      expect(await run(empty.node(2 ** 52 + 1))).toBeUndefined();
      expect(await run(empty.names(1))).toEqual([]);
      expect(await run(empty.aliases())).toEqual(new Map());
      expect(await run(empty.orphans())).toEqual([]);
      expect(await run(empty.allNodes())).toEqual([]);
      expect(await run(empty.allNames())).toEqual([]);
    });

    it("the superblock comes back as it was committed last", async () => {
      const on = await opened();
      await commit(on);
      const second = await commit(on, {});
      expect(await run(on.superblock())).toEqual(second);
      expect(second.generation).toBe(2);
    });

    it("a node record keeps every field", async () => {
      const on = await opened();
      await commit(on, { nodes: new Map([[everyField.ino, everyField]]) });
      expect(await run(on.node(everyField.ino))).toEqual(everyField);
      const reopened = await opened();
      expect(await run(reopened.node(everyField.ino))).toEqual(everyField);
    });

    it("a node record with few fields gains none", async () => {
      const on = await opened();
      const bare: NodeRecord = { ino: 5, type: "socket", nlink: 1 };
      const emptied = fileNode(6, { content: { id: 1, size: 0, baseLength: 0, chunks: [] } });
      await commit(on, {
        nodes: new Map([
          [5, bare],
          [6, emptied],
        ]),
      });
      expect(await run(on.node(5))).toStrictEqual(bare);
      expect(await run(on.node(6))).toStrictEqual(emptied);
    });

    it("a node record is replaced whole and removed by null", async () => {
      const on = await opened();
      const ino = 2 ** 52 + 12345;
      await commit(on, { nodes: new Map([[ino, fileNode(ino, { mode: 0o600, uid: 7 })]]) });
      await commit(on, { nodes: new Map([[ino, fileNode(ino, { mode: 0o644 })]]) });
      expect(await run(on.node(ino))).toStrictEqual(fileNode(ino, { mode: 0o644 }));
      await commit(on, { nodes: new Map([[ino, null]]) });
      expect(await run(on.node(ino))).toBeUndefined();
      expect(await run(on.allNodes())).toEqual([]);
    });

    it("a base inode is found once it is recorded, though it was asked for before", async () => {
      const on = await opened();
      const ino = 2 ** 52 + 99;
      expect(await run(on.node(ino))).toBeUndefined();
      const asked = run(on.node(ino + 1));
      const committed = commit(on, { nodes: new Map([[ino, fileNode(ino)]]) });
      await Promise.all([asked, committed]);
      expect(await run(on.node(ino))).toEqual(fileNode(ino));
      const reopened = await opened();
      expect(await run(reopened.node(ino))).toEqual(fileNode(ino));
      expect(await run(reopened.node(ino + 1))).toBeUndefined();
    });

    it("whiteouts and names come back for their directory only", async () => {
      const on = await opened();
      await commit(on, {
        names: [
          { parent: 1, name: "gone", record: { whiteout: true } },
          { parent: 1, name: "new", record: { ino: 2, type: "directory" } },
          { parent: 1, name: "moved", record: { ino: 3, type: "file", origin: "a/b" } },
          { parent: 2, name: "gone", record: { ino: 4, type: "symlink", origin: "" } },
          { parent: 256, name: "far", record: { whiteout: true } },
          { parent: 2 ** 53 - 1, name: "last", record: { whiteout: true } },
        ],
      });
      const ofRoot = new Map((await run(on.names(1))).map((entry) => [entry.name, entry.record]));
      expect(ofRoot).toEqual(
        new Map<string, NameRecord>([
          ["gone", { whiteout: true }],
          ["new", { ino: 2, type: "directory" }],
          ["moved", { ino: 3, type: "file", origin: "a/b" }],
        ]),
      );
      expect(await run(on.names(2))).toEqual([
        { name: "gone", record: { ino: 4, type: "symlink", origin: "" } },
      ]);
      expect(await run(on.names(2 ** 53 - 1))).toEqual([
        { name: "last", record: { whiteout: true } },
      ]);
      expect(await run(on.names(3))).toEqual([]);
      expect(await run(on.allNames())).toHaveLength(6);
    });

    it("a name record is replaced, and removed by null without touching its neighbours", async () => {
      const on = await opened();
      const name = (parent: number, text: string, record: NameRecord | null) => ({
        parent,
        name: text,
        record,
      });
      await commit(on, {
        names: [
          name(1, "a", { ino: 2, type: "file" }),
          name(1, "ab", { whiteout: true }),
          name(2, "a", { whiteout: true }),
        ],
      });
      await commit(on, { names: [name(1, "a", { whiteout: true }), name(9, "never", null)] });
      expect(await run(on.names(1))).toContainEqual({ name: "a", record: { whiteout: true } });
      await commit(on, { names: [name(1, "a", null)] });
      expect(await run(on.names(1))).toEqual([{ name: "ab", record: { whiteout: true } }]);
      expect(await run(on.allNames())).toHaveLength(2);
    });

    it("no name is special", async () => {
      const names = [
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "toString",
        "line\nfeed",
        " ",
        "..hidden",
        "META_dAfFgHE39ktF3HD2sr",
        "\u0001\u007f",
        "é", // composed
        "e\u0301", // the same to the eye, another name
        "日本語",
        "😀".repeat(63),
        `${"ü".repeat(127)}x`, // 255 bytes of UTF-8
        `${"ü".repeat(127)}y`,
        "z".repeat(255),
      ];
      const on = await opened();
      await commit(on, {
        names: names.map((text, index) => ({
          parent: 1,
          name: text,
          record: { ino: 100 + index, type: "file" as const },
        })),
      });
      const reopened = await opened();
      const found = new Map(
        (await run(reopened.names(1))).map(({ name: text, record }) => [text, record]),
      );
      expect(found.size).toBe(names.length);
      names.forEach((text, index) => {
        expect(found.get(text)).toEqual({ ino: 100 + index, type: "file" });
      });
    });

    it("aliases are set, replaced and removed, whatever their key", async () => {
      const long = `path:${"verzeichnis/".repeat(340)}ende`;
      const on = await opened();
      const first: [string, number][] = [
        ["__proto__", 2 ** 52 + 1],
        ["link:a\nb", 2 ** 52 + 2],
        [long, 2 ** 52 + 3],
      ];
      await commit(on, { aliases: new Map(first) });
      expect(await run(on.aliases())).toEqual(new Map(first));
      await commit(on, {
        aliases: new Map<string, number | null>([
          ["link:a\nb", null],
          [long, 2 ** 52 + 4],
          ["never there", null],
        ]),
      });
      const reopened = await opened();
      expect(await run(reopened.aliases())).toEqual(
        new Map([
          ["__proto__", 2 ** 52 + 1],
          [long, 2 ** 52 + 4],
        ]),
      );
    });

    it("orphans are noted and dropped", async () => {
      const on = await opened();
      const noted: [number, boolean][] = [
        [5, true],
        [2 ** 53 - 1, true],
        [6, true],
        [7, false],
      ];
      await commit(on, { orphans: new Map(noted) });
      await commit(on, { orphans: new Map([[6, false]]) });
      const reopened = await opened();
      expect([...(await run(reopened.orphans()))].sort()).toEqual([5, 2 ** 53 - 1]);
    });

    it("scans tell every node and every name", async () => {
      const on = await opened();
      const inos = [1, 2, 255, 256, 65_536, 2 ** 32, 2 ** 52, 2 ** 53 - 1];
      await commit(on, {
        nodes: new Map(inos.map((ino) => [ino, fileNode(ino)])),
        names: inos.map((ino) => ({
          parent: ino,
          name: `n${ino}`,
          record: { ino, type: "file" as const },
        })),
      });
      const nodes = await run(on.allNodes());
      expect(nodes.map(({ ino }) => ino).sort((a, b) => a - b)).toEqual(inos);
      const names = await run(on.allNames());
      expect(new Map(names.map((entry) => [entry.parent, entry.name]))).toEqual(
        new Map(inos.map((ino) => [ino, `n${ino}`])),
      );
    });

    it("data is read back at any offset, across the edges of chunks", async () => {
      const on = await opened();
      const whole = patterned(3 * chunkSize + 100, 1);
      await commit(on, {
        data: [0, 1, 2, 3].map((chunk) =>
          freshWrite(4, chunk, whole.slice(chunk * chunkSize, (chunk + 1) * chunkSize)),
        ),
      });
      expect(await bytesOf(on, 4, 0, whole.length)).toEqual(whole);
      for (const [from, to] of [
        [0, 1],
        [chunkSize - 1, chunkSize + 1],
        [chunkSize, 2 * chunkSize],
        [17, 3 * chunkSize + 99],
        [3 * chunkSize + 99, 3 * chunkSize + 100],
      ] as const) {
        expect(await bytesOf(on, 4, from, to - from)).toEqual(whole.slice(from, to));
      }
      expect(await bytesOf(on, 4, 5, 0)).toEqual(new Uint8Array());
      const reopened = await opened();
      expect(await bytesOf(reopened, 4, 0, whole.length)).toEqual(whole);
    });

    it("bytes past what was written to a held chunk read as zero", async () => {
      const on = await opened();
      const start = patterned(10, 2);
      const far = patterned(5, 3);
      await commit(on, { data: [freshWrite(1, 0, start), freshWrite(2, 9, far)] });
      const expected = new Uint8Array(chunkSize);
      expected.set(start);
      expect(await bytesOf(on, 1, 0, chunkSize)).toEqual(expected);
      const sparse = new Uint8Array(20);
      sparse.set(far);
      expect(await bytesOf(on, 2, 9 * chunkSize, 20)).toEqual(sparse);
    });

    it("the bytes given are a copy's source: changing them later changes nothing", async () => {
      const on = await opened();
      const memory = new Uint8Array(chunkSize * 2);
      const view = memory.subarray(100, 120);
      view.set(patterned(20, 4));
      await commit(on, { data: [freshWrite(1, 0, view)] });
      memory.fill(9);
      expect(await bytesOf(on, 1, 0, 21)).toEqual(Uint8Array.of(...patterned(20, 4), 0));
    });

    it("a write to a part of a held chunk keeps the rest", async () => {
      const on = await opened();
      const chunk = patterned(chunkSize, 5);
      const neighbour = patterned(chunkSize, 6);
      await commit(on, { data: [freshWrite(1, 0, chunk), freshWrite(1, 1, neighbour)] });
      chunk.fill(200, 1000, 1010);
      await commit(on, {
        data: [{ content: 1, chunk: 0, bytes: chunk, from: 1000, to: 1010, fresh: false }],
      });
      expect(await bytesOf(on, 1, 0, 2 * chunkSize)).toEqual(Uint8Array.of(...chunk, ...neighbour));
    });

    it("a held chunk grows by a write past its bytes, small or large", async () => {
      const on = await opened();
      const small = patterned(10, 7);
      await commit(on, { data: [freshWrite(1, 0, small)] });
      const grown = new Uint8Array(3000);
      grown.set(small);
      grown.fill(77, 2990);
      await commit(on, {
        data: [{ content: 1, chunk: 0, bytes: grown, from: 10, to: 3000, fresh: false }],
      });
      expect(await bytesOf(on, 1, 0, 3000)).toEqual(grown);
      const second = patterned(chunkSize, 8);
      await commit(on, { data: [freshWrite(1, 1, second)] });
      expect(await bytesOf(on, 1, 0, 3000)).toEqual(grown);
      const reopened = await opened();
      expect(await bytesOf(reopened, 1, 0, 3000)).toEqual(grown);
      expect(await bytesOf(reopened, 1, 3000, chunkSize - 3000)).toEqual(
        new Uint8Array(chunkSize - 3000),
      );
      expect(await bytesOf(reopened, 1, chunkSize, chunkSize)).toEqual(second);
    });

    it("zeros written over the end of a held chunk are zeros", async () => {
      const on = await opened();
      const chunk = patterned(chunkSize, 9);
      await commit(on, { data: [freshWrite(1, 0, chunk), freshWrite(1, 1, chunk)] });
      const cut = chunk.slice(0, 50);
      await commit(on, {
        data: [{ content: 1, chunk: 0, bytes: cut, from: 50, to: chunkSize, fresh: false }],
      });
      const expected = new Uint8Array(chunkSize);
      expected.set(cut);
      expect(await bytesOf(on, 1, 0, chunkSize)).toEqual(expected);
      expect(await bytesOf(on, 1, chunkSize, chunkSize)).toEqual(chunk);
    });

    it("what a chunk held before it was dropped does not shine through a fresh one", async () => {
      const on = await opened();
      const old = patterned(chunkSize, 10);
      await commit(on, { data: [0, 1, 2].map((chunk) => freshWrite(1, chunk, old)) });
      await commit(on, { droppedChunks: [{ content: 1, from: 1, to: 2 }] });
      const fresh = patterned(5, 11);
      await commit(on, { data: [freshWrite(1, 1, fresh)] });
      const expected = new Uint8Array(chunkSize);
      expected.set(fresh);
      expect(await bytesOf(on, 1, chunkSize, chunkSize)).toEqual(expected);
      expect(await bytesOf(on, 1, 0, chunkSize)).toEqual(old);
      expect(await bytesOf(on, 1, 2 * chunkSize, chunkSize)).toEqual(old);
    });

    it("a content cut to its first bytes and grown again reads zero in between", async () => {
      const on = await opened();
      const old = patterned(chunkSize, 12);
      await commit(on, { data: [0, 1, 2, 3].map((chunk) => freshWrite(1, chunk, old)) });
      await commit(on, { droppedChunks: [{ content: 1, from: 1, to: Number.POSITIVE_INFINITY }] });
      expect(await bytesOf(on, 1, 0, chunkSize)).toEqual(old);
      const far = patterned(7, 13);
      await commit(on, { data: [freshWrite(1, 3, far), freshWrite(1, 2, far)] });
      const expected = new Uint8Array(chunkSize);
      expected.set(far);
      expect(await bytesOf(on, 1, 2 * chunkSize, chunkSize)).toEqual(expected);
      expect(await bytesOf(on, 1, 3 * chunkSize, chunkSize)).toEqual(expected);
    });

    it("a dropped content takes nothing of the others along", async () => {
      const on = await opened();
      const bytes = patterned(chunkSize, 14);
      const small = patterned(8, 15);
      await commit(on, {
        data: [
          ...[1, 2, 256, 2 ** 32].map((content) => freshWrite(content, 1, bytes)),
          ...[3, 257].map((content) => freshWrite(content, 0, small)),
        ],
      });
      await commit(on, { droppedContents: [1, 3, 999] });
      const reopened = await opened();
      expect(await codeOfFailure(reopened.readData(1, chunkSize, new Uint8Array(1)))).toBe("EIO");
      expect(await codeOfFailure(reopened.readData(3, 0, new Uint8Array(1)))).toBe("EIO");
      for (const content of [2, 256, 2 ** 32]) {
        expect(await bytesOf(reopened, content, chunkSize, chunkSize)).toEqual(bytes);
      }
      expect(await bytesOf(reopened, 257, 0, 8)).toEqual(small);
    });

    it("dropping what is not there is no error", async () => {
      const on = await opened();
      await commit(on, {
        droppedContents: [5],
        droppedChunks: [
          { content: 6, from: 0, to: 9 },
          { content: 7, from: 0, to: Number.POSITIVE_INFINITY },
        ],
      });
      expect(await run(on.allNodes())).toEqual([]);
    });

    it("a batch of everything is there whole after it was opened again", async () => {
      const on = await opened();
      const node = fileNode(2, { content: { id: 1, size: 10, baseLength: 0, chunks: [0, 1] } });
      const superblock = superblockWith({ nextIno: 3, nextContent: 2 });
      await run(
        on.commit(
          batchWith({
            superblock,
            nodes: new Map([[2, node]]),
            names: [{ parent: 1, name: "f", record: { ino: 2, type: "file" } }],
            aliases: new Map([["path:x", 2 ** 52 + 1]]),
            orphans: new Map([[9, true]]),
            data: [freshWrite(1, 0, patterned(10, 1))],
          }),
          "strict",
        ),
      );
      const reopened = await opened();
      const stored = await run(reopened.superblock());
      // An implementation that counts its owners itself has raised the epoch.
      expect({ ...stored, epoch: 1 }).toEqual(superblock);
      expect(stored?.epoch).toBeGreaterThanOrEqual(1);
      expect(await run(reopened.node(2))).toEqual(node);
      expect(await run(reopened.names(1))).toHaveLength(1);
      expect(await run(reopened.aliases())).toEqual(new Map([["path:x", 2 ** 52 + 1]]));
      expect(await run(reopened.orphans())).toEqual([9]);
      expect(await bytesOf(reopened, 1, 0, 10)).toEqual(patterned(10, 1));
    });

    it("a batch of an owner that was taken over is refused with ESTALE, and nothing of it is stored", async () => {
      const on = await opened();
      await commit(on, { data: [freshWrite(1, 0, patterned(10, 1))] });
      const before = (await run(on.superblock())) as Superblock;
      const taken = { ...before, generation: before.generation + 1, epoch: before.epoch + 1 };
      await run(on.commit(batchWith({ superblock: taken }), "relaxed"));
      const late = batchWith({
        superblock: { ...before, generation: before.generation + 1 },
        nodes: new Map([[2, fileNode(2)]]),
        names: [{ parent: 1, name: "late", record: { whiteout: true } }],
        data: [
          { content: 1, chunk: 0, bytes: patterned(10, 2), from: 0, to: 10, fresh: false },
          freshWrite(2, 0, patterned(10, 3)),
        ],
        droppedContents: [1],
      });
      expect(await codeOfFailure(on.commit(late, "relaxed"))).toBe("ESTALE");
      expect(await run(on.superblock())).toEqual(taken);
      expect(await run(on.node(2))).toBeUndefined();
      expect(await run(on.allNames())).toEqual([]);
      expect(await bytesOf(on, 1, 0, 10)).toEqual(patterned(10, 1));
      expect(await codeOfFailure(on.readData(2, 0, new Uint8Array(1)))).toBe("EIO");
    });

    it("a taking over on the word of a superblock that moved since is refused with ESTALE, and so is a second one to the same epoch", async () => {
      const on = await opened();
      await commit(on, {});
      const read = (await run(on.superblock())) as Superblock;
      const next = { ...read, generation: read.generation + 1, nextIno: read.nextIno + 1 };
      await run(on.commit(batchWith({ superblock: next }), "relaxed"));
      const taken = { ...read, generation: read.generation + 1, epoch: read.epoch + 1 };
      const take = (superblock: Superblock) => on.commit(batchWith({ superblock }), "relaxed");
      expect(await codeOfFailure(take(taken))).toBe("ESTALE");
      expect(await run(on.superblock())).toEqual(next);
      const other = { ...next, generation: next.generation + 1, epoch: next.epoch + 1 };
      await run(take(other));
      expect(await codeOfFailure(take(other))).toBe("ESTALE");
      expect(await run(on.superblock())).toEqual(other);
    });

    it("batches are applied in the order they were given, though none was waited for", async () => {
      const on = await opened();
      const commits = [1, 2, 3, 4, 5].map((generation) =>
        run(
          on.commit(
            batchWith({
              superblock: superblockWith({ generation }),
              nodes: new Map([[2, fileNode(2, { uid: generation })]]),
              data: [freshWrite(1, 0, Uint8Array.of(generation))],
            }),
            generation % 2 === 0 ? "strict" : "relaxed",
          ),
        ),
      );
      await Promise.all(commits);
      expect(await run(on.superblock())).toMatchObject({ generation: 5 });
      expect(await run(on.node(2))).toMatchObject({ uid: 5 });
      expect(await bytesOf(on, 1, 0, 1)).toEqual(Uint8Array.of(5));
    });

    it("a storage of a later version is refused", async () => {
      const on = await opened();
      const later = { ...superblockWith(), version: 2 } as unknown as Superblock;
      await commit(on, { superblock: later });
      await run(on.close());
      storage = undefined;
      await expect(place?.open()).rejects.toMatchObject({ code: "EINVAL" });
    });

    it("a storage with an unknown incompatible feature is refused by its name", async () => {
      const on = await opened();
      await commit(on, { superblock: superblockWith({ incompatible: ["time-travel"] }) });
      await run(on.close());
      storage = undefined;
      await expect(place?.open()).rejects.toThrow(/time-travel/);
    });

    it("space tells a total that the free part does not exceed", async () => {
      const on = await opened();
      const { total, free } = await run(on.space());
      expect(free).toBeGreaterThan(0);
      expect(total).toBeGreaterThanOrEqual(free);
    });
  });
}
