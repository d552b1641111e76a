/** What user.minifo.… tells follows every change at once. */
import { expect, test } from "vitest";
import { Adapter, rootNodeid } from "../../../node/fuse/adapter.ts";
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
