/** What prefetching asks a server for, and what can be read afterwards without one. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { indexTree } from "../../../node/base/indexing.ts";
import { cacheSetting, networkFetcher } from "../../../node/base/network.ts";
import { packTree } from "../../../node/base/packing.ts";
import { serveDirectory } from "../../../node/static-server.ts";
import {
  type Base,
  httpFetcher,
  openManifestBase,
  type PrefetchProgress,
  prefetch,
  run,
} from "../../../src/index.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

const files: Record<string, string> = {
  a: "alpha",
  "d/b": "beta",
  "d/long": "long".repeat(400_000),
  "d/e/c#?": "gamma",
  empty: "",
};

async function site(layout: "tree" | "packed", maxBytes?: number) {
  const tree = treeOnDisk(files);
  const out = layout === "tree" ? tree : join(temporaryDirectory(), "image");
  if (layout === "tree") await indexTree(tree);
  else await packTree(tree, out);
  const server = await serveDirectory(out);
  let isUp = true;
  const stop = async () => {
    if (isUp) await server.close();
    isUp = false;
  };
  onTestFinished(stop);
  const directory = temporaryDirectory();
  const cache = cacheSetting({ directory, ...(maxBytes !== undefined && { maxBytes }) });
  const open = () => run(openManifestBase({ url: server.url, fetcher: networkFetcher(cache) }));
  return { server, open, stop, tree, out };
}

async function readAll(base: Base, path: string): Promise<string> {
  const node = await run(base.lookup(path));
  const into = new Uint8Array(node?.size ?? 0);
  if (node) await run(base.read(node, 0, into));
  return new TextDecoder().decode(into);
}

describe.each(["tree", "packed"] as const)("prefetching in the %s layout", (layout) => {
  test("makes all of a base readable without a network, once, and tells how far it is", async () => {
    const { server, open, stop } = await site(layout);
    const progress: PrefetchProgress[] = [];
    const bytesInAll = Object.values(files).join("").length;
    const done = await run(
      prefetch(await open(), [""], { onProgress: (one) => void progress.push(one) }),
    );
    expect(done).toEqual({ files: 5, filesInAll: 5, bytes: bytesInAll, bytesInAll });
    expect(progress.at(-1)).toEqual(done);
    const { requests } = server.counts;
    await run(prefetch(await open(), [""]));
    // The pointer alone.
    expect(server.counts.requests).toBe(requests + 1);
    await stop();
    const offline = await open();
    for (const [path, content] of Object.entries(files)) {
      expect(await readAll(offline, path)).toBe(content);
    }
  });

  test("fetches nothing but what lies at and below the paths", async () => {
    const { open, stop, server } = await site(layout);
    const before = server.counts.bytes;
    expect(await run(prefetch(await open(), ["d/e", "a"]))).toMatchObject({ files: 2 });
    expect(server.counts.bytes - before).toBeLessThan(20_000);
    await expect(run(prefetch(await open(), ["d/none"]))).rejects.toMatchObject({ code: "ENOENT" });
    await stop();
    const offline = await open();
    expect(await readAll(offline, "d/e/c#?")).toBe("gamma");
    await expect(readAll(offline, "d/long")).rejects.toMatchObject({ code: "EIO" });
  });
});

test("prefetching fails where the cache has no room for all of it, and where there is none", async () => {
  const { open, server } = await site("tree", 1024 ** 2 + 8192);
  await expect(run(prefetch(await open(), [""]))).rejects.toMatchObject({ code: "ENOSPC" });
  const bare = await run(openManifestBase({ url: server.url, fetcher: httpFetcher() }));
  await expect(run(prefetch(bare, ["a"]))).rejects.toMatchObject({ code: "EOPNOTSUPP" });
});

test("prefetching that is cancelled ends, and what was fetched before stays", async () => {
  const { open } = await site("tree");
  const cancelling = new AbortController();
  cancelling.abort();
  const { signal } = cancelling;
  await expect(run(prefetch(await open(), [""], { signal }))).rejects.toMatchObject({
    code: "ECANCELED",
  });
});

test("prefetching takes half of the requests in flight, and a reader goes first", async () => {
  const { open, server, tree, out } = await site("tree");
  for (let at = 0; at < 20; at += 1) writeFileSync(join(tree, `f${at}`), `content ${at}`);
  await indexTree(out);
  const base = await open();
  let [inFlight, most] = [0, 0];
  const order: string[] = [];
  const fetching = globalThis.fetch;
  onTestFinished(() => {
    globalThis.fetch = fetching;
  });
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  globalThis.fetch = async (...args) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    order.push(String(args[0]).slice(server.url.length));
    await held;
    inFlight -= 1;
    return fetching(...args);
  };
  const all = run(prefetch(base, [""]));
  await expect.poll(() => inFlight).toBe(3);
  const reading = readAll(base, "f19");
  await expect.poll(() => order).toContain("f19");
  expect(order.length).toBe(4);
  goOn();
  expect(await reading).toBe("content 19");
  await all;
  expect(most).toBe(4);
});
