/**
 * The bases over HTTP against the servers people really have: the same files, read through a manifest and through the
 * server's own listing. A server that is not installed is skipped, and its tests say so.
 */
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import {
  type Base,
  httpFetcher,
  openListingBase,
  openManifestBase,
  openSite,
  run,
  siteDrivers,
} from "../../src/index.ts";
import { temporaryDirectory } from "../node/base/tree-on-disk.ts";
import {
  apache,
  isInstalled,
  nginx,
  pythonServer,
  type RealServer,
  vitePreview,
} from "../rig/real-servers.ts";
import { zipOf } from "./zip-archive.ts";

const names = [
  "a#b",
  "a?b",
  "100%",
  "%41",
  "a+b",
  "a&b;c",
  "semi;colon",
  "two  blanks ",
  "Gr\u00fc\u00dfe-composed",
  "Gru\u0308\u00dfe-decomposed",
  "日本語",
  "😀",
  "quo\"te'",
  "back\\slash",
  "~tilde",
  "x<y>&amp;z",
  "a:b",
  "?C=N;O=D",
  ".dotfile",
  "page.html",
  "script.sh",
  "package.json",
];
const text = "the quick brown fox jumps over the lazy dog\n".repeat(200);
const large = Uint8Array.from(
  { length: 2_500_000 },
  (_, at) => (Math.imul(at, 2654435761) >>> 11) & 0xff,
);
const mtime_s = 1_600_000_000;

let root: string;

beforeAll(async () => {
  root = temporaryDirectory();
  chmodSync(root, 0o755);
  const put = (path: string, content: string | Uint8Array): void => {
    writeFileSync(join(root, path), content);
    utimesSync(join(root, path), mtime_s, mtime_s);
  };
  for (const directory of ["names", "d#1", "d#1/e f%", "empty", "with-page"]) {
    mkdirSync(join(root, directory));
  }
  for (const name of names) put(`names/${name}`, `${name}\n${text}`);
  put("d#1/e f%/leaf", "leaf");
  put("nothing", "");
  put("large.bin", large);
  put("with-page/index.html", "<p>a page</p>");
  put("with-page/other", "other");
  put(
    "t.zip",
    zipOf([
      { name: "d/one", content: text },
      { name: "two", content: large, isStored: true },
    ]),
  );
  await indexTree(root);
});

async function readAll(base: Base, path: string): Promise<Buffer> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = Buffer.alloc(node.size + 1);
  return into.subarray(0, await run(base.read(node, 0, into)));
}

async function namesIn(base: Base, path: string): Promise<string[]> {
  return (await run(base.list(path))).map(({ name }) => name).sort();
}

/** What is asked of every base over the tree, except for names that the server does not show. */
async function readsTheTree(base: Base, hidden: readonly string[] = []): Promise<void> {
  onTestFinished(() => run(base.close()));
  const shown = names.filter((name) => !hidden.includes(name));
  expect(await namesIn(base, "names")).toEqual([...shown].sort());
  for (const name of shown) {
    expect((await readAll(base, `names/${name}`)).toString(), name).toBe(`${name}\n${text}`);
  }
  expect(await namesIn(base, "d#1")).toEqual(["e f%"]);
  expect((await readAll(base, "d#1/e f%/leaf")).toString()).toBe("leaf");
  expect(await namesIn(base, "empty")).toEqual([]);
  expect(await run(base.lookup("nothing"))).toMatchObject({ type: "file", size: 0 });
  expect((await readAll(base, "nothing")).length).toBe(0);
  expect(Buffer.compare(await readAll(base, "large.bin"), large)).toBe(0);
  const node = await run(base.lookup("large.bin"));
  expect(node?.mtime).toEqual({ seconds: mtime_s, nanoseconds: 0 });
  const into = new Uint8Array(10);
  if (node) await run(base.read(node, 1_048_570, into));
  expect(into).toEqual(large.slice(1_048_570, 1_048_580));
  for (const path of ["no", "names/no", "large.bin/no", "empty/no"]) {
    expect(await run(base.lookup(path)), path).toBeNull();
  }
}

/** A server for the tests of one block, if it can be run here. */
function describeServer(
  name: string,
  program: string,
  start: () => Promise<RealServer>,
  tests: (url: () => string) => void,
): void {
  if (!isInstalled(program)) {
    describe.skip(`${name} (skipped: ${program} is not installed)`, () => tests(() => ""));
    return;
  }
  describe(name, () => {
    let server: RealServer | undefined;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.end());
    tests(() => server?.url as string);
  });
}

