/** Streams, File System API handles and VS Code's provider over an overlay in this process. */
import { memoryBase } from "../../src/base/memory.ts";
import { fsOf, MemoryDisk, Overlay, openMemoryStorage, run } from "../../src/index.ts";
import { adaptersSuite } from "./adapters-suite.ts";

adaptersSuite(async () => {
  const base = memoryBase({ "base/file": "of the base" });
  const storage = openMemoryStorage(new MemoryDisk());
  return fsOf(await run(Overlay.open({ base, storage }))).promises;
});
