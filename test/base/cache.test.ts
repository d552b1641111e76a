import { expect, test } from "vitest";
import { ObjectCache } from "../../src/base/cache.ts";
import { Deferred, type Operation, run, runSync, waitFor } from "../../src/index.ts";

/** An object of `length` bytes that is at hand at once, and a count of how often it was fetched. */
function source(length: number) {
  const counts = { fetched: 0 };
  const fetch = function* (): Operation<Uint8Array> {
    counts.fetched += 1;
    return new Uint8Array(length);
  };
  return { counts, fetch };
}

test("a hit does not wait and fetches nothing", async () => {
  const cache = new ObjectCache();
  const fetch = () => waitFor(Promise.resolve(new Uint8Array(3)));
  const bytes = await run(cache.get("a", fetch));
  const refuse = () => {
    throw new Error("fetched again");
  };
  expect(runSync(cache.get("a", refuse))).toBe(bytes);
});

test("all who ask while an object is under way get the same one", async () => {
  const cache = new ObjectCache();
  const object = new Deferred<Uint8Array>();
  let fetched = 0;
  const fetch = () => {
    fetched += 1;
    return waitFor(object);
  };
  const asked = [run(cache.get("a", fetch)), run(cache.get("a", fetch))];
  object.resolve(new Uint8Array(3));
  const [one, other] = await Promise.all(asked);
  expect(one).toBe(other);
  expect(fetched).toBe(1);
});

test("an error goes to all who wait, and the next who asks fetches again", async () => {
  const cache = new ObjectCache();
  const object = new Deferred<Uint8Array>();
  const asked = [1, 2].map(() => run(cache.get("a", () => waitFor(object))));
  object.reject(new Error("no network"));
  for (const one of asked) await expect(one).rejects.toThrow("no network");
  const { fetch } = source(3);
  expect((await run(cache.get("a", fetch))).length).toBe(3);
});

test("an error thrown before anything is under way is not kept either", async () => {
  const cache = new ObjectCache();
  const refuse = function* (): Operation<Uint8Array> {
    throw new Error("closed");
  };
  await expect(run(cache.get("a", refuse))).rejects.toThrow("closed");
  const { fetch } = source(3);
  expect((await run(cache.get("a", fetch))).length).toBe(3);
});

test("the least recently used are dropped when the bound is passed", async () => {
  const cache = new ObjectCache(100);
  const [a, b, c] = [source(40), source(40), source(40)];
  await run(cache.get("a", a.fetch));
  await run(cache.get("b", b.fetch));
  await run(cache.get("a", a.fetch));
  await run(cache.get("c", c.fetch));
  expect(cache.bytes).toBe(80);
  await run(cache.get("a", a.fetch));
  await run(cache.get("c", c.fetch));
  expect([a, b, c].map(({ counts }) => counts.fetched)).toEqual([1, 1, 1]);
  await run(cache.get("b", b.fetch));
  expect(b.counts.fetched).toBe(2);
});

test("what is larger than the whole cache is given, but not kept", async () => {
  const cache = new ObjectCache(100);
  const { counts, fetch } = source(101);
  await run(cache.get("a", fetch));
  await run(cache.get("a", fetch));
  expect(counts.fetched).toBe(2);
  expect(cache.bytes).toBe(0);
});
