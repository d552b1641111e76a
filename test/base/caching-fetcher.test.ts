/** What a fetcher with a cache asks the network for, and what it gives without one. */
import { describe, expect, test } from "vitest";
import { Unreachable } from "../../src/base/unreachable.ts";
import { sha256Of } from "../../src/base/verify.ts";
import {
  cachingFetcher,
  type FetchCache,
  type FetchedObject,
  type Fetcher,
  FsError,
  MemoryFetchCache,
  type ObjectRequest,
} from "../../src/index.ts";

/** A network of objects by URL, which counts what it is asked and can be out of reach. */
class FakeNetwork implements Fetcher {
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly asked: ObjectRequest[] = [];
  /** URLs that are answered with an error. */
  readonly refused = new Set<string>();
  isDown = false;

  async get(request: ObjectRequest): Promise<FetchedObject> {
    this.asked.push(request);
    if (this.isDown) {
      const reason = `cannot reach ${request.url}: connection refused`;
      throw new FsError("EIO", { reason, cause: new Unreachable() });
    }
    if (this.refused.has(request.url)) {
      throw new FsError("EIO", { reason: `${request.url}: the server says 503` });
    }
    const bytes = this.objects.get(request.url);
    if (!bytes) throw new FsError("ENOENT", { reason: `${request.url}: the server says 404` });
    return { bytes, sha256: await sha256Of(bytes) };
  }

  close(): void {}
}

const url = "http://a/object";
const text = (words: string) => new TextEncoder().encode(words);

async function stack(cache: FetchCache = new MemoryFetchCache()) {
  const network = new FakeNetwork();
  const isPointer = (bytes: Uint8Array) => bytes[0] === 123;
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const again = () => cachingFetcher({ network, cache, isPointer, say });
  network.objects.set(url, text("content"));
  const request = { url, sha256: await sha256Of(text("content")), maxBytes: 100 };
  return { network, cache, fetcher: again(), again, request, said };
}

/** What was kept is there only once the keeping, which nobody waits for, is done. */
async function kept(cache: FetchCache, sha256: string): Promise<void> {
  await expect.poll(() => cache.object(sha256)).toBeDefined();
}

describe("a fetcher with a cache", () => {
  test("asks for an object once, in this session and the next", async () => {
    const { network, cache, fetcher, again, request } = await stack();
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    await kept(cache, request.sha256);
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    expect((await again().get({ ...request, url: "http://b/other" })).bytes).toEqual(
      text("content"),
    );
    expect(network.asked.length).toBe(1);
  });

  test("drops a flipped byte and fetches anew", async () => {
    const { network, cache, fetcher, request } = await stack();
    await cache.keep(request.sha256, text("cOntent"));
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    expect(network.asked.length).toBe(1);
    await expect.poll(() => cache.object(request.sha256)).toEqual(text("content"));
  });

  test("keeps packed objects as they came, and gives them unpacked", async () => {
    const { gzipSync } = await import("node:zlib");
    const { network, cache, fetcher } = await stack();
    const packed = new Uint8Array(gzipSync("much ".repeat(100)));
    network.objects.set("http://a/gz", packed);
    const sha256 = await sha256Of(packed);
    const request: ObjectRequest = {
      url: "http://a/gz",
      sha256,
      maxBytes: 1000,
      packing: { method: "gzip", size: 1000 },
    };
    for (const round of [1, 2]) {
      const { bytes } = await fetcher.get(request);
      expect([round, new TextDecoder().decode(bytes)]).toEqual([round, "much ".repeat(100)]);
      await kept(cache, sha256);
    }
    expect(await cache.object(sha256)).toEqual(packed);
    expect(network.asked.length).toBe(1);
  });

  test("keeps nothing that no digest vouches for, and no error", async () => {
    const { network, fetcher } = await stack();
    await fetcher.get({ url, maxBytes: 100 });
    await fetcher.get({ url, maxBytes: 100 });
    const missing = { url: "http://a/none", sha256: "0".repeat(64), maxBytes: 9 };
    for (const _ of [1, 2]) {
      await expect(fetcher.get(missing)).rejects.toMatchObject({ code: "ENOENT" });
    }
    expect(network.asked.length).toBe(4);
  });

  test("reads on with a cache in which everything fails", async () => {
    class BrokenCache extends MemoryFetchCache {
      override async object(): Promise<never> {
        throw new Error("broken");
      }
      override async keep(): Promise<never> {
        throw new FsError("ENOSPC");
      }
      override async pointer(): Promise<never> {
        throw new Error("broken");
      }
      override async keepPointer(): Promise<never> {
        throw new FsError("ENOSPC");
      }
    }
    const { fetcher, request } = await stack(new BrokenCache());
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    expect((await fetcher.get({ url, maxBytes: 100, isPointer: true })).kept).toBeUndefined();
    // But who fetches in order to keep is told.
    await expect(fetcher.get({ ...request, spare_ms: 0 })).rejects.toMatchObject({
      code: "ENOSPC",
    });
  });
});