const manifestBase = (url: string) => run(openManifestBase({ url, fetcher: httpFetcher() }));
const listingBase = (url: string) => run(openListingBase({ url, fetcher: httpFetcher() }));
const site = (url: string) => run(openSite({ url, fetcher: httpFetcher(), drivers: siteDrivers }));

/** The three bases; `hidden` are names that the server's listing leaves out. */
function readsBothWays(url: () => string, hidden: readonly string[] = []): void {
  test("is read through a manifest", async () => {
    await readsTheTree(await manifestBase(url()));
  });

  test("is read through its listing", async () => {
    const base = await listingBase(url());
    await readsTheTree(base, hidden);
    expect(await namesIn(base, "")).toEqual(
      ["names", "d#1", "empty", "with-page", "nothing", "large.bin", "t.zip", "minifo.json"].sort(),
    );
  });

  test("lists no directory that has an index.html, and says so", async () => {
    const base = await listingBase(url());
    onTestFinished(() => run(base.close()));
    await expect(run(base.list("with-page"))).rejects.toThrow(/EIO.*index\.html/);
  });

  test("serves a zip", async () => {
    const base = await site(`${url()}t.zip`);
    onTestFinished(() => run(base.close()));
    expect((await readAll(base, "d/one")).toString()).toBe(text);
    expect(Buffer.compare(await readAll(base, "two"), large)).toBe(0);
  });
}

describeServer(
  "nginx with autoindex",
  "nginx",
  () => nginx(root, "autoindex on;"),
  (url) => {
    readsBothWays(url, [".dotfile"]);
  },
);

describeServer(
  "nginx with autoindex in JSON",
  "nginx",
  () => nginx(root, "autoindex on; autoindex_format json;"),
  (url) => readsBothWays(url, [".dotfile"]),
);

describeServer(
  "nginx that compresses everything",
  "nginx",
  () => nginx(root, "autoindex on; gzip on; gzip_types *; gzip_min_length 1;"),
  (url) => readsBothWays(url, [".dotfile"]),
);

describeServer(
  "nginx with a page for whatever it does not have",
  "nginx",
  () => nginx(root, "try_files $uri /with-page/index.html;"),
  (url) => {
    test("is read through a manifest", async () => {
      await readsTheTree(await manifestBase(url()));
    });

    test("is no base below a place without a manifest, and says why", async () => {
      await expect(site(`${url()}names/`)).rejects.toThrow(/ENOENT.*minifo\.json.*minifo index/);
    });
  },
);

describeServer(
  "nginx without a listing",
  "nginx",
  () => nginx(root, ""),
  (url) => {
    test("is no base below a place without a manifest, and says why", async () => {
      await expect(site(`${url()}names/`)).rejects.toThrow(/minifo\.json.*minifo index/);
    });
  },
);

for (const [name, options] of [
  ["Apache with a plain listing", ""],
  ["Apache with a fancy listing", "IndexOptions FancyIndexing"],
  ["Apache with a table as listing", "IndexOptions FancyIndexing HTMLTable IconsAreLinks"],
] as const) {
  const directives = `DirectoryIndex index.html\nIndexOptions Charset=UTF-8\n${options}`;
  describeServer(
    name,
    "apache2",
    () => apache(root, directives),
    (url) => {
      readsBothWays(url);
    },
  );
}

describeServer(
  "python3 -m http.server",
  "python3",
  () => pythonServer(root),
  (url) => {
    readsBothWays(url);
  },
);

describeServer(
  "vite preview",
  process.execPath,
  () => vitePreview(root),
  (url) => {
    test("is read through a manifest, as far as it finds the files of such names", async () => {
      const base = await manifestBase(url());
      onTestFinished(() => run(base.close()));
      // It takes an encoded delimiter for a part of the name on disk.
      const isFound = (name: string): boolean => !/[#?&;+:=,$@]/.test(name);
      expect(names.filter(isFound).length).toBeGreaterThan(10);
      for (const name of names) {
        const reading = readAll(base, `names/${name}`);
        if (isFound(name)) expect((await reading).toString(), name).toBe(`${name}\n${text}`);
        else await expect(reading, name).rejects.toMatchObject({ code: "EIO" });
      }
      expect(Buffer.compare(await readAll(base, "large.bin"), large)).toBe(0);
    });

    test("is no base below a place without a manifest, and says why", async () => {
      await expect(site(`${url()}names/`)).rejects.toThrow(/minifo\.json.*minifo index/);
    });
  },
);
