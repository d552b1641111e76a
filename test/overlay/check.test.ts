import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MemoryTree } from "../../src/base/memory.ts";
import {
  type CheckReport,
  check,
  FsError,
  MemoryDisk,
  MemoryInspection,
  type NameRecord,
  type NodeRecord,
  type Operation,
  type Repair,
  run,
  type StoredRecord,
  type StoredState,
} from "../../src/index.ts";
import { type FindingKind, findingKinds } from "../../src/overlay/check/finding.ts";
import { identityHash } from "../../src/overlay/identity-hash.ts";
import { firstBaseIno } from "../../src/overlay/inode.ts";
import { linesOfOverlay, Subject, sequence, untimed } from "../model/steps.ts";
import { chunkSize, tree } from "../model/tree.ts";
import { context, Fixture, type FixtureOptions } from "./fixture.ts";

const plain = identityHash("model");
const narrow = (key: string) => firstBaseIno + (plain(key) % 8);

for (const [name, options] of [
  ["", {}],
  [", with colliding numbers", { hash: narrow }],
] as const) {
  test(`whatever was done to an overlay${name}, its storage is sound`, async () => {
    const property = fc.asyncProperty(sequence, async (steps) => {
      const f = await Fixture.open(tree, { chunkSize, ...(options as FixtureOptions) });
      const subject = new Subject(f);
      for (const step of steps) {
        if (step.op !== "revert") await subject.take(step);
        else await run(f.overlay.revert([step.path])).catch(expectRefused);
      }
      await run(f.overlay.commit("strict"));
      for (const base of [f.base, undefined]) {
        const storage = new MemoryInspection(f.disk);
        expect((await run(check({ storage, base, ...options }))).findings).toEqual([]);
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
}

/** Where nothing differs, or something is in the way, a revert is refused; and else it is not. */
function expectRefused(error: unknown): void {
  if (!(error instanceof FsError)) throw error;
  expect(["ENOENT", "EEXIST"]).toContain(error.code);
}

/** An overlay with a bit of every change, closed. */
async function changed(): Promise<Fixture> {
  const f = await Fixture.open(tree, { chunkSize });
  await f.create("new", new Uint8Array(chunkSize + 5).fill(7));
  await f.create("other", "other");
  await f.create("edge", new Uint8Array(chunkSize).fill(3));
  await f.mkdir("dir");
  await f.mkdir("dir/sub");
  await f.create("dir/sub/leaf", "leaf");
  await f.rename("d", "moved");
  await f.writeAt("moved/a", chunkSize + 7, "written");
  await f.rename("f/d", "dir/from-below");
  await f.link("a", "hard");
  await f.writeAt("f/a", 2, "!");
  await run(f.overlay.symlink(f.overlay.root, "symlink", "new", context));
  await run(f.overlay.setattr(await f.at("moved/e"), { mode: 0o700 }));
  await run(f.overlay.setxattr(await f.at("other"), "user.mark", new Uint8Array([1])));
  await run(f.overlay.mknod(f.overlay.root, "device", 0o020_644, 0, context));
  await f.create("copy");
  await copyOver(f, "moved/b", "copy");
  await f.unlink("moved/b");
  await run(f.overlay.close());
  return f;
}

async function copyOver(f: Fixture, from: string, to: string): Promise<void> {
  const source = await run(f.overlay.open(await f.at(from), { read: true }));
  const target = await run(f.overlay.open(await f.at(to), { write: true }));
  await run(f.overlay.copyRange(source, 0, target, 0, 1e6));
  for (const handle of [source, target]) await run(f.overlay.release(handle));
}

/** A storage with what a memory disk cannot have: keys of nobody, and data that cannot be read. */
class SpoiltInspection extends MemoryInspection {
  foreign: StoredRecord[] = [];
  readonly unreadable = new Set<number>();

  override *state(): Operation<StoredState> {
    const state = yield* super.state();
    return { ...state, records: [...state.records, ...this.foreign] };
  }

  override *readData(content: number, ...rest: [number, Uint8Array, number]): Operation<void> {
    if (this.unreadable.has(content)) throw new FsError("EIO", { syscall: "read" });
    yield* super.readData(content, ...rest);
  }

  override *repair(repair: Repair): Operation<string> {
    this.foreign = this.foreign.filter((record) => !repair.aside.includes(record));
    return yield* super.repair(repair);
  }
}

/** The records of a storage that is to be damaged, found by paths. */
class Victim {
  readonly disk: MemoryDisk;
  readonly inspection: SpoiltInspection;

  constructor(disk: MemoryDisk) {
    this.disk = disk;
    this.inspection = new SpoiltInspection(disk);
  }

  /** The inode number of `path`, all of whose names are recorded. */
  ino(path: string): number {
    let ino = 1;
    for (const name of path === "" ? [] : path.split("/")) {
      const record = this.disk.names.get(ino)?.get(name);
      if (!record || record.whiteout) throw new Error(`no record of ${path}`);
      ino = record.ino;
    }
    return ino;
  }

  node(path: string): NodeRecord {
    return this.disk.nodes.get(this.ino(path)) as NodeRecord;
  }

  content(path: string): NonNullable<NodeRecord["content"]> {
    return this.node(path).content as NonNullable<NodeRecord["content"]>;
  }

  /** Changes fields of a node to what may be no value of theirs. */
  spoil(path: string, fields: Record<string, unknown>): void {
    const ino = this.ino(path);
    this.disk.nodes.set(ino, { ...this.disk.nodes.get(ino), ...fields } as NodeRecord);
  }

  spoilContent(path: string, fields: Record<string, unknown>): void {
    this.spoil(path, { content: { ...this.content(path), ...fields } });
  }

  spoilSuperblock(fields: Record<string, unknown>): void {
    const superblock = { ...this.disk.superblock, ...fields };
    this.disk.superblock = superblock as MemoryDisk["superblock"] & {};
  }

  name(directory: string | number, name: string, record: unknown): void {
    const parent = typeof directory === "number" ? directory : this.ino(directory);
    const names = this.disk.names.get(parent) ?? new Map<string, NameRecord>();
    this.disk.names.set(parent, names.set(name, record as NameRecord));
  }

  /** Changes fields of a name's record, of a whiteout's too. */
  spoilName(directory: string, name: string, fields: Record<string, unknown>): void {
    const record = this.disk.names.get(this.ino(directory))?.get(name);
    if (!record) throw new Error(`no record of ${name}`);
    this.name(directory, name, { ...record, ...fields });
  }

  unname(directory: string, name: string): void {
    this.disk.names.get(this.ino(directory))?.delete(name);
  }

  /** Gives a node another number, but not its names. */
  renumber(path: string, ino: number): void {
    const node = this.node(path);
    this.disk.nodes.delete(node.ino);
    this.disk.nodes.set(ino, { ...node, ino });
  }

  /** Makes every name of `from` one of `to`, and what is in it be in that. */
  rename(from: number, to: number): void {
    for (const names of this.disk.names.values()) {
      for (const [name, record] of names) {
        if (!record.whiteout && record.ino === from) names.set(name, { ...record, ino: to });
      }
    }
    const inside = this.disk.names.get(from);
    if (inside) this.disk.names.set(to, inside);
    this.disk.names.delete(from);
  }
}

interface Corruption {
  readonly plant: (victim: Victim) => void;
  /** The finding, and where it has to be told. */
  readonly kind: FindingKind;
  readonly path?: string;
  /** Paths at and below which the repaired tree may differ from the one before the damage. */
  readonly costs?: readonly string[];
}

/** A number no object has. */
const nobody = 4_000;

const illegalNames: Readonly<Record<string, string>> = {
  "an empty name": "",
  "a name that means the directory itself": ".",
  "a name that means the directory above": "..",
  "a name with a slash": "a/b",
  "a name with a NUL": "a\0b",
  "a name with half a character": "a\ud83d",
  "a name of 256 bytes": "é".repeat(128),
};

function illegalName(name: string): Corruption {
  return {
    plant: (victim) => victim.name("dir", name, { ino: victim.ino("other"), type: "file" }),
    kind: "name-illegal",
    path: `dir/${name}`,
  };
}

const corruptions: Readonly<Record<string, Corruption>> = {
  "a superblock that is gone": {
    plant: ({ disk }) => {
      disk.superblock = undefined;
    },
    kind: "superblock-missing",
  },
  "a superblock that is no record": {
    plant: ({ disk }) => {
      disk.superblock = 7 as never;
    },
    kind: "superblock-unreadable",
  },
  "an overlay id that is none": {
    plant: (victim) => victim.spoilSuperblock({ overlayId: "no id" }),
    kind: "superblock-fields",
  },
  "a next inode number that was given out": {
    plant: (victim) => victim.spoilSuperblock({ nextIno: 3 }),
    kind: "superblock-counter",
  },
  "a next content id that was given out": {
    plant: (victim) => victim.spoilSuperblock({ nextContent: 1 }),
    kind: "superblock-counter",
  },
  "an epoch that is no number": {
    plant: (victim) => victim.spoilSuperblock({ epoch: "first" }),
    kind: "superblock-fields",
  },
  "a next inode number that is none": {
    plant: (victim) => victim.spoilSuperblock({ nextIno: "next" }),
    kind: "superblock-fields",
  },
  "a next content id that is none": {
    plant: (victim) => victim.spoilSuperblock({ nextContent: 1.5 }),
    kind: "superblock-fields",
  },
  "a base that is not told": {
    plant: (victim) => victim.spoilSuperblock({ base: null }),
    kind: "superblock-fields",
  },
  "a file's node that cannot be read": {
    plant: (victim) => victim.disk.nodes.set(victim.ino("new"), "garbage" as never),
    kind: "node-unreadable",
    costs: ["new"],
  },
  "a node of no type": {
    plant: (victim) => victim.spoil("other", { type: "folder" }),
    kind: "node-unreadable",
    costs: ["other"],
  },
  "a node that says it is another": {
    plant: (victim) => victim.spoil("other", { ino: nobody }),
    kind: "node-unreadable",
    costs: ["other"],
  },
  "a created symlink without a target": {
    plant: (victim) => victim.spoil("symlink", { target: undefined }),
    kind: "node-unreadable",
    costs: ["symlink"],
  },
  "a directory's node that is gone": {
    plant: (victim) => victim.disk.nodes.delete(victim.ino("dir")),
    kind: "name-without-node",
    path: "dir",
  },
  "a renamed directory's node that is gone": {
    plant: (victim) => victim.disk.nodes.delete(victim.ino("moved")),
    kind: "name-without-node",
    path: "moved",
  },
  "a renamed directory's node that is gone with the traces of its origin": {
    plant: (victim) => {
      victim.disk.nodes.delete(victim.ino("dir/from-below"));
      for (const names of victim.disk.names.values()) {
        for (const [name, record] of names) if (record.whiteout && name === "d") names.delete(name);
      }
    },
    kind: "name-without-node",
    path: "dir/from-below",
    costs: ["dir/from-below", "f/d", "f"],
  },
  "an attribute that is none": {
    plant: (victim) => victim.spoil("moved/e", { mtime: "yesterday" }),
    kind: "node-attributes",
  },
  "a created file without an owner": {
    plant: (victim) => victim.spoil("other", { uid: undefined }),
    kind: "node-attributes",
  },
  "a device number that is none": {
    plant: (victim) => victim.spoil("device", { rdev: "1:3" }),
    kind: "node-attributes",
  },
  "a created device without its number": {
    plant: (victim) => victim.spoil("device", { rdev: undefined }),
    kind: "node-attributes",
  },
  "extended attributes that are no pairs": {
    plant: (victim) => victim.spoil("other", { xattrs: [["user.mark", 1]] }),
    kind: "node-attributes",
    costs: ["other"],
  },
  "an extended attribute that is there twice": {
    plant: (victim) => {
      const { xattrs = [] } = victim.node("other");
      victim.spoil("other", { xattrs: [...xattrs, ["user.mark", new Uint8Array([2])]] });
    },
    kind: "node-attributes",
    costs: ["other"],
  },
  "a signature that is no text": {
    plant: (victim) => victim.spoil("moved/e", { signature: 7 }),
    kind: "node-attributes",
  },
  "a link count that is no number": {
    plant: (victim) => victim.spoil("hard", { nlink: "two" }),
    kind: "node-attributes",
  },
  "a name that means no inode": {
    plant: (victim) => victim.name("dir", "ghost", { ino: nobody, type: "file" }),
    kind: "name-without-node",
    path: "dir/ghost",
  },
  "a name record that says nothing": {
    plant: (victim) => victim.name("", "ghost", { type: "file" }),
    kind: "name-unreadable",
  },
  "a name of another type than its node": {
    plant: (victim) => victim.name("", "new", { ino: victim.ino("new"), type: "symlink" }),
    kind: "name-type",
    path: "new",
  },
  ...Object.fromEntries(
    Object.entries(illegalNames).map(([what, name]) => [what, illegalName(name)]),
  ),
  "a whiteout of something that is no object": {
    plant: (victim) => victim.spoilName("", "d", { hides: 7 }),
    kind: "name-hides",
  },
  "a whiteout of null": {
    plant: (victim) => victim.spoilName("", "d", { hides: null }),
    kind: "name-hides",
  },
  "a name that hides something without a signature": {
    plant: (victim) => victim.spoilName("", "new", { hides: { type: "file" } }),
    kind: "name-hides",
  },
  "a whiteout of something of no type": {
    plant: (victim) => victim.spoilName("", "d", { hides: { type: "folder", signature: "" } }),
    kind: "name-hides",
  },
  "a name in a file": {
    plant: (victim) => victim.name("new", "inside", { whiteout: true }),
    kind: "name-in-no-directory",
  },
  "a name in a directory that is not recorded": {
    plant: (victim) => victim.name(nobody, "inside", { ino: victim.ino("other"), type: "file" }),
    kind: "name-without-node",
  },
  "a name that means the root": {
    plant: (victim) => victim.name("dir", "root", { ino: 1, type: "directory" }),
    kind: "name-of-root",
    path: "dir/root",
  },
  "a name that says the base has it elsewhere": {
    plant: (victim) => {
      victim.name("", "new", { ino: victim.ino("new"), type: "file", origin: "d/a" });
    },
    kind: "name-origin",
    path: "new",
  },
  "a directory with two names": {
    plant: (victim) => victim.name("", "twice", { ino: victim.ino("dir/sub"), type: "directory" }),
    kind: "directory-names",
    costs: ["twice", "dir"],
  },
  "a directory that lies in itself": {
    plant: (victim) => {
      victim.name("dir/sub", "up", { ino: victim.ino("dir"), type: "directory" });
      victim.unname("", "dir");
    },
    kind: "directory-cycle",
    costs: ["dir"],
  },
  "a renamed directory whose old name is not hidden": {
    plant: (victim) => victim.unname("", "d"),
    kind: "directory-names",
    path: "moved",
  },
  "a node that no name leads to": {
    plant: (victim) => victim.unname("", "new"),
    kind: "node-lost",
    costs: ["new"],
  },
  "a directory that no name leads to": {
    plant: (victim) => victim.unname("dir", "sub"),
    kind: "node-lost",
    costs: ["dir/sub", "dir"],
  },
  "a created file's link count": {
    plant: (victim) => victim.spoil("new", { nlink: 9 }),
    kind: "link-count",
    path: "new",
  },
  "a created directory's link count": {
    plant: (victim) => victim.spoil("dir", { nlink: 2 }),
    kind: "link-count",
    path: "dir",
  },
  "a base file's link count": {
    plant: (victim) => victim.spoil("hard", { nlink: 0 }),
    kind: "link-count",
  },
  "a base directory's link count": {
    plant: (victim) => victim.spoil("moved", { nlink: -1 }),
    kind: "link-count",
    path: "moved",
  },
  "a created file with a number of the base's": {
    plant: (victim) => {
      const from = victim.ino("dir");
      victim.renumber("dir", firstBaseIno + 5);
      victim.rename(from, firstBaseIno + 5);
    },
    kind: "number-range",
    path: "dir",
  },
  "a base object with a number of a created one": {
    plant: (victim) => {
      const from = victim.ino("moved");
      victim.renumber("moved", 900);
      victim.rename(from, 900);
      victim.spoilSuperblock({ nextIno: 1000 });
    },
    kind: "number-range",
    path: "moved",
  },
  "a number that is not its identity's": {
    plant: (victim) => {
      const from = victim.ino("moved");
      victim.renumber("moved", firstBaseIno + 5);
      victim.rename(from, firstBaseIno + 5);
    },
    kind: "number-without-alias",
    path: "moved",
  },
  "a base object that is recorded twice": {
    plant: (victim) => {
      const node = { ...victim.node("moved/a"), ino: firstBaseIno + 5, content: undefined };
      victim.disk.nodes.set(node.ino, JSON.parse(JSON.stringify(node)) as NodeRecord);
    },
    kind: "identity-twice",
  },
  "an alias that means another object": {
    plant: (victim) => victim.disk.aliases.set("path:f/d/e", victim.ino("moved")),
    kind: "alias-wrong",
  },
  "an alias that means no base object's number": {
    plant: (victim) => victim.disk.aliases.set("path:f/d/e", 17),
    kind: "alias-wrong",
  },
  "an alias that is no number": {
    plant: (victim) => victim.disk.aliases.set("path:f/d/e", "x" as never),
    kind: "alias-unreadable",
  },
  "an orphan that has a name": {
    plant: (victim) => victim.disk.orphans.add(victim.ino("new")),
    kind: "orphan-named",
    path: "new",
  },
  "an orphan that is no number": {
    plant: ({ disk }) => disk.orphans.add("x" as never),
    kind: "orphan-unreadable",
  },
  "a record under a key of nobody": {
    plant: ({ inspection }) => {
      inspection.foreign = [{ key: { kind: "foreign", key: "zzz" }, value: "?" }];
    },
    kind: "foreign-record",
  },
  "a root that is not the base's": {
    plant: (victim) => victim.spoil("", { origin: undefined }),
    kind: "root-node",
    path: "",
  },
  "an origin that is no base path": {
    plant: (victim) => victim.spoil("moved", { origin: "../d" }),
    kind: "node-origin",
    path: "moved",
  },
  "a created file that takes its content from the base": {
    plant: (victim) => victim.spoil("other", { origin: "a", uid: undefined }),
    kind: "node-origin",
    path: "other",
  },
  "a directory of the base that does not say which one it is": {
    plant: (victim) => victim.spoil("moved", { identity: undefined }),
    kind: "node-origin",
    path: "moved",
  },
  "a file of several names that does not say which one it is": {
    plant: ({ disk }) => {
      const node = [...disk.nodes.values()].find(({ identity }) => identity === "link:g");
      if (!node) throw new Error("no record of f/a");
      const { identity: _, ...anonymous } = node;
      disk.nodes.set(node.ino, anonymous);
    },
    kind: "node-origin",
    path: "f/a",
  },
  "data that two files claim": {
    plant: (victim) => victim.spoil("other", { content: victim.content("new") }),
    kind: "content-twice",
    costs: ["new", "other"],
  },
  "a directory with data": {
    plant: (victim) => victim.spoil("moved", { content: victim.content("other") }),
    kind: "content-of-no-file",
    path: "moved",
  },
  "chunks out of order": {
    plant: (victim) => victim.spoilContent("new", { chunks: [1, 2, 0, 1] }),
    kind: "content-record",
    path: "new",
  },
  "chunks that are no ranges": {
    plant: (victim) => victim.spoilContent("moved/a", { chunks: [2, 1] }),
    kind: "node-attributes",
    costs: ["moved/a"],
  },
  "more of the base than the file has": {
    plant: (victim) => victim.spoilContent("moved/a", { baseLength: 1e9 }),
    kind: "content-record",
    path: "moved/a",
  },
  "a created file that takes data from the base": {
    plant: (victim) => victim.spoilContent("other", { baseLength: 1 }),
    kind: "content-record",
    path: "other",
  },
  "a copy of a file that is none": {
    plant: (victim) => victim.spoilContent("copy", { source: "d/b" }),
    kind: "node-unreadable",
    costs: ["copy"],
  },
  "a copy that does not say of which version": {
    plant: (victim) => victim.spoilContent("copy", { source: { path: "d/b" } }),
    kind: "node-unreadable",
    costs: ["copy"],
  },
  "a copy of what is no base path": {
    plant: (victim) => {
      const { source } = victim.content("copy");
      victim.spoilContent("copy", { source: { ...source, path: "../x" } });
    },
    kind: "node-unreadable",
    costs: ["copy"],
  },
  "a copy of the base's root": {
    plant: (victim) => {
      const { source } = victim.content("copy");
      victim.spoilContent("copy", { source: { ...source, path: "" } });
    },
    kind: "node-unreadable",
    costs: ["copy"],
  },
  "data that cannot be read": {
    plant: (victim) => victim.inspection.unreadable.add(victim.content("new").id),
    kind: "content-unreadable",
    path: "new",
    costs: ["new"],
  },
  "a chunk without data": {
    plant: (victim) => victim.disk.data.get(victim.content("new").id)?.delete(1),
    kind: "content-missing",
    path: "new",
    costs: ["new"],
  },
  "a base file's changes without data": {
    plant: (victim) => victim.disk.data.delete(victim.content("moved/a").id),
    kind: "content-missing",
    path: "moved/a",
    costs: ["moved/a"],
  },
  "data after the end of a file": {
    plant: (victim) => {
      const { id } = victim.content("other");
      victim.disk.data.get(id)?.set(0, new TextEncoder().encode("other and more"));
    },
    kind: "content-end",
    path: "other",
  },
  "held chunks past the end of a file": {
    plant: (victim) => {
      victim.spoilContent("other", { chunks: [0, 4] });
      const chunks = victim.disk.data.get(victim.content("other").id);
      for (const chunk of [1, 2, 3]) chunks?.set(chunk, new Uint8Array(chunkSize).fill(chunk - 1));
    },
    kind: "content-end",
    path: "other",
  },
  "held chunks past the end of a file that ends with a chunk": {
    plant: (victim) => {
      victim.spoilContent("edge", { chunks: [0, 2] });
      victim.disk.data.get(victim.content("edge").id)?.set(1, new Uint8Array(9).fill(9));
    },
    kind: "content-end",
    path: "edge",
  },
  "held chunks past the end of a file, without data": {
    plant: (victim) => victim.spoilContent("other", { chunks: [0, 1, 3, 4] }),
    kind: "content-end",
    path: "other",
  },
};

async function lines(f: Fixture): Promise<string[]> {
  await f.mount();
  // A directory's times go with a record of it that is lost.
  const lines = untimed(await linesOfOverlay(f));
  await run(f.overlay.close());
  return lines;
}

function without(costs: readonly string[], lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const path = line.slice(0, line.indexOf("\t"));
    return !costs.some((cost) => path === cost || path.startsWith(`${cost}/`));
  });
}

function checked(
  f: Fixture,
  repair = false,
  storage = new MemoryInspection(f.disk),
): Promise<CheckReport> {
  return run(check({ storage, base: f.base, repair }));
}

/** What a repair took out or changed has to be in the quarantine. */
function expectNothingLost(
  before: StoredState,
  after: StoredState,
  { quarantine }: MemoryInspection,
): void {
  expect(quarantine).toHaveLength(1);
  const aside = new Set(quarantine[0]?.repair.aside.map(({ value }) => value));
  const left = new Set(after.records.map(({ value }) => value));
  for (const { key, value } of before.records) {
    // An orphan is nothing but its number; a sound superblock only counts on.
    if (key.kind === "orphan" || key.kind === "superblock") continue;
    expect([key, left.has(value) || aside.has(value)]).toEqual([key, true]);
  }
  const contents = new Set(after.contents.map(({ id }) => id));
  for (const { id } of before.contents) {
    const isKept = contents.has(id) || quarantine[0]?.data.has(id);
    expect([id, isKept]).toEqual([id, true]);
  }
}

describe("check finds, and repairs so that the rest is as it was,", () => {
  for (const [name, { plant, kind, path, costs = [] }] of Object.entries(corruptions)) {
    test(name, async () => {
      const f = await changed();
      const before = await lines(f);
      expect((await checked(f)).findings).toEqual([]);
      const victim = new Victim(f.disk);
      plant(victim);
      const damage = structuredClone(f.disk.nodes);
      const storage = victim.inspection;
      const report = await checked(f, false, storage);
      expect(report.damaged).toBe(true);
      const found = report.findings.find((finding) => finding.kind === kind);
      expect(found).toMatchObject({ severity: "damage", ...(path !== undefined && { path }) });
      expect(f.disk.nodes).toEqual(damage);
      const damaged = await run(storage.state());
      const repaired = await checked(f, true, storage);
      expect(repaired).toMatchObject({ repaired: true, damaged: false, findings: report.findings });
      expectNothingLost(damaged, await run(storage.state()), storage);
      expect((await checked(f, false, storage)).damaged).toBe(false);
      expect(without(costs, await lines(f))).toEqual(without(costs, before));
    });
  }
});

/** What nobody needs, and which finding tells of it. */
const harmless: Readonly<Record<string, readonly [FindingKind, (victim: Victim) => void]>> = {
  "a whiteout over nothing": [
    "whiteout-over-nothing",
    (victim) => victim.name("moved", "no-such", { whiteout: true }),
  ],
  "a whiteout in a new directory": [
    "whiteout-over-nothing",
    (victim) => victim.name("dir", "no-such", { whiteout: true }),
  ],
  "data that no file claims": [
    "content-unclaimed",
    (victim) => {
      victim.disk.data.set(900, new Map([[0, new Uint8Array(10)]]));
      victim.spoilSuperblock({ nextContent: 901 });
    },
  ],
  "an alias of nothing": [
    "alias-needless",
    ({ disk }) => disk.aliases.set("path:x", firstBaseIno + 1),
  ],
  "an orphan that is gone": ["orphan-gone", ({ disk }) => disk.orphans.add(nobody)],
};

/** What the base has lost since, and which finding tells of it, and where. */
const lost: Readonly<
  Record<string, { paths: readonly (keyof typeof tree)[]; kind: FindingKind; path: string }>
> = {
  "an origin that the base has lost": {
    paths: ["d/e/a", "d/e/f"],
    kind: "origin-gone",
    path: "moved/e",
  },
  "a name that the base has lost": { paths: ["b"], kind: "name-origin-gone", path: "b" },
};

describe("check tells of what is harmless, and repairs nothing for it:", () => {
  for (const [name, [kind, plant]] of Object.entries(harmless)) {
    test(name, async () => {
      const f = await changed();
      plant(new Victim(f.disk));
      const report = await checked(f, true);
      expect(report.findings).toMatchObject([{ severity: "harmless", kind }]);
      expect(report).toMatchObject({ damaged: false, repaired: false });
    });
  }

  for (const [name, { paths, kind, path }] of Object.entries(lost)) {
    test(name, async () => {
      const f = await changed();
      await f.mount();
      // A name that came back to its place says where that is.
      await f.rename("b", "away");
      await f.rename("away", "b");
      const smaller = { ...tree } as MemoryTree;
      for (const gone of paths) delete (smaller as Record<string, unknown>)[gone];
      await f.republish(smaller);
      await run(f.overlay.close());
      const report = await checked(f, true);
      expect(report).toMatchObject({ damaged: false, repaired: false });
      expect(report.findings).toContainEqual(
        expect.objectContaining({ severity: "harmless", kind, path }),
      );
    });
  }
});

test("every kind of finding is provoked by a case above", () => {
  const provoked = [
    ...Object.values(corruptions).map(({ kind }) => kind),
    ...Object.values(harmless).map(([kind]) => kind),
    ...Object.values(lost).map(({ kind }) => kind),
  ];
  expect([...new Set(provoked)].sort()).toEqual([...findingKinds].sort());
});

test("several things damaged at once are all found, and one repair ends in a sound storage", async () => {
  const together = Object.entries(corruptions).filter(
    ([name]) => !/lies in itself|another number|cannot be read|two names/.test(name),
  );
  const f = await changed();
  const victim = new Victim(f.disk);
  let planted = 0;
  for (const [, { plant }] of together) {
    try {
      plant(victim);
      planted += 1;
    } catch {
      // What one of those before it has destroyed cannot be destroyed again.
    }
  }
  expect(planted).toBeGreaterThan(20);
  const report = await checked(f, true, victim.inspection);
  expect(report).toMatchObject({ repaired: true, damaged: false });
  expect((await checked(f)).findings.filter(({ severity }) => severity === "damage")).toEqual([]);
  await lines(f);
});

test("what was held past the end of a file is zeros when the file grows, and is kept aside", async () => {
  const f = await changed();
  const victim = new Victim(f.disk);
  const { id } = victim.content("other");
  victim.spoilContent("other", { chunks: [0, 3] });
  f.disk.data.get(id)?.set(1, new Uint8Array(0));
  f.disk.data.get(id)?.set(2, new Uint8Array(chunkSize).fill(7));
  const storage = new MemoryInspection(f.disk);
  await run(check({ storage, base: f.base, repair: true }));
  expect(storage.quarantine[0]?.data.get(id)?.get(2)).toEqual(new Uint8Array(chunkSize).fill(7));
  expect(victim.content("other").chunks).toEqual([0, 1]);
  await f.mount();
  await run(f.overlay.setattr(await f.at("other"), { size: 3 * chunkSize }));
  expect(await f.read("other")).toBe("other".padEnd(3 * chunkSize, "\0"));
});

test("a superblock that is gone stays so without a base", async () => {
  const f = await changed();
  f.disk.superblock = undefined;
  const report = await run(check({ storage: new MemoryInspection(f.disk), repair: true }));
  expect(report).toMatchObject({ damaged: true, repaired: false });
  expect(f.disk.superblock).toBeUndefined();
});

test("an empty storage is sound", async () => {
  const storage = new MemoryInspection(new MemoryDisk());
  expect(await run(check({ storage }))).toEqual({ findings: [], repaired: false, damaged: false });
});

test("a storage of a later version is refused", async () => {
  const f = await changed();
  new Victim(f.disk).spoilSuperblock({ version: 2 });
  await expect(checked(f)).rejects.toMatchObject({ code: "EINVAL" });
});
