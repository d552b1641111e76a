/** The golden storage in a simulated IndexedDB. */
import "fake-indexeddb/auto";
import { readFile } from "node:fs/promises";
import { goldenIndexedDb } from "./golden-indexeddb.ts";

goldenIndexedDb("in IndexedDB, simulated", async () =>
  JSON.parse(await readFile(new URL("../fixtures/storage-1.json", import.meta.url), "utf8")),
);
