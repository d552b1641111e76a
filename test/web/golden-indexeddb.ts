/** The golden storage as IndexedDB has it: put there by the raw API, for the simulation in Node and for the real engines. */
import { describe, expect, it } from "vitest";
import { MemoryBase } from "../../src/base/memory.ts";
import { OverlayReader, run } from "../../src/index.ts";
import { openIndexedDbStorage } from "../../web/indexeddb.ts";
import { databasePrefix } from "../../web/indexeddb-layout.ts";
import { deleteIndexedDbStorage } from "../../web/storages.ts";
import { StoredRecords } from "../../web/stored-records.ts";
import { goldenTree } from "../fixtures/golden.ts";
import { type GoldenDatabase, put } from "../fixtures/golden-database.ts";
import { goldenData } from "../fixtures/golden-state.ts";
import { goldenSuite } from "../fixtures/golden-suite.ts";

/** Runs the suite under the title `name` on the database that `load` gives. */
export function goldenIndexedDb(name: string, load: () => Promise<GoldenDatabase>): void {
  let copies = 0;

  /** The name of a storage that is a copy. */
  async function copied(): Promise<string> {
    copies += 1;
    const storage = `golden ${Date.now()} ${copies}`;
    await put(databasePrefix + storage, await load());
    return storage;
  }

  goldenSuite(name, async () => {
    const storage = await copied();
    return {
      open: (options) => openIndexedDbStorage(storage, options),
      cleanup: () => deleteIndexedDbStorage(storage),
    };
  });

  describe(`the golden storage ${name}`, () => {
    it("is read by what reads for the view, too", async () => {
      const storage = await copied();
      const records = await StoredRecords.open(storage);
      const superblock = await records.superblock();
      const reader = await run(
        OverlayReader.open({
          base: new MemoryBase(goldenTree),
          storage: records.at(superblock),
          superblock,
        }),
      );
      for (const [path, bytes] of goldenData) {
        const found = await run(reader.find(path));
        if (!found) throw new Error(`${path} is not found`);
        const into = new Uint8Array(bytes.length + 1);
        expect(into.slice(0, await run(reader.read(found.inode, 0, into)))).toEqual(bytes);
      }
      expect(await run(reader.find("open.txt"))).toBeUndefined();
      expect(await run(reader.find("made anew/hidden.txt"))).toBeUndefined();
      records.close();
      await deleteIndexedDbStorage(storage);
    });
  });
}
