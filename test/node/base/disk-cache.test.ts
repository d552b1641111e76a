import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDiskCache } from "../../../node/base/disk-cache.ts";
import { digest, fetchCacheContract } from "../../base/fetch-cache-contract.ts";

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "minifo-cache-"));
  onTestFinished(() => rm(directory, { recursive: true, maxRetries: 10 }));
  return directory;
}

fetchCacheContract({
  name: "a directory",
  make: async (maxBytes) => {
    const directory = newDirectory();
    return async () => openDiskCache(join(directory, "made", "when needed"), maxBytes);
  },
  lasts: true,
});

test("what was used longest ago goes first", async () => {
  const directory = newDirectory();
  const cache = openDiskCache(directory, 8 * 4096);
  const names = Array.from({ length: 8 }, (_, at) => digest(`a${at}`));
  for (const [at, name] of names.entries()) {
    await cache.keep(name, new Uint8Array(4096).fill(at));
    const long_ago = new Date(1_000_000_000_000 + at);
    await utimes(join(directory, "objects", name.slice(0, 2), name.slice(2)), long_ago, long_ago);
  }
  await cache.object(names[0] as string);
  await cache.keep(digest("b"), new Uint8Array(4096));
  const held = await Promise.all(names.map((name) => cache.object(name)));
  expect(held.map((bytes) => bytes !== undefined)).toEqual([
    ...[true, false, false, false, false, false],
    ...[true, true],
  ]);
});

test("what a process left that ended while it wrote is cleared, if it is old", async () => {
  const directory = newDirectory();
  const folder = join(directory, "objects", "aa");
  await mkdir(folder, { recursive: true });
  const torn = (writing: string) => `${digest("aa").slice(2)}.${writing}.tmp`;
  const [old, recent] = [torn(randomUUID()), torn(randomUUID())] as const;
  for (const name of [old, recent]) await writeFile(join(folder, name), "torn");
  const long_ago = new Date(1_000_000_000_000);
  await utimes(join(folder, old), long_ago, long_ago);
  const cache = openDiskCache(directory);
  await cache.keep(digest("aa"), new Uint8Array(1));
  expect(await readdir(folder)).toEqual([recent, digest("aa").slice(2)].sort());
});

test("files of others, such as git's objects, are never dropped to make room", async () => {
  const directory = newDirectory();
  const folder = join(directory, "objects", "aa");
  await mkdir(folder, { recursive: true });
  const others = ["0".repeat(38), `${"0".repeat(62)}.bin`, "notes.tmp"];
  const long_ago = new Date(1_000_000_000_000);
  for (const name of others) {
    await writeFile(join(folder, name), "theirs");
    await utimes(join(folder, name), long_ago, long_ago);
  }
  const cache = openDiskCache(directory, 2 * 4096);
  for (const name of ["b", "c", "d"]) await cache.keep(digest(name), new Uint8Array(4096));
  expect(await readdir(folder)).toEqual([...others].sort());
});

test("a pointer's file that is damaged is none", async () => {
  const directory = newDirectory();
  const cache = openDiskCache(directory);
  const pointer = {
    url: "http://a/",
    bytes: new Uint8Array(9),
    sha256: digest("a"),
    fetched_ms: 1,
  };
  await cache.keepPointer(pointer);
  const [name] = await readdir(join(directory, "pointers"));
  await writeFile(join(directory, "pointers", name as string), "{not json");
  expect(await cache.pointer("http://a/")).toBeUndefined();
});