describe("without a network", () => {
  test("a pointer is the one that was fetched last, and says so; what is no pointer is not kept", async () => {
    const { network, cache, fetcher } = await stack();
    const pointer = { url: "http://a/minifo.json", maxBytes: 100, isPointer: true };
    const give = (words: string) => network.objects.set(pointer.url, text(words));
    give("{1}");
    expect((await fetcher.get(pointer)).kept).toBeUndefined();
    await expect.poll(() => cache.pointer(pointer.url)).toMatchObject({ bytes: text("{1}") });
    give("<html>please sign in</html>");
    await fetcher.get(pointer);
    network.isDown = true;
    const { bytes, kept } = await fetcher.get(pointer);
    expect(bytes).toEqual(text("{1}"));
    expect(kept?.reason).toContain("connection refused");
    expect(Date.now() - (kept?.fetched_ms ?? 0)).toBeLessThan(60_000);
  });

  test("is not what a server has that answers with an error: a pointer is the kept one, objects are asked for as ever", async () => {
    const { network, cache, fetcher, request } = await stack();
    const pointer = { url: "http://a/minifo.json", maxBytes: 100, isPointer: true };
    network.objects.set(pointer.url, text("{1}"));
    await fetcher.get(pointer);
    await expect.poll(() => cache.pointer(pointer.url)).toBeDefined();
    network.refused.add(pointer.url);
    expect((await fetcher.get(pointer)).kept?.reason).toContain("503");
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    expect(network.asked.at(-1)?.retries).toBeUndefined();
  });

  test("a pointer that was never fetched, or is damaged, is the network's error", async () => {
    const { network, cache, fetcher } = await stack();
    const pointer = { url: "http://a/minifo.json", maxBytes: 100, isPointer: true };
    network.isDown = true;
    await expect(fetcher.get(pointer)).rejects.toMatchObject({ code: "EIO" });
    const damaged = { url: pointer.url, bytes: text("{1}"), sha256: "0".repeat(64), fetched_ms: 1 };
    await cache.keepPointer(damaged);
    await expect(fetcher.get(pointer)).rejects.toMatchObject({ code: "EIO" });
  });

  test("what is kept is given, the rest fails after one try that says it is offline, until it succeeds", async () => {
    const { network, cache, fetcher, request, said } = await stack();
    await fetcher.get(request);
    await kept(cache, request.sha256);
    network.isDown = true;
    expect((await fetcher.get(request)).bytes).toEqual(text("content"));
    const other = { url: "http://a/other", sha256: await sha256Of(text("other")), maxBytes: 9 };
    network.objects.set(other.url, text("other"));
    await expect(fetcher.get(other)).rejects.toMatchObject({ code: "EIO" });
    expect(network.asked.at(-1)?.retries).toBeUndefined();
    expect(said).toEqual([
      expect.stringMatching(/^offline, .*http:\/\/a\/other: connection refused/),
    ]);
    await expect(fetcher.get(other)).rejects.toThrow(/offline, .*prefetched before can be read/);
    expect(network.asked.at(-1)?.retries).toBe(0);
    network.isDown = false;
    expect((await fetcher.get(other)).bytes).toEqual(text("other"));
    expect(said.slice(1)).toEqual(["the network is back"]);
    const third = { ...other, url: "http://a/third", sha256: "1".repeat(64) };
    await expect(fetcher.get(third)).rejects.toMatchObject({ code: "ENOENT" });
    expect(network.asked.at(-1)?.retries).toBeUndefined();
  });
});
