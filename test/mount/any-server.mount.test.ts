/** Bases that nobody prepared, under a mount: a server's own listing, and a zip by its URL. */
import { appendFile, readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import type { MemoryEntry } from "../../src/index.ts";
import { siteServer } from "../base/site-server.ts";
import { zipOf } from "../base/zip-archive.ts";
import { zipOfTree } from "../base/zip-of-tree.ts";
import { isInstalled, pythonServer } from "../rig/real-servers.ts";
import { describeMount, Scratch, shell } from "./fixture.ts";

const files = {
  "a b": "one\n",
  "d/two": "two\n",
  "d/e/three#3?": "three\n",
  "d/random": Uint8Array.from({ length: 3_000_000 }, (_, at) => Math.imul(at, 40503) >> 7),
};
const tree = new Map(Object.entries(files).map(([path, content]) => [path, { content }]));

/** What a base of `files` has to stand, at `url`. */
async function holds(scratch: Scratch, url: string): Promise<void> {
  await scratch.mount(url);
  await shell("diff -r base mnt", scratch.directory);
  await appendFile(scratch.at("d/two"), "and more\n");
  await shell("mv d/e moved; rm 'a b'; head -c 1048577 d/random | tail -c 1", scratch.mountpoint);
  await scratch.remount(url);
  expect(await readFile(scratch.at("d/two"), "utf8")).toBe("two\nand more\n");
  expect(await readFile(scratch.at("moved/three#3?"), "utf8")).toBe("three\n");
  expect((await scratch.status()).sort()).toEqual([
    "deleted a b",
    "modified d/two",
    "renamed moved",
  ]);
  await scratch.unmount();
}

describeMount("a mount of what nobody prepared", () => {
  test.skipIf(!isInstalled("python3"))("holds over python3 -m http.server", async () => {
    const scratch = await Scratch.with(files);
    const server = await pythonServer(scratch.base);
    onTestFinished(() => server.end());
    await holds(scratch, server.url);
  });

  test("holds over a zip", async () => {
    const scratch = await Scratch.with(files);
    const zip = new Map([["t.zip", { content: zipOfTree(tree) }]]);
    await holds(scratch, `${(await siteServer(zip)).url}t.zip`);
  });

  test("asks a listing site about no file for ls and find, and about each once for ls -l", async () => {
    const names = Array.from({ length: 40 }, (_, at) => `d/f${at}`);
    const scratch = await Scratch.with({});
    const server = await siteServer(
      new Map<string, MemoryEntry>([
        ["d", { type: "directory" }],
        ...names.map((name): [string, MemoryEntry] => [name, { content: name }]),
      ]),
      { listing: "nginx" },
    );
    await scratch.mount(server.url);
    const listed = await shell("ls d; find . -type f", scratch.mountpoint);
    expect(listed.trim().split("\n").length).toBe(80);
    const asked = (): string[] => server.asked.filter((line) => /\/f\d+$/.test(line));
    expect(asked()).toEqual([]);
    await shell("ls -l d; ls -l d", scratch.mountpoint);
    expect(asked().sort()).toEqual(names.map((name) => `HEAD /${name}`).sort());
    await scratch.unmount();
  });

  test("says ESTALE for a file of a zip that was replaced, and EIO for a damaged one", async () => {
    const scratch = await Scratch.with({});
    const server = await siteServer(
      new Map([["t.zip", { content: zipOf([{ name: "f", content: "x", crc32: 1 }]) }]]),
    );
    await scratch.mount(`${server.url}t.zip`);
    await expect(readFile(scratch.at("f"))).rejects.toMatchObject({ code: "EIO" });
    server.files.set("t.zip", { content: zipOf([{ name: "f", content: "longer" }]) });
    // Node has no word for ESTALE.
    await expect(readFile(scratch.at("f"))).rejects.toMatchObject({ errno: -116 });
    await scratch.unmount();
  });
});
