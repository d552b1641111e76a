/**
 * What each operation costs: bytes of the base that are fetched, bytes of data that are stored, and the records that go
 * into the storage, in one transaction. The base has a file of ten chunks and a bit; nothing was changed before.
 */
import { expect, test } from "vitest";
import { type Batch, type Handle, run } from "../../src/index.ts";
import { context, Fixture } from "./fixture.ts";

const chunk = 4096;
const bit = 100;
const size = 10 * chunk + bit;

const tree = {
  big: { size },
  even: { size: 2 * chunk },
  "dir/a": "alpha",
  "dir/sub/b": "beta",
  empty: { type: "directory" },
  linked: { content: "group", link: "g" },
  "dir/linked": { content: "group", link: "g" },
  pointer: { target: "big" },
  tagged: { content: "x", xattrs: { "user.tag": "below" } },
} as const;

interface Cost {
  /** Bytes read from files of the base. */
  readonly fetched?: number;
  /** Bytes of data in the batch. */
  readonly stored?: number;
  /** Node records and name records in the batch; none: there is no batch. */
  readonly records?: readonly [nodes: number, names: number];
}

type Row = readonly [
  operation: string,
  cost: Cost,
  act: (f: Fixture) => Promise<unknown>,
  before?: (f: Fixture) => Promise<unknown>,
];

const nothing: Cost = {};

async function withFile(
  f: Fixture,
  path: string,
  act: (handle: Handle) => Promise<unknown>,
): Promise<void> {
  const handle = await run(f.overlay.open(await f.at(path), { read: true, write: true }));
  await act(handle);
  await run(f.overlay.release(handle));
}

const punch = { punchHole: true, keepSize: true };

function allocate(f: Fixture, offset: number, length: number, mode: object): Promise<void> {
  return withFile(f, "big", (handle) => run(f.overlay.fallocate(handle, offset, length, mode)));
}

