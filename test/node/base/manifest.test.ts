import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { indexTree } from "../../../node/base/indexing.ts";
import { type StaticServer, serveDirectory } from "../../../node/static-server.ts";
import { type Base, httpFetcher, openManifestBase, run } from "../../../src/index.ts";
import { awkwardNames, baseContract, contractTree } from "../../base/contract.ts";
import { treeOnDisk } from "./tree-on-disk.ts";

let contractDirectory: string | undefined;

async function served(directory: string): Promise<StaticServer> {
  const server = await serveDirectory(directory);
  onTestFinished(() => server.close());
  return server;
}

async function open(server: StaticServer): Promise<Base> {
  return run(openManifestBase({ url: server.url, fetcher: httpFetcher() }));
}

baseContract({
  name: "manifest over HTTP",
  make: async () => {
    if (contractDirectory === undefined) {
      contractDirectory = treeOnDisk(contractTree);
      await indexTree(contractDirectory);
    }
    return open(await served(contractDirectory));
  },
});

async function readAll(base: Base, path: string): Promise<string> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = new Uint8Array(node.size);
  await run(base.read(node, 0, into));
  return new TextDecoder().decode(into);
}

describe("an indexed directory over HTTP", () => {
  test("takes one request to open, none for names, one for each file's content", async () => {
    const names = Array.from({ length: 50 }, (_, index) => `d${index % 5}/f${index}`);
    const root = treeOnDisk(Object.fromEntries(names.map((name) => [name, name])));
    const { manifestBytes } = await indexTree(root);
    const server = await served(root);
    const base = await open(server);
    expect(server.counts).toEqual({ requests: 1, bytes: manifestBytes });
    for (const directory of ["", "d0", "d1", "d2", "d3", "d4"]) await run(base.list(directory));
    expect(await run(base.lookup("d0/nothing"))).toBeNull();
    expect(server.counts.requests).toBe(1);
    for (const name of names) expect(await readAll(base, name)).toBe(name);
    expect(server.counts.requests).toBe(51);
  });

  test("needs no request for an empty file, and one for contents that are equal", async () => {
    const root = treeOnDisk({ empty: "", one: "same", other: "same" });
    await indexTree(root);
    const server = await served(root);
    const base = await open(server);
    for (const name of ["empty", "one", "other"]) await readAll(base, name);
    expect(server.counts.requests).toBe(2);
  });

  test("fetches one chunk for a byte from the middle of a large file", async () => {
    const root = treeOnDisk({ large: { content: new Uint8Array(8 * 1024 * 1024 + 1).fill(1) } });
    await indexTree(root);
    const server = await served(root);
    const base = await open(server);
    const before = server.counts.bytes;
    const node = await run(base.lookup("large"));
    if (!node) throw new Error("it is missing");
    await run(base.read(node, 5_000_000, new Uint8Array(1)));
    expect(server.counts.bytes - before).toBe(1024 * 1024);
  });

  test("reads files of every name there is", async () => {
    const tree = Object.fromEntries(awkwardNames.map((name) => [`${name}/${name}`, name] as const));
    const root = treeOnDisk(
      new Map(Object.entries(tree).map(([path, content]) => [path, { content }])),
    );
    await indexTree(root);
    const base = await open(await served(root));
    for (const name of awkwardNames) expect(await readAll(base, `${name}/${name}`)).toBe(name);
  });

  test("does not list its manifest", async () => {
    const root = treeOnDisk({ f: "x", "sub/minifo.json": "a file like any other" });
    await indexTree(root);
    const base = await open(await served(root));
    expect(await run(base.lookup("minifo.json"))).toBeNull();
    expect(await readAll(base, "sub/minifo.json")).toBe("a file like any other");
  });

  test("gives EIO for a file that changed after it was indexed, and its bytes when it is right again", async () => {
    const root = treeOnDisk({ f: "before" });
    await indexTree(root);
    const server = await served(root);
    const base = await open(server);
    writeFileSync(join(root, "f"), "behind");
    await expect(readAll(base, "f")).rejects.toMatchObject({ code: "EIO", path: "f" });
    writeFileSync(join(root, "f"), "before");
    expect(await readAll(base, "f")).toBe("before");
  });
});
