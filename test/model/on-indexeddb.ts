/** The random sequences of model.test.ts over IndexedDB: simulated in Node, and in the real engines. */
import fc from "fast-check";
import { openDB } from "idb";
import { afterAll, test } from "vitest";
import { openIndexedDbStorage } from "../../web/indexeddb.ts";
import { deleteIndexedDbStorage } from "../../web/storages.ts";
import { play, seed, tell } from "./play.ts";
import { sequence } from "./steps.ts";

/** The ids of the contents of which the storage `name` holds data. */
async function storedContents(name: string): Promise<number[]> {
  const database = await openDB(`minifo:${name}`);
  try {
    const keys = (await database.getAllKeys("data")) as [content: number, chunk: number][];
    return [...new Set(keys.map(([content]) => content))];
  } finally {
    database.close();
  }
}

/** Tests that `sequences` random sequences do over `what` as the reference does. */
export function modelOnIndexedDb(what: string, sequences: number): void {
  afterAll(tell);
  test(`${sequences} random sequences over ${what} give what the reference gives`, async () => {
    let count = 0;
    const property = fc.asyncProperty(sequence, async (taken) => {
      count += 1;
      const name = `model ${seed} ${count}`;
      await play(taken, { openStorage: () => openIndexedDbStorage(name) }, () =>
        storedContents(name),
      );
      await deleteIndexedDbStorage(name);
    });
    await fc.assert(property, { numRuns: sequences, seed, verbose: 0 });
  }, 3_600_000);
}
