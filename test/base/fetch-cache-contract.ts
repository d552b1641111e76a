/** What must hold of every place that keeps what was fetched. */
import { describe, expect, test } from "vitest";
import type { FetchCache, KeptPointer } from "../../src/index.ts";

/** A kind of cache to be tried. */
export interface FetchCacheKind {
  readonly name: string;
  /** Opens a cache of `maxBytes` that is empty, and gives what opens the same one again. */
  make(maxBytes: number): Promise<() => Promise<FetchCache>>;
  /** Whether what is kept is still there when it is opened again. */
  readonly lasts: boolean;
}

/** A digest with these digits at its beginning. */
export const digest = (letters: string): string => letters.padEnd(64, "0");
const block = (value: number, length = 4096) => new Uint8Array(length).fill(value);

/** Passes if `kind` keeps what caches promise. */
export function fetchCacheContract(kind: FetchCacheKind): void {
  const opened = async (maxBytes = 2 ** 20): Promise<FetchCache> =>
    await (await kind.make(maxBytes))();

  describe(`${kind.name} as a cache of what was fetched`, () => {
    test("gives what was kept, and nothing for what was not", async () => {
      const cache = await opened();
      expect(await cache.object(digest("a"))).toBeUndefined();
      await cache.keep(digest("a"), block(1));
      await cache.keep(digest("b"), new Uint8Array(0));
      expect(await cache.object(digest("a"))).toEqual(block(1));
      expect(await cache.object(digest("b"))).toEqual(new Uint8Array(0));
      expect(await cache.object(digest("ab"))).toBeUndefined();
      await cache.close();
    });

    test("keeps a copy: what the caller does to its bytes afterwards changes nothing", async () => {
      const cache = await opened();
      const bytes = block(1);
      await cache.keep(digest("a"), bytes);
      bytes.fill(2);
      const given = await cache.object(digest("a"));
      expect(given).toEqual(block(1));
      given?.fill(3);
      expect(await cache.object(digest("a"))).toEqual(block(1));
      await cache.close();
    });

    test("drops what it is told to, and takes it again", async () => {
      const cache = await opened();
      await cache.keep(digest("a"), block(1));
      await cache.drop(digest("a"));
      await cache.drop(digest("b"));
      expect(await cache.object(digest("a"))).toBeUndefined();
      await cache.keep(digest("a"), block(2));
      expect(await cache.object(digest("a"))).toEqual(block(2));
      await cache.close();
    });

    test("keeps one pointer for each URL, the last", async () => {
      const cache = await opened();
      const pointer = (url: string, value: number): KeptPointer => ({
        url,
        bytes: block(value, 10),
        sha256: digest("c"),
        fetched_ms: value,
      });
      expect(await cache.pointer("http://a/")).toBeUndefined();
      await cache.keepPointer(pointer("http://a/", 1));
      await cache.keepPointer(pointer("http://b/", 2));
      await cache.keepPointer(pointer("http://a/", 3));
      expect(await cache.pointer("http://a/")).toEqual(pointer("http://a/", 3));
      expect(await cache.pointer("http://b/")).toEqual(pointer("http://b/", 2));
      await cache.close();
    });

    test("drops down to half of its bound once it is full, and pointers never", async () => {
      const cache = await opened(16 * 4096);
      const url = "http://a/";
      await cache.keepPointer({ url, bytes: block(1, 9), sha256: digest("c"), fetched_ms: 1 });
      const names = Array.from({ length: 17 }, (_, at) => digest(`${at + 10}`));
      for (const name of names) await cache.keep(name, block(1));
      const held = await Promise.all(names.map((name) => cache.object(name)));
      expect(held.filter(Boolean).length).toBe(8);
      expect(held.at(-1)).toEqual(block(1));
      expect(await cache.pointer(url)).toBeDefined();
      await cache.close();
    });

    test("spares what was used since a moment, and says ENOSPC if nothing else is left", async () => {
      const cache = await opened(8 * 4096);
      const since = Date.now() - 1;
      for (let at = 0; at < 8; at += 1) await cache.keep(digest(`a${at}`), block(at), since);
      await expect(cache.keep(digest("b"), block(9), since)).rejects.toMatchObject({
        code: "ENOSPC",
      });
      for (let at = 0; at < 8; at += 1) {
        expect(await cache.object(digest(`a${at}`))).toEqual(block(at));
      }
      await cache.close();
    });

    test("takes no more than its bound of what is kept side by side", async () => {
      const cache = await opened(8 * 4096);
      const since = Date.now() - 1;
      const names = Array.from({ length: 12 }, (_, at) => digest(`a${at + 10}`));
      const keeping = names.map((name) => cache.keep(name, block(1), since));
      const kept = (await Promise.allSettled(keeping)).map(({ status }) => status === "fulfilled");
      expect(kept.filter(Boolean).length).toBe(8);
      const held = await Promise.all(names.map((name) => cache.object(name)));
      expect(held.map((bytes) => bytes !== undefined)).toEqual(kept);
      await cache.close();
    });

    test("refuses what is larger than all it may hold, and keeps the rest", async () => {
      const cache = await opened(8 * 4096);
      await cache.keep(digest("a"), block(1));
      await expect(cache.keep(digest("b"), block(1, 9 * 4096))).rejects.toMatchObject({
        code: "ENOSPC",
      });
      await cache.close();
    });

    test.skipIf(!kind.lasts)(
      "has what was kept when it is opened again, and by others",
      async () => {
        const open = await kind.make(16 * 4096);
        const one = await open();
        const other = await open();
        await one.keep(digest("a"), block(1));
        expect(await other.object(digest("a"))).toEqual(block(1));
        await Promise.all([one.keep(digest("b"), block(2)), other.keep(digest("b"), block(2))]);
        await one.close();
        await other.close();
        const later = await open();
        expect(await later.object(digest("a"))).toEqual(block(1));
        expect(await later.object(digest("b"))).toEqual(block(2));
        await later.close();
      },
    );
  });
}
