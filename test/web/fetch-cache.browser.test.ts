/** What was fetched, kept in a real browser: the contract of caches, bases without a network, and what a page asks of it. */
import { afterEach, describe, expect, test } from "vitest";
import { Unreachable } from "../../src/base/unreachable.ts";
import {
  cachingFetcher,
  type FetchedObject,
  type Fetcher,
  FsError,
  httpFetcher,
  isManifest,
  keptPart,
  type ObjectRequest,
  openManifestBase,
  prefetch,
  run,
} from "../../src/index.ts";
import { clearFetchCache, openFetchCache } from "../../web/fetch-cache.ts";
import { fetchCacheContract } from "../base/fetch-cache-contract.ts";
import { baseUrl, close, opened } from "./opened.ts";

const used = new Set<string>();

function unusedName(): string {
  const name = `minifo-cache-test-${crypto.randomUUID()}`;
  used.add(name);
  return name;
}

afterEach(async () => {
  await Promise.all([...used].map(clearFetchCache));
  used.clear();
});

fetchCacheContract({
  name: "IndexedDB",
  make: async (maxBytes) => {
    const name = unusedName();
    return () => openFetchCache(maxBytes, name);
  },
  lasts: true,
});

/** The network, which a test can take away; it counts. */
class Network implements Fetcher {
  readonly #fetcher = httpFetcher();
  isDown = false;
  asked = 0;

  async get(request: ObjectRequest): Promise<FetchedObject> {
    this.asked += 1;
    if (!this.isDown) return await this.#fetcher.get(request);
    throw new FsError("EIO", { reason: "no network", cause: new Unreachable() });
  }

  close(): void {
    this.#fetcher.close();
  }
}

describe("a base in a page", () => {
  test("is read without a network once it was prefetched, and says what it is; the rest is EIO", async () => {
    const name = unusedName();
    const network = new Network();
    const url = baseUrl("site");
    const open = async () => {
      const cache = await openFetchCache(2 ** 26, name);
      const fetcher = cachingFetcher({ network, cache, isPointer: isManifest });
      return await run(openManifestBase({ url, fetcher }));
    };
    const read = async (base: Awaited<ReturnType<typeof open>>, path: string) => {
      const node = await run(base.lookup(path));
      if (!node) throw new Error(`there is no ${path}`);
      const into = new Uint8Array(node.size);
      await run(base.read(node, 0, into));
      return new TextDecoder().decode(into);
    };
    const online = await open();
    expect(keptPart(online)).toBeUndefined();
    await run(prefetch(online, ["script.js"]));
    await expect
      .poll(async () => (await openFetchCache(1, name)).pointer(`${url}minifo.json`))
      .toBeDefined();
    network.isDown = true;
    const offline = await open();
    expect(keptPart(offline)?.reason).toBe("no network");
    expect(await read(offline, "script.js")).toBe("export const answer = 42;\n");
    await expect(read(offline, "index.html")).rejects.toMatchObject({ code: "EIO" });
    await expect(read(offline, "index.html")).rejects.toThrow(/offline/);
    network.isDown = false;
    expect(await read(offline, "index.html")).toContain("<h1>Hello");
  });
});

describe("an overlay in a page", () => {
  test("prefetches, fetches nothing twice in another storage, and hears that its base has not moved", async () => {
    const first = await opened("site");
    const seen: number[] = [];
    const done = await first.prefetch([""], { onProgress: ({ files }) => void seen.push(files) });
    expect(done.files).toBe(done.filesInAll);
    expect(seen.at(-1)).toBe(done.files);
    expect(first.base.kept).toBeUndefined();
    expect(await first.poll()).toBeNull();
    await close(first);

    const second = await opened("site");
    const { requests } = await second.traffic();
    for (const name of ["/script.js", "/index.html", "/large.bin"]) {
      expect((await second.fs.promises.readFile(name)).length).toBeGreaterThan(0);
    }
    expect((await second.traffic()).requests).toBe(requests);
    await expect(second.prefetch(["none"])).rejects.toMatchObject({ code: "ENOENT" });
    const cancelled = new AbortController();
    cancelled.abort();
    const { signal } = cancelled;
    await expect(second.prefetch([""], { signal })).rejects.toMatchObject({ code: "ECANCELED" });
  });
});
