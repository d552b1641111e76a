/** Files made without a name: O_TMPFILE of open(2). */
import { describe, expect, test } from "vitest";
import { run } from "../../src/index.ts";
import { context, Fixture } from "./fixture.ts";

describe("a file without a name", () => {
  const flags = { read: true, write: true };
  const bytes = new TextEncoder().encode("text");

  async function made() {
    const f = await Fixture.open({ "d/old": "old" });
    const parent = await f.at("d");
    const handle = await run(f.overlay.createUnnamed(parent, 0o666, flags, context));
    await run(f.overlay.write(handle, 0, bytes));
    return { f, parent, handle };
  }

  test("is written and read, is in no directory, and leaves nothing when it is closed", async () => {
    const { f, handle } = await made();
    const told = await run(f.overlay.getattr(handle.inode));
    expect([told.nlink, told.mode, told.size]).toEqual([0, 0o100644, 4]);
    expect(await f.names("d")).toEqual(["old"]);
    await run(f.overlay.commit("strict"));
    expect(f.disk.orphans.size).toBe(1);
    await run(f.overlay.release(handle));
    await run(f.overlay.commit("strict"));
    expect([f.disk.orphans.size, f.disk.nodes.size, f.disk.data.size]).toEqual([0, 0, 0]);
  });

  test("leaves nothing of itself after a crash either", async () => {
    const { f } = await made();
    await run(f.overlay.commit("strict"));
    await f.crash();
    expect([f.disk.orphans.size, f.disk.nodes.size, f.disk.data.size]).toEqual([0, 0, 0]);
  });

  test("stays once it is linked, whatever was committed before, and can be linked again", async () => {
    const { f, parent, handle } = await made();
    await run(f.overlay.commit("strict"));
    await run(f.overlay.link(handle.inode, parent, "new"));
    await run(f.overlay.link(handle.inode, f.overlay.root, "also"));
    await run(f.overlay.release(handle));
    await f.remount();
    expect([await f.read("d/new"), await f.read("also")]).toEqual(["text", "text"]);
    expect((await run(f.overlay.getattr(await f.at("also")))).nlink).toBe(2);
    expect(f.disk.orphans.size).toBe(0);
  });

  test("cannot be linked once it is closed, nor once it lost the name it was given", async () => {
    const { f, parent, handle } = await made();
    await run(f.overlay.link(handle.inode, parent, "new"));
    await f.unlink("d/new");
    const lost = run(f.overlay.link(handle.inode, parent, "again"));
    await expect(lost).rejects.toMatchObject({ code: "ENOENT" });
    const other = await run(f.overlay.createUnnamed(parent, 0o600, flags, context));
    await run(f.overlay.release(other));
    const closed = run(f.overlay.link(other.inode, parent, "late"));
    await expect(closed).rejects.toMatchObject({ code: "ENOENT" });
    expect(await f.names("d")).toEqual(["old"]);
  });
});