const rows: readonly Row[] = [
  ["lookup and getattr", nothing, async (f) => run(f.overlay.getattr(await f.at("dir/sub/b")))],
  ["readdir", nothing, (f) => f.names("dir")],
  ["readlink", nothing, async (f) => run(f.overlay.readlink(await f.at("pointer")))],
  [
    "listing extended attributes",
    nothing,
    async (f) => run(f.overlay.listxattr(await f.at("tagged"))),
  ],
  [
    "opening to read and write, without a write",
    nothing,
    (f) => withFile(f, "big", async () => {}),
  ],
  [
    "seeking holes",
    nothing,
    (f) => withFile(f, "big", (handle) => run(f.overlay.lseek(handle, 5, "hole"))),
  ],
  ["a read", { fetched: 9 }, (f) => f.readAt("big", 3 * chunk - 4, 9)],
  [
    "a read across a local chunk",
    { fetched: 4 + 5 },
    (f) => f.readAt("big", 3 * chunk - 4, 4 + chunk + 5),
    (f) => f.writeAt("big", 3 * chunk, new Uint8Array(chunk)),
  ],
  [
    "opening with O_TRUNC",
    { records: [1, 1] },
    async (f) => run(f.overlay.open(await f.at("big"), { write: true, truncate: true })),
  ],
  [
    "truncating to 0",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { size: 0 })),
  ],
  [
    "truncating shorter",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { size: chunk + 5 })),
  ],
  [
    "truncating longer",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { size: 4 * size })),
  ],
  [
    "truncating within a local chunk",
    { stored: chunk - 5, records: [1, 0] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { size: 5 })),
    (f) => f.writeAt("big", 0, new Uint8Array(chunk).fill(1)),
  ],
  [
    "writing a byte",
    { fetched: chunk, stored: chunk, records: [1, 1] },
    (f) => f.writeAt("big", 5 * chunk + 7, "X"),
  ],
  [
    "writing a byte of a renamed file",
    { fetched: chunk, stored: chunk, records: [1, 0] },
    (f) => f.writeAt("moved", 5 * chunk + 7, "X"),
    (f) => f.rename("big", "moved"),
  ],
  [
    "writing a byte into a local chunk",
    { stored: 1, records: [1, 0] },
    (f) => f.writeAt("big", 7, "X"),
    (f) => f.writeAt("big", 0, new Uint8Array(chunk).fill(1)),
  ],
  [
    "writing a whole chunk",
    { stored: chunk, records: [1, 1] },
    (f) => f.writeAt("big", 5 * chunk, new Uint8Array(chunk)),
  ],
  [
    "writing across four chunks",
    { fetched: 2 * chunk, stored: 4 * chunk, records: [1, 1] },
    (f) => f.writeAt("big", 5 * chunk + 7, new Uint8Array(3 * chunk)),
  ],
  [
    "appending",
    { fetched: bit, stored: bit + 3, records: [1, 1] },
    (f) => f.writeAt("big", size, "new"),
  ],
  [
    "appending where a chunk ends",
    { stored: 3, records: [1, 1] },
    (f) => f.writeAt("even", 2 * chunk, "new"),
  ],
  [
    "creating",
    { records: [2, 1] },
    async (f) => run(f.overlay.create(f.overlay.root, "new", 0o644, { write: true }, context)),
  ],
  ["mkdir", { records: [2, 1] }, (f) => f.mkdir("new")],
  [
    "mknod",
    { records: [2, 1] },
    (f) => run(f.overlay.mknod(f.overlay.root, "new", 0o010644, 0, context)),
  ],
  [
    "symlink",
    { records: [2, 1] },
    (f) => run(f.overlay.symlink(f.overlay.root, "new", "big", context)),
  ],
  ["unlinking", { records: [1, 1] }, (f) => f.unlink("big")],
  [
    "unlinking what is only local",
    { records: [2, 1] },
    (f) => f.unlink("new"),
    (f) => f.create("new", "data"),
  ],
  ["rmdir", { records: [1, 1] }, (f) => f.rmdir("empty")],
  ["renaming a file", { records: [2, 2] }, (f) => f.rename("big", "moved")],
  ["renaming a directory with all below it", { records: [2, 2] }, (f) => f.rename("dir", "moved")],
  ["renaming over another file", { records: [2, 2] }, (f) => f.rename("big", "even")],
  ["renaming into another directory", { records: [3, 3] }, (f) => f.rename("big", "dir/moved")],
  ["exchanging two files", { records: [3, 2] }, (f) => f.rename("big", "even", { exchange: true })],
  ["renaming onto another name of itself", nothing, (f) => f.rename("linked", "dir/linked")],
  ["linking a file of the base", { records: [2, 2] }, (f) => f.link("big", "other")],
  [
    "chmod",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { mode: 0o600 })),
  ],
  [
    "chown",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { uid: 5, gid: 6 })),
  ],
  [
    "utimens",
    { records: [1, 1] },
    async (f) => run(f.overlay.setattr(await f.at("big"), { mtime: "now" })),
  ],
  [
    "chmod deep in a directory",
    { records: [2, 1] },
    async (f) => run(f.overlay.setattr(await f.at("dir/sub/b"), { mode: 0o600 })),
  ],
  [
    "setting an extended attribute",
    { records: [1, 1] },
    async (f) => run(f.overlay.setxattr(await f.at("big"), "user.a", new Uint8Array(9))),
  ],
  [
    "removing an extended attribute of the base",
    { records: [1, 1] },
    async (f) => run(f.overlay.removexattr(await f.at("tagged"), "user.tag")),
  ],
  [
    "copying a file of the base",
    { records: [1, 0] },
    (f) =>
      withFile(f, "big", (from) =>
        withFile(f, "copy", (to) => run(f.overlay.copyRange(from, 0, to, 0, size))),
      ),
    (f) => f.create("copy"),
  ],
  ["punching whole chunks", { records: [1, 1] }, (f) => allocate(f, chunk, 3 * chunk, punch)],
  [
    "punching a part of a chunk",
    { fetched: chunk, stored: chunk, records: [1, 1] },
    (f) => allocate(f, chunk + 5, 7, punch),
  ],
  [
    "zeroing whole chunks",
    { records: [1, 1] },
    (f) => allocate(f, chunk, 3 * chunk, { zeroRange: true }),
  ],
  ["reserving room after the end", { records: [1, 1] }, (f) => allocate(f, size, chunk, {})],
  ["fsync with nothing pending", nothing, (f) => run(f.overlay.commit("strict"))],
];

for (const [operation, { fetched = 0, stored = 0, records }, act, before] of rows) {
  const [nodes, names] = records ?? [0, 0];
  const told = records
    ? `stores ${stored} bytes, ${nodes} nodes, ${names} names`
    : "stores nothing";
  test(`${operation} fetches ${fetched} bytes and ${told}`, async () => {
    const f = await Fixture.open(tree, { chunkSize: chunk });
    await before?.(f);
    await run(f.overlay.commit("strict"));
    const batches: Batch[] = [];
    f.disk.before = ({ batch }) => {
      if (batch) batches.push(batch);
      return undefined;
    };
    f.base.bytesRead = 0;
    await act(f);
    await run(f.overlay.commit("strict"));
    const costs = batches.map(({ data, nodes, names }) => ({
      stored: data.reduce((sum, { from, to }) => sum + to - from, 0),
      records: [nodes.size, names.length],
    }));
    expect({ fetched: f.base.bytesRead, costs }).toEqual({
      fetched,
      costs: records ? [{ stored, records: [nodes, names] }] : [],
    });
  });
}
