/**
 * The table of cases on ours: once over an empty base, once with what the case is given in the base.
 */
import { MemoryBase, type MemoryEntry } from "../../src/base/memory.ts";
import { FsPromises } from "../../src/fs/promises.ts";
import { run } from "../../src/operation.ts";
import { Overlay } from "../../src/overlay/overlay.ts";
import { openMemoryStorage } from "../../src/storage/memory.ts";
import { conformanceSuite } from "../conformance/suite.ts";
import { plant, type Tree } from "../conformance/table.ts";

conformanceSuite({
  name: "an overlay with all its files in the storage",
  begin: async ({ given = {} }) => {
    const fs = await open({});
    await plant(fs, "/root", given);
    return { fs, root: "/root" };
  },
});

conformanceSuite({
  name: "an overlay with all its files in the base",
  begin: async ({ given = {} }) => ({ fs: await open(given), root: "/root" }),
});

async function open(tree: Tree): Promise<FsPromises> {
  const entries: Record<string, MemoryEntry | string> = { root: { type: "directory" } };
  for (const [path, content] of Object.entries(tree)) {
    if (content === null) entries[`root${path}`] = { type: "directory" };
    else if (typeof content === "string") entries[`root${path}`] = content;
    else entries[`root${path}`] = { target: content.to };
  }
  const base = new MemoryBase(entries);
  const storage = openMemoryStorage();
  return new FsPromises(await run(Overlay.open({ base, storage })));
}
