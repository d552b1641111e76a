/** The golden storage in a real engine's IndexedDB. */
import { goldenIndexedDb } from "./golden-indexeddb.ts";

goldenIndexedDb("in IndexedDB", async () => {
  const answer = await fetch(new URL("../fixtures/storage-1.json", import.meta.url));
  return await answer.json();
});
