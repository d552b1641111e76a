/** What user.minifo.… tells follows every change at once. */
import { expect, test } from "vitest";
import { Adapter } from "../../../node/fuse/adapter.ts";
import { rootNodeid } from "../../../node/fuse/nodes.ts";
import { MemoryDisk, memoryBase, Overlay, openMemoryStorage, run } from "../../../src/index.ts";

test("the state follows each change and its revert", async () => {
  const base = memoryBase({ file: "F" });
  const overlay = await run(Overlay.open({ base, storage: openMemoryStorage(new MemoryDisk()) }));
  const adapter = new Adapter(overlay);
  const { nodeid } = await run(adapter.lookup(rootNodeid, "file"));
  const state = async () =>
    new TextDecoder().decode(await run(adapter.getxattr(nodeid, "user.minifo.state")));
  expect(await state()).toBe("unmodified");
  await run(adapter.setattr(nodeid, { mode: 0o600 }));
  expect(await state()).toBe("attributes");
  const fh = await run(adapter.open(nodeid, { write: true }));
  await run(adapter.write(fh, 0, new Uint8Array(3)));
  expect(await state()).toBe("modified");
  const flags = { noReplace: false, exchange: false };
  await run(adapter.rename(rootNodeid, "file", rootNodeid, "other", flags));
  expect(await state()).toBe("renamed");
  await run(adapter.rename(rootNodeid, "other", rootNodeid, "file", flags));
  expect(await state()).toBe("modified");
  await run(adapter.release(fh));
  await run(overlay.revert(["file"]));
  const again = await run(adapter.lookup(rootNodeid, "file"));
  const told = await run(adapter.getxattr(again.nodeid, "user.minifo.state"));
  expect(new TextDecoder().decode(told)).toBe("unmodified");
});

test("telling a state commits nothing and reads no records, whatever the change is", async () => {
  const disk = new MemoryDisk();
  const base = memoryBase({ keep: "K", edit: "E", mode: "M", move: "V", "d/in": "I", gone: "G" });
  const overlay = await run(Overlay.open({ base, storage: openMemoryStorage(disk) }));
  const adapter = new Adapter(overlay);
  const caller = { uid: 0, gid: 0 };
  const flags = { noReplace: false, exchange: false };
  const file = 0o100644;
  const write = async (name: string): Promise<void> => {
    const { nodeid } = await run(adapter.lookup(rootNodeid, name));
    const fh = await run(adapter.open(nodeid, { write: true }));
    await run(adapter.write(fh, 0, new Uint8Array(3)));
    await run(adapter.release(fh));
  };
  await write("edit");
  const mode = await run(adapter.lookup(rootNodeid, "mode"));
  await run(adapter.setattr(mode.nodeid, { mode: 0o600 }));
  for (const [from, to] of [
    ["move", "between"],
    ["between", "moved"],
    ["d", "dir"],
  ] as const) {
    await run(adapter.lookup(rootNodeid, from));
    await run(adapter.rename(rootNodeid, from, rootNodeid, to, flags));
  }
  await run(adapter.mknod(rootNodeid, "new", file, 0, caller));
  await run(adapter.unlink(rootNodeid, "gone"));
  await run(adapter.mkdir(rootNodeid, "gone", 0o755, caller));
  const dir = await run(adapter.lookup(rootNodeid, "dir"));
  await run(adapter.mknod(dir.nodeid, "made", file, 0, caller));
  const methods: string[] = [];
  disk.before = ({ method }) => {
    if (["commit", "allNodes", "allNames"].includes(method)) methods.push(method);
    return undefined;
  };
  const state = async (path: string): Promise<string> => {
    let nodeid = rootNodeid;
    for (const name of path.split("/")) ({ nodeid } = await run(adapter.lookup(nodeid, name)));
    const told = await run(adapter.getxattr(nodeid, "user.minifo.state"));
    return new TextDecoder().decode(told);
  };
  const paths = ["keep", "edit", "mode", "moved", "dir", "dir/in", "dir/made", "new", "gone"];
  const states: [string, string][] = [];
  for (const path of paths) states.push([path, await state(path)]);
  expect(methods).toEqual([]);
  const listed = new Map((await run(overlay.changes())).map(({ path, state }) => [path, state]));
  expect(states).toEqual(paths.map((path) => [path, listed.get(path) ?? "unmodified"]));
  expect([...listed.keys()].filter((path) => !paths.includes(path))).toEqual([]);
  // Of several names the first by path counts, which only all records tell.
  const { nodeid } = await run(adapter.lookup(rootNodeid, "keep"));
  await run(adapter.link(nodeid, rootNodeid, "another"));
  expect(await state("keep")).toBe("created");
  expect(methods).toContain("allNames");
});
