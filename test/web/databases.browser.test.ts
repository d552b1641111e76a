/** What a worker that was ended in good order leaves of its databases: nothing that holds them, in any engine. */
import { expect, test } from "vitest";
import { settled } from "../../web/stored-records.ts";

/** A worker that was ended once it said that it may be, `at` what it was doing. */
async function endedWorker(name: string, at: "opening" | "reading"): Promise<void> {
  const worker = new Worker(new URL("ended-worker.ts", import.meta.url), { type: "module" });
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = reject;
    worker.postMessage({ name, at });
  });
  worker.terminate();
}

test.each(["opening", "reading"] as const)(
  "a worker ended after %s leaves a database that can be deleted",
  async (at) => {
    for (let i = 0; i < 2; i += 1) {
      const name = `ended-${at}-${Date.now()}-${i}`;
      await Promise.all([endedWorker(name, at), endedWorker(name, at)]);
      await settled(indexedDB.deleteDatabase(name));
      const databases = await indexedDB.databases();
      expect(databases.map((database) => database.name)).not.toContain(name);
    }
  },
);
