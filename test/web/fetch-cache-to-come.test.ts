/** What is fetched before there is a cache that could keep it. */
import { expect, test } from "vitest";
import { MemoryFetchCache } from "../../src/base/memory-fetch-cache.ts";
import { FetchCacheToCome } from "../../web/fetch-cache-to-come.ts";

const bytes = new Uint8Array([1, 2, 3]);
const pointer = { url: "http://base/minifo.json", bytes, sha256: "b", fetched_ms: 1 };

test("what was to be kept before the cache came is in it then, and what comes later too", async () => {
  const coming = new FetchCacheToCome();
  await coming.keep("a", bytes);
  await coming.keepPointer(pointer);
  const cache = new MemoryFetchCache();
  await coming.come(async () => cache);
  await coming.keep("c", bytes);
  expect(await cache.object("a")).toEqual(bytes);
  expect(await cache.object("c")).toEqual(bytes);
  expect(await coming.pointer(pointer.url)).toEqual(pointer);
});

test("no more than 8 MiB is remembered until the cache comes", async () => {
  const coming = new FetchCacheToCome();
  const large = new Uint8Array(5 * 2 ** 20);
  await coming.keep("first", large);
  await coming.keep("second", large);
  const cache = new MemoryFetchCache();
  await coming.come(async () => cache);
  expect((await cache.object("first"))?.length).toBe(large.length);
  expect(await cache.object("second")).toBeUndefined();
});
