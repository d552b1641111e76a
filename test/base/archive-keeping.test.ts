/** What of an archive is fetched again when it is opened again, and when not. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { cacheSetting, networkFetcher } from "../../node/base/network.ts";
import { type Base, openSite, run, siteDrivers } from "../../src/index.ts";
import { treeOnDisk } from "../node/base/tree-on-disk.ts";
import { fileServer } from "./site-server.ts";
import { tarOf } from "./tar-archive.ts";
import { zipOfTree } from "./zip-of-tree.ts";

const files = 200;
const text = (letter: string) => letter.repeat(5_000);
const tree = (letter: string) =>
  Array.from({ length: files }, (_, at) => [`d/${at}`, { content: text(letter) }] as const);
const tarball = (letter: string) => tarOf(treeOnDisk(Object.fromEntries(tree(letter))));

type ArchiveServer = Awaited<ReturnType<typeof fileServer>>;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "minifo-kept-"));
  return () => rmSync(directory, { recursive: true, maxRetries: 10, force: true });
});

/** Opens it as a program that has just been started would. */
async function opened({ fileUrl: url }: ArchiveServer): Promise<Base> {
  const fetcher = networkFetcher(cacheSetting({ directory }));
  onTestFinished(() => fetcher.close());
  return await run(openSite({ url, fetcher, drivers: siteDrivers }));
}

/** The letter that the `at`th file is made of. */
async function letterIn(base: Base, at: number): Promise<string> {
  const node = await run(base.lookup(`d/${at}`));
  if (!node) throw new Error(`d/${at} is not there`);
  const into = new Uint8Array(node.size);
  expect(await run(base.read(node, 0, into))).toBe(5_000);
  const content = Buffer.from(into).toString();
  expect(content).toBe(text(content[0] as string));
  return content[0] as string;
}

/** What the server is asked for while `act` runs. */
async function askedBy(server: ArchiveServer, act: () => Promise<unknown>): Promise<number> {
  const before = server.asked.length;
  await act();
  return server.asked.length - before;
}

/** Files of the cache: of its objects, or of what says where they are. */
function keptFiles(kind: "objects" | "pointers"): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.slice(directory.length + 1).startsWith(kind));
}

/** Opens it, and once more as soon as all of that is kept: what that costs then. */
async function costOfReopening(server: ArchiveServer, parts: number): Promise<number> {
  await opened(server);
  await expect.poll(() => keptFiles("objects").length).toBe(parts);
  await expect
    .poll(() => {
      const [record] = keptFiles("pointers");
      return record ? readFileSync(record, "latin1").match(/[0-9]+\+[0-9]+|whole/g)?.length : 0;
    })
    .toBe(parts);
  return await askedBy(server, () => opened(server));
}

test.each([
  ["a.tar", tarball("a"), 2],
  ["a.tar.gz", new Uint8Array(gzipSync(tarball("a"))), 1],
  ["a.zip", zipOfTree(new Map(tree("a"))), 1],
])(
  "%s opens again by one request, for its version, and has the same files",
  async (name, bytes, parts) => {
    const server = await fileServer(name, bytes);
    expect(await costOfReopening(server, parts)).toBe(1);
    const base = await opened(server);
    expect((await run(base.list("d"))).length).toBe(files);
    expect(await letterIn(base, 17)).toBe("a");
  },
);

test("a file of a tar that was walked is read without asking for it", async () => {
  const server = await fileServer("a.tar", tarball("a"));
  await costOfReopening(server, 2);
  const base = await opened(server);
  expect(await askedBy(server, () => letterIn(base, 100))).toBe(0);
});

test("nothing that was kept of another version is given", async () => {
  const server = await fileServer("a.tar", tarball("a"));
  await costOfReopening(server, 2);
  server.files.set("a.tar", { content: tarball("b"), mtime: { seconds: 5, nanoseconds: 0 } });
  const base = await opened(server);
  expect(await letterIn(base, 17)).toBe("b");
  expect(await letterIn(base, 199)).toBe("b");
});

test("an archive whose server tells no version is fetched at every opening", async () => {
  const server = await fileServer("a.tar", tarball("a"), { validators: false });
  const first = await askedBy(server, () => opened(server));
  expect(await askedBy(server, () => opened(server))).toBe(first);
  expect(keptFiles("objects")).toEqual([]);
});

test.each(["objects", "pointers"] as const)(
  "what was damaged in the cache, among its %s, is fetched again",
  async (kind) => {
    const server = await fileServer("a.tar", tarball("a"));
    await costOfReopening(server, 2);
    for (const path of keptFiles(kind)) {
      const bytes = readFileSync(path);
      const at = bytes.length - 10;
      bytes[at] = (bytes[at] as number) ^ 1;
      writeFileSync(path, bytes);
    }
    let base: Base | undefined;
    const asked = await askedBy(server, async () => {
      base = await opened(server);
    });
    expect(asked).toBe(3);
    expect(await letterIn(base as Base, 17)).toBe("a");
  },
);
