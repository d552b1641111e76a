/**
 * Databases that do not answer, since somebody who is gone holds their stores, as WebKit lets it happen: who asks gets an
 * error that says what to do, or goes on without a cache. Simulated, for no browser can be made to do it every time.
 */
import "fake-indexeddb/auto";
import { expect, onTestFinished, test, vi } from "vitest";
import { run } from "../../src/operation.ts";
import { cachePatience_ms } from "../../web/databases.ts";
import { openFetchCache } from "../../web/fetch-cache.ts";
import { openIndexedDbStorage } from "../../web/indexeddb.ts";
import { databasePrefix, fetchCacheDatabase, stores } from "../../web/indexeddb-layout.ts";
import { KeptFetches } from "../../web/kept-fetches.ts";
import { settled } from "../../web/stored-records.ts";
import { batchWith, superblockWith } from "../storage/contract.ts";

/** Holds `names` of the database `name`, as `mode` does, until the returned function is called. */
async function held(
  name: string,
  names: readonly string[],
  mode: IDBTransactionMode,
): Promise<() => Promise<void>> {
  const database = await settled(indexedDB.open(name));
  const transaction = database.transaction(names, mode);
  const ended = new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve();
  });
  const store = transaction.objectStore(names[0] as string);
  let isHeld = true;
  const hold = (): void => {
    if (isHeld) store.get(0).onsuccess = hold;
  };
  hold();
  const release = async (): Promise<void> => {
    isHeld = false;
    await ended;
    database.close();
  };
  onTestFinished(release);
  return release;
}

/** From now on time passes when it is told to; the simulation's own does not stand still. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** What `promise` is rejected with when `ms` have passed, and not before. */
async function failureAfter(ms: number, promise: Promise<unknown>): Promise<unknown> {
  let failure: unknown;
  const failing = promise.catch((error) => {
    failure = error;
  });
  await vi.advanceTimersByTimeAsync(ms - 1);
  expect(failure).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  await failing;
  return failure;
}

test("a storage that does not answer is not opened: EBUSY after ten seconds, with what to do", async () => {
  const name = "held whole";
  await run((await openIndexedDbStorage(name)).close());
  await held(databasePrefix + name, stores, "readwrite");
  stopClock();
  const opening = openIndexedDbStorage(name);
  // The database itself opens; what is asked of it then is waited for.
  while (vi.getTimerCount() === 0) await new Promise(setImmediate);
  expect(await failureAfter(10_000, opening)).toMatchObject({
    code: "EBUSY",
    message: expect.stringMatching(/does not answer; close it, or all tabs of this site/),
  });
});

test("a commit that does not get its turn is EBUSY, stores nothing, and can be made again", async () => {
  const name = "held for reading";
  const storage = await openIndexedDbStorage(name);
  await run(storage.commit(batchWith({ superblock: superblockWith({}) }), "relaxed"));
  const release = await held(databasePrefix + name, stores, "readonly");
  stopClock();
  const batch = batchWith({ superblock: superblockWith({ generation: 2, nextIno: 9 }) });
  const failure = await failureAfter(10_000, run(storage.commit(batch, "relaxed")));
  expect(failure).toMatchObject({ code: "EBUSY" });
  vi.useRealTimers();
  expect((await run(storage.superblock()))?.nextIno).not.toBe(9);
  await release();
  await run(storage.commit(batch, "relaxed"));
  expect((await run(storage.superblock()))?.nextIno).toBe(9);
  await run(storage.close());
});

test("a cache that does not answer is one in which nothing is, and is not asked again", async () => {
  const whole = await openFetchCache(2 ** 20);
  const bytes = new Uint8Array([1]);
  await whole.keep("a", bytes);
  const first = new KeptFetches();
  expect(await first.object("a")).toEqual(bytes);
  await held(fetchCacheDatabase, ["objects", "uses", "pointers"], "readwrite");
  stopClock();
  for (const cache of [first, whole]) {
    expect(await failureAfter(cachePatience_ms, cache.object("a"))).toMatchObject({
      message: expect.stringContaining("does not answer"),
    });
    expect(await cache.object("a")).toBeUndefined();
    expect(await cache.pointer("b")).toBeUndefined();
  }
  const keeping = whole.keep("c", bytes, Date.now());
  expect(await failureAfter(10_000, keeping)).toMatchObject({
    code: "EIO",
    message: expect.stringContaining("does not answer"),
  });
});
