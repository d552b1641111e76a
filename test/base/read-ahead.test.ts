import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { ReadAhead } from "../../src/base/manifest/read-ahead.ts";
import {
  type Base,
  type BaseNode,
  chunkBytes,
  openManifestBase,
  referenceTo,
  run,
  writeManifest,
} from "../../src/index.ts";
import { CountingSite } from "./large-tree.ts";

test("two reads that touch bring a chunk more, then two, then four and no more", () => {
  const watched = new ReadAhead();
  const counts = [0, 1, 2, 3, 4, 5].map((at) => watched.seen("f", at * 10, at * 10 + 10));
  expect(counts).toEqual([0, 1, 2, 4, 4, 4]);
});

test("a read elsewhere begins anew, and other files are no matter", () => {
  const watched = new ReadAhead();
  watched.seen("f", 0, 10);
  watched.seen("g", 5, 6);
  expect(watched.seen("f", 10, 20)).toBe(1);
  expect(watched.seen("f", 50, 60)).toBe(0);
  expect(watched.seen("f", 60, 70)).toBe(1);
  expect(watched.seen("f", 0, 10)).toBe(0);
});

test("no more than some files are watched at a time", () => {
  const watched = new ReadAhead();
  watched.seen("f", 0, 10);
  for (let other = 0; other < 100; other += 1) watched.seen(`${other}`, 0, 10);
  expect(watched.seen("f", 10, 20)).toBe(0);
});

/** An image with one file of ten chunks. */
async function imageOfTen(): Promise<{
  site: CountingSite;
  base: Base;
  node: BaseNode;
  names: string[];
}> {
  const site = new CountingSite();
  const time = { seconds: 1_700_000_000, nanoseconds: 0 };
  const references = Array.from({ length: 10 }, (_, at) =>
    site.put(new Uint8Array(chunkBytes).fill(at)),
  );
  const names = [...site.files.keys()];
  const content = { chunks: references.join("") };
  const text = writeManifest(
    [
      { path: "", type: "directory", mode: 0o755, mtime: time },
      {
        path: "f",
        type: "file",
        mode: 0o644,
        mtime: time,
        size: 10 * chunkBytes,
        sum: referenceTo(createHash("sha256").digest(), false),
        content,
      },
    ],
    { omitted: 0, layout: "packed", put: site.put },
  );
  site.files.set("minifo.json", Buffer.from(text));
  const base = await run(openManifestBase({ url: site.url, fetcher: site }));
  const node = await run(base.lookup("f"));
  if (!node) throw new Error("it is missing");
  site.reset();
  return { site, base, node, names };
}

test("a file that is read from its beginning is fetched ahead, each chunk once", async () => {
  const { site, base, node, names } = await imageOfTen();
  const into = new Uint8Array(chunkBytes / 2);
  for (let at = 0; at < 10 * chunkBytes; at += into.length) {
    expect(await run(base.read(node, at, into))).toBe(into.length);
    expect(into.every((byte) => byte === Math.floor(at / chunkBytes))).toBe(true);
    if (at === 0) expect(site.asked).toEqual(names.slice(0, 1));
    if (at === into.length) expect(site.asked).toEqual(names.slice(0, 2));
    if (at === 2 * into.length) expect(site.asked).toEqual(names.slice(0, 4));
  }
  expect(site.asked).toEqual(names);
});

test("one read from the middle fetches what it needs and no more", async () => {
  const { site, base, node, names } = await imageOfTen();
  await run(base.read(node, 5 * chunkBytes + 7, new Uint8Array(64 * 1024)));
  expect(site.asked).toEqual([names[5]]);
});

test("what was fetched ahead in vain is asked for again by who needs it", async () => {
  const { site, base, node, names } = await imageOfTen();
  const second = names[1] as string;
  const bytes = site.files.get(second) as Uint8Array;
  site.files.delete(second);
  const into = new Uint8Array(chunkBytes / 2);
  for (const at of [0, into.length]) await run(base.read(node, at, into));
  await expect(run(base.read(node, chunkBytes, into))).rejects.toMatchObject({ code: "ESTALE" });
  site.files.set(second, bytes);
  expect(await run(base.read(node, chunkBytes, into))).toBe(into.length);
});
