import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  digestAt,
  digestColumn,
  hexOfDigest,
  isDigestColumn,
} from "../../src/base/manifest/digests.ts";
import { compareTreePaths } from "../../src/base/manifest/names.ts";
import {
  type Base,
  baseUrlOf,
  type FetchedObject,
  type Fetcher,
  FsError,
  httpFetcher,
  type ManifestEntry,
  type ObjectRequest,
  openManifestBase,
  run,
  runSync,
  writeManifest,
} from "../../src/index.ts";

const site = "http://site.example/docs/";
const time = { seconds: 1_700_000_000, nanoseconds: 123_456_789 };
const digest = createHash("sha256").update("").digest();
const MiB = 1024 * 1024;

/** A fetcher over a few texts by URL, that keeps what it was asked. */
class FakeFetcher implements Fetcher {
  readonly asked: ObjectRequest[] = [];
  readonly #objects: ReadonlyMap<string, string | Uint8Array>;
  closed = false;

  constructor(objects: Readonly<Record<string, string | Uint8Array>>) {
    this.#objects = new Map(Object.entries(objects));
  }

  async get(request: ObjectRequest): Promise<FetchedObject> {
    this.asked.push(request);
    const found = this.#objects.get(request.url);
    if (found === undefined) {
      throw new FsError("ENOENT", { reason: `${request.url}: the server says 404` });
    }
    const all = Uint8Array.from(typeof found === "string" ? Buffer.from(found) : found);
    const { offset = 0, length = all.length } = request.range ?? {};
    const bytes = all.slice(offset, offset + length);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (request.sha256 !== undefined && request.sha256 !== sha256) throw new FsError("EIO");
    return { bytes, sha256 };
  }

  close(): void {
    this.closed = true;
  }
}

function openText(manifest: string | Uint8Array): Promise<Base> {
  const fetcher = new FakeFetcher({ [`${site}minifo.json`]: manifest });
  return run(openManifestBase({ url: site, fetcher }));
}

/** Zeros, the same MiB again and again, so that they cost nothing. */
function streamOf(bytes: number): ReadableStream<Uint8Array> {
  const zeros = new Uint8Array(MiB);
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(zeros.subarray(0, left));
      left -= Math.min(left, MiB);
      if (left === 0) controller.close();
    },
  });
}

type Json = Record<string, unknown>;

/** A small good manifest: f (5 bytes), l → f, sub/, sub/g (0 bytes) and sub/h, one object. */
function manifest(): Json & { index: { directories: Json[] } } {
  return {
    format: "minifo",
    version: 1,
    layout: "tree",
    entries: 5,
    bytes: 5,
    root: { mtime: [time.seconds, time.nanoseconds], subdirectories: 1 },
    index: {
      directories: [
        {
          path: "",
          names: ["f", "l", "sub"],
          kinds: "fld",
          sizes: 5,
          since: time.seconds,
          targets: ["f"],
          sha256: digestColumn(digest),
        },
        {
          path: "sub",
          names: ["g", "h"],
          kinds: "ff",
          sha256: digestColumn(Buffer.concat([digest, digest])),
          links: [
            [0, "sub/g", 2],
            [1, "sub/g", 2],
          ],
        },
      ],
    },
  };
}

/** The manifest with parts replaced: of the head, of the root's record, of sub's. */
function changed(head: Json, root: Json = {}, sub: Json = {}): string {
  const base = manifest();
  const [first, second] = base.index.directories;
  const directories = [
    { ...first, ...root },
    { ...second, ...sub },
  ];
  return JSON.stringify({ ...base, index: { directories }, ...head });
}

describe("a manifest", () => {
  test("that is good opens with one request, past the caches, and answers all but contents from memory", async () => {
    const fetcher = new FakeFetcher({ [`${site}minifo.json`]: changed({}) });
    const base = await run(openManifestBase({ url: site, fetcher }));
    expect(fetcher.asked).toEqual([
      { url: `${site}minifo.json`, maxBytes: 64 * 1024 * 1024, fresh: true, isPointer: true },
    ]);
    expect(base.locator).toBe(site);
    expect(base.identity).toBe(`sha256:${createHash("sha256").update(changed({})).digest("hex")}`);
    expect(base.capabilities).toEqual({ integrity: "sha256", snapshot: true });
    expect(runSync(base.lookup("f"))).toMatchObject({
      type: "file",
      size: 5,
      mode: 0o644,
      nlink: 1,
    });
    expect(runSync(base.lookup("l"))).toMatchObject({ type: "symlink", target: "f", size: 1 });
    expect(runSync(base.lookup("sub"))).toMatchObject({ type: "directory", mode: 0o755, nlink: 2 });
    expect(runSync(base.lookup("sub/h"))).toMatchObject({ identity: "link:sub/g", nlink: 2 });
    expect(runSync(base.lookup("sub/x"))).toBeNull();
    expect(runSync(base.list("sub")).length).toBe(2);
    expect(fetcher.asked.length).toBe(1);
    runSync(base.close());
    expect(fetcher.closed).toBe(true);
  });

  test("may have keys nobody knows", async () => {
    const text = changed({ generation: 7 }, { colours: ["red"] });
    expect((await openText(text)).omitted).toBe(0);
  });

  test("tells how many names its writer had to leave out", async () => {
    expect((await openText(changed({ omitted: 3 }))).omitted).toBe(3);
  });

  test("that is missing is told with what to run", async () => {
    const fetcher = new FakeFetcher({});
    await expect(run(openManifestBase({ url: site, fetcher }))).rejects.toThrow(
      /^ENOENT.*no minifo\.json at http:\/\/site\.example\/docs\/minifo\.json: run `minifo index DIR`/,
    );
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ["is an HTML page", "\n<!doctype html>", /is an HTML page/],
    ["is no JSON", "{", /is no JSON/],
    ["is no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /is no UTF-8/],
    ["is a number", "1", /no version/],
    ["is null", "null", /no version/],
    ["is a list", "[]", /no version/],
    ["is empty", "", /is no JSON/],
    ["is somebody else's", '{"version":1,"name":"x"}', /format/],
    [
      "has another version",
      changed({ version: 2 }),
      /version 2, but this version of minifo reads version 1/,
    ],
    ["has a version in words", changed({ version: "1" }), /no version/],
    ["has another layout", changed({ layout: "heap" }), /layout/],
    [
      "has an index of nothing",
      changed({ index: { first: [], leaves: "" } }),
      /neither directories/,
    ],
    [
      "has a list of leaves that begins elsewhere",
      changed({ index: { first: ["a"], leaves: digestColumn(digest) } }),
      /does not begin at the root/,
    ],
    [
      "has fewer leaves than beginnings",
      changed({ index: { first: ["", "b"], leaves: digestColumn(digest) } }),
      /as many leaves/,
    ],
    [
      "has leaves out of order",
      changed({
        index: {
          first: ["", "b", "b"],
          leaves: digestColumn(Buffer.concat([digest, digest, digest])),
        },
      }),
      /not in order/,
    ],
    ["has earlier generations in words", changed({ previous: ["x"] }), /previous/],
    ["miscounts the root's subdirectories", changed({ root: { mtime: [0, 0] } }), /root has 1/],
    ["has no index", changed({ index: undefined }), /index/],
    ["has an index of numbers", changed({ index: { directories: [1] } }), /directory no\. 0/],
    ["has no root", changed({ index: { directories: [] } }), /no record of the root/],
    ["has no root attributes", changed({ root: undefined }), /root/],
    ["has a root of bad times", changed({ root: { mtime: [1, 1e9] } }), /root\.mtime/],
    ["has a root without times", changed({ root: {} }), /root\.mtime/],
    ["miscounts entries", changed({ entries: 6 }), /it has 5 entries, but says 6/],
    ["has entries below zero", changed({ entries: -1 }), /entries/],
    ["miscounts bytes", changed({ bytes: 6 }), /have 5 bytes, but it says 6/],
    ["has a huge count", changed({ entries: 1e300 }), /entries/],
  ])("that %s is refused", async (_, text, reason) => {
    const opening = openText(text);
    await expect(opening).rejects.toMatchObject({ code: "EPROTO", syscall: "open" });
    await expect(opening).rejects.toThrow(reason);
    await expect(opening).rejects.toThrow(`${site}minifo.json`);
  });

  test.each<[string, string]>([
    ["an empty one", ""],
    ["a dot", "."],
    ["two dots", ".."],
    ["a slash", "a/b"],
    ["an absolute path", "/etc/passwd"],
    ["a NUL", "a\0b"],
    ["half a surrogate pair", "a\ud800b"],
    ["256 bytes", "ü".repeat(128)],
    ["a twin", "l"],
  ])("with a bad name (%s) is refused, naming the entry", async (_, name) => {
    const opening = openText(changed({}, { names: [name, "l", "sub"] }));
    await expect(opening).rejects.toMatchObject({ code: "EPROTO" });
    await expect(opening).rejects.toThrow(/entry "/);
  });

  test.each<[string, Json, RegExp]>([
    ["names that are numbers", { names: [1, 2, 3] }, /directory '': names/],
    ["names that are no list", { names: "abc" }, /names/],
    ["fewer kinds than names", { kinds: "fl" }, /3 names, but 2 kinds/],
    ["an unknown kind", { kinds: "flx" }, /entry "sub": 'x' is no kind/],
    ["fewer sizes than files", { kinds: "ffd", sizes: [5] }, /'sizes' has 1 rows, not 2/],
    ["a size below zero", { sizes: -1 }, /-1 is out of bounds in 'sizes'/],
    ["a size with a fraction", { sizes: 1.5 }, /sizes/],
    ["a size no number can hold", { sizes: [2 ** 53] }, /sizes/],
    ["a size in words", { sizes: ["5"] }, /sizes/],
    ["a huge size and no chunks for it", { sizes: 2 ** 52 }, /.chunks. has 0 rows/],
    [
      "a file of more than 512 GiB",
      { sizes: 2 ** 39 + 1, chunks: [digestColumn(digest)] },
      /entry "f": it is larger than a file may be/,
    ],
    ["a large file with a wrong list of chunks", { sizes: 2 ** 21, chunks: ["AAAA"] }, /"f"/],
    ["chunks for no file", { chunks: ["AAAA"] }, /'chunks' has 1 rows/],
    ["names out of order", { names: ["l", "f", "sub"] }, /entry "f": it is not in order/],
    ["links that are no list", { links: {} }, /links/],
    ["a pack where there is none", { runs: [0, 0, 0] }, /'runs' has places for more/],
    ["a list that hides in chunks", { sizes: 2 ** 21, chunks: [{ list: "x" }] }, /chunks/],
    ["nanoseconds above a second", { nanoseconds: 1e9 }, /'nanoseconds'/],
    ["too few mtimes", { mtimes: [1] }, /'mtimes' has 1 rows, not 3/],
    ["mtimes out of bounds", { mtimes: 2 ** 53 - 1 }, /'mtimes'/],
    ["type bits in a mode", { modes: 0o100644 }, /'modes'/],
    ["a mode below zero", { modes: [-1, 0, 0] }, /'modes'/],
    ["no target for a symlink", { targets: [] }, /1 symlinks, but 0 targets/],
    ["an empty target", { targets: [""] }, /target is empty/],
    ["a target with a NUL", { targets: ["a\0"] }, /target contains a NUL/],
    ["a target of 4096 bytes", { targets: ["x".repeat(4096)] }, /longer than 4095/],
    ["digests that are short", { sha256: "AAAA" }, /'sha256' does not hold 1 digests/],
    ["digests that are no base64", { sha256: "!".repeat(43) }, /'sha256'/],
    ["digests that are hex", { sha256: "0".repeat(64) }, /'sha256'/],
    ["digests not in canonical form", { sha256: `${"A".repeat(42)}B` }, /'sha256'/],
    ["a wrong count of subdirectories", { subdirectories: 1 }, /'sub' has 0 subdirectories, not 1/],
    ["a link row that does not exist", { links: [[9, "f", 2]] }, /row 9/],
    ["a linked directory", { links: [[2, "sub", 2]] }, /directory cannot be linked/],
    ["a link group of one", { links: [[0, "f", 1]] }, /a link group of 1/],
    ["a link group that misses a name", { links: [[0, "f", 2]] }, /'f' has 1 names, but says 2/],
    [
      "a row in two link groups",
      {
        links: [
          [0, "f", 2],
          [0, "g", 2],
        ],
      },
      /twice/,
    ],
    [
      "a link group of things that differ",
      { links: [[0, "sub/g", 3]] },
      /are one object, but differ/,
    ],
  ])("with %s is refused", async (_, root, reason) => {
    const opening = openText(changed({}, root));
    await expect(opening).rejects.toMatchObject({ code: "EPROTO" });
    await expect(opening).rejects.toThrow(reason);
  });

  test.each<[string, Json, RegExp]>([
    ["does not lie where it says", { path: "elsewhere" }, /'sub' has no record/],
    ["stands there twice", { path: "" }, /directory '' stands there twice/],
    ["has a path that climbs", { path: "../sub" }, /'sub' has no record/],
    [
      "has a link group that is not named after its first path",
      {
        links: [
          [0, "sub/h", 2],
          [1, "sub/h", 2],
        ],
      },
      /is not named after 'sub\/g', its first/,
    ],
    ["has one object with two modes", { modes: [0o644, 0o600] }, /one object, but differ/],
    ["has one object with two times", { mtimes: [0, 1] }, /one object, but differ/],
    ["has one object with two sizes", { sizes: [0, 1] }, /one object, but differ/],
    [
      "has one object with two digests",
      { sha256: digestColumn(Buffer.concat([digest, Buffer.alloc(32)])) },
      /one object, but differ/,
    ],
    ["lies below a file", { path: "f" }, /'sub' has no record/],
  ])("with a directory that %s is refused", async (_, sub, reason) => {
    const opening = openText(changed({}, {}, sub));
    await expect(opening).rejects.toThrow(reason);
  });

  test("with a directory that lies nowhere is refused", async () => {
    const text = manifest();
    text.index.directories.push({ path: "z", names: [], kinds: "" });
    await expect(openText(JSON.stringify(text))).rejects.toThrow(/directory 'z' lies nowhere/);
  });

  test("with a directory below a file is refused", async () => {
    const text = manifest();
    text.index.directories.splice(1, 0, { path: "f", names: [], kinds: "" });
    await expect(openText(JSON.stringify(text))).rejects.toThrow(/directory 'f' lies nowhere/);
  });

  test("may have a file of 512 GiB, whose chunks are listed elsewhere", async () => {
    const base = await openText(
      changed({ bytes: 2 ** 39 }, { sizes: 2 ** 39, chunks: [digestColumn(digest)] }),
    );
    expect(runSync(base.lookup("f"))).toMatchObject({ size: 2 ** 39 });
  });

  test.each<[string, () => Response]>([
    [
      "is said to be",
      () => new Response("{", { headers: { "content-length": `${64 * MiB + 1}` } }),
    ],
    ["turns out to be", () => new Response(streamOf(64 * MiB + 1))],
  ])("that %s longer than 64 MiB is refused, and not fetched to its end", async (_, answer) => {
    const fetcher = httpFetcher({ transport: async () => answer() });
    const opening = run(openManifestBase({ url: site, fetcher }));
    await expect(opening).rejects.toMatchObject({ code: "EIO", syscall: "open" });
    await expect(opening).rejects.toThrow(
      /minifo\.json: expected at most 67108864 bytes, got (67108865|more)/,
    );
  });

  test("cannot reach the prototype of anything by a name", async () => {
    const text = changed({}, { names: ["__proto__", "constructor", "sub"] });
    const base = await openText(text);
    expect(runSync(base.lookup("__proto__"))).toMatchObject({ type: "file", size: 5 });
    expect(runSync(base.lookup("constructor"))).toMatchObject({ type: "symlink" });
    expect(runSync(base.lookup("toString"))).toBeNull();
    expect(runSync(base.lookup("sub/__proto__"))).toBeNull();
    expect({}).not.toHaveProperty("size");
  });

  test("with a __proto__ of its own does not pass for a good one", async () => {
    const text = `{"__proto__": ${changed({})}}`;
    await expect(openText(text)).rejects.toThrow(/no version/);
  });
});

describe("contents", () => {
  const text = "content of #1";
  const entry: ManifestEntry = {
    path: "a dir/100% #1?.txt",
    type: "file",
    mode: 0o644,
    mtime: time,
    size: text.length,
    sha256: createHash("sha256").update(text).digest(),
  };
  const directories: ManifestEntry[] = ["", "a dir"].map((path) => ({
    path,
    type: "directory",
    mode: 0o755,
    mtime: time,
  }));
  const index = writeManifest([...directories, entry], { omitted: 0 });
  const url = `${site}a%20dir/100%25%20%231%3F.txt`;

  test("are fetched once, at their percent-encoded URL, with their digest and bound", async () => {
    const fetcher = new FakeFetcher({ [`${site}minifo.json`]: index, [url]: text });
    const base = await run(openManifestBase({ url: site, fetcher }));
    const node = runSync(base.lookup(entry.path));
    if (!node) throw new Error("it is missing");
    const into = new Uint8Array(100);
    expect(await run(base.read(node, 11, into))).toBe(2);
    expect(Buffer.from(into.subarray(0, 2)).toString()).toBe("#1");
    expect(fetcher.asked[1]).toEqual({
      url,
      sha256: createHash("sha256").update(text).digest("hex"),
      maxBytes: text.length,
    });
    expect(runSync(base.read(node, 0, into))).toBe(text.length);
    expect(fetcher.asked.length).toBe(2);
  });

  test("that the server lost give EIO, and are asked for again the next time", async () => {
    const fetcher = new FakeFetcher({ [`${site}minifo.json`]: index });
    const base = await run(openManifestBase({ url: site, fetcher }));
    const node = runSync(base.lookup(entry.path));
    if (!node) throw new Error("it is missing");
    for (const asked of [2, 3]) {
      const reading = run(base.read(node, 0, new Uint8Array(1)));
      await expect(reading).rejects.toMatchObject({ code: "EIO", path: entry.path });
      await expect(reading).rejects.toThrow(/the server says 404, but the manifest has the file/);
      expect(fetcher.asked.length).toBe(asked);
    }
  });

  test("that are shorter than the manifest says give EIO, and nothing that was in the buffer before", async () => {
    const longer = { ...entry, size: text.length + 10 };
    const fetcher = new FakeFetcher({
      [`${site}minifo.json`]: writeManifest([...directories, longer], { omitted: 0 }),
      [url]: text,
    });
    const base = await run(openManifestBase({ url: site, fetcher }));
    const node = runSync(base.lookup(entry.path));
    if (!node) throw new Error("it is missing");
    const reading = run(base.read(node, 0, new Uint8Array(longer.size)));
    await expect(reading).rejects.toMatchObject({ code: "EIO", path: entry.path });
    await expect(reading).rejects.toThrow(/shorter than the manifest says/);
  });

  test("of a large file are fetched in the chunks that are touched, each verified", async () => {
    const chunk = 1024 * 1024;
    const bytes = new Uint8Array(5 * chunk + 7).map((_, at) => (at * 7 + (at >> 16)) & 0xff);
    const digests: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += chunk) {
      digests.push(
        createHash("sha256")
          .update(bytes.subarray(at, at + chunk))
          .digest(),
      );
    }
    const large: ManifestEntry = {
      path: "large",
      type: "file",
      mode: 0o644,
      mtime: time,
      size: bytes.length,
      sha256: createHash("sha256").update(bytes).digest(),
      chunks: Buffer.concat(digests),
    };
    const fetcher = new FakeFetcher({
      [`${site}minifo.json`]: writeManifest([...directories, large], { omitted: 0 }),
      [`${site}large`]: bytes,
    });
    const base = await run(openManifestBase({ url: `${site}minifo.json`, fetcher }));
    const node = runSync(base.lookup("large"));
    if (!node) throw new Error("it is missing");
    const into = new Uint8Array(10);
    await run(base.read(node, 3 * chunk - 5, into));
    expect(Buffer.compare(into, bytes.subarray(3 * chunk - 5, 3 * chunk + 5))).toBe(0);
    expect(fetcher.asked.slice(1).map(({ range }) => range)).toEqual([
      { offset: 2 * chunk, length: chunk, size: bytes.length },
      { offset: 3 * chunk, length: chunk, size: bytes.length },
    ]);
    await run(base.read(node, 5 * chunk, into));
    expect(fetcher.asked[3]?.range).toEqual({ offset: 5 * chunk, length: 7, size: bytes.length });
  });
});

describe("the URL of a base", () => {
  test.each([
    ["http://h", "http://h/"],
    ["http://h/a", "http://h/a/"],
    ["http://h/a/", "http://h/a/"],
    ["http://h/a/minifo.json", "http://h/a/"],
    ["https://h/a b/ü#x", "https://h/a%20b/%C3%BC/"],
    ["http://h/a%20b", "http://h/a%20b/"],
    ["http://h/not-minifo.json", "http://h/not-minifo.json/"],
  ])("'%s' is that of %s", (given, url) => {
    expect(baseUrlOf(given)).toBe(url);
  });

  test.each(["", "site", "/srv/site", "ftp://h/", "http://h/?q=1", "http://me:secret@h/"])(
    "cannot be '%s'",
    (given) => {
      expect(() => baseUrlOf(given)).toThrow(/^EINVAL/);
    },
  );
});

describe("the writer", () => {
  const file = (path: string, more: object = {}): ManifestEntry => ({
    path,
    type: "file",
    mode: 0o644,
    mtime: time,
    size: 0,
    sha256: digest,
    ...more,
  });
  const directory = (path: string, more: object = {}): ManifestEntry => ({
    path,
    type: "directory",
    mode: 0o755,
    mtime: time,
    ...more,
  });
  const tree = [
    directory(""),
    directory("b", { mode: 0o700 }),
    file("b/z", { link: "one" }),
    file("b/a", { mode: 0o755, mtime: { seconds: -5, nanoseconds: 1 } }),
    directory("b.d"),
    file("b.d/x", { link: "one" }),
    file("single", { link: "alone" }),
  ];

  test("gives the same bytes for the same tree in any order", () => {
    const text = writeManifest(tree, { omitted: 2 });
    expect(writeManifest([...tree].reverse(), { omitted: 2 })).toBe(text);
    expect(text.endsWith("\n")).toBe(true);
  });

  test("gives what the reader takes, attribute for attribute", async () => {
    const base = await openText(writeManifest(tree, { omitted: 2 }));
    expect(base.omitted).toBe(2);
    for (const { path, type, mode, mtime } of tree) {
      expect(runSync(base.lookup(path)), path).toMatchObject({ path, type, mode, mtime });
    }
    expect(runSync(base.lookup("b/z"))).toMatchObject({ identity: "link:b/z", nlink: 2 });
    expect(runSync(base.lookup("b.d/x"))).toMatchObject({ identity: "link:b/z", nlink: 2 });
    expect(runSync(base.lookup("single"))).toMatchObject({ identity: "path:single", nlink: 1 });
    expect(runSync(base.lookup(""))).toMatchObject({ nlink: 4 });
  });

  test("spends 80 KiB at most on 1,000 files of a checkout", () => {
    const entries = [directory("")];
    for (let index = 0; index < 1000; index += 1) {
      const sha256 = createHash("sha256").update(`${index}`).digest();
      const mtime = { seconds: 1_700_000_000, nanoseconds: 100_000_000 + index * 12_345 };
      entries.push(file(`page-${index}.html`, { size: 1000 + index, sha256, mtime }));
    }
    expect(writeManifest(entries, { omitted: 0 }).length).toBeLessThan(80 * 1024);
  });

  test.each<[string, seconds: readonly number[], isChecked: boolean]>([
    ["an eighth of them", [1, 2, 3, 4, 5, 6, 7, 8], true],
    ["fewer", [1, 2, 3, 4, 5, 6, 7, 8, 9], false],
    ["an eighth of them beside one that is rare", [1, 1, 2, 3, 4, 5, 6, 7, 8, 9], true],
  ])("writes checks of packed files where a time is that of %s: %j", (_, times, isChecked) => {
    const sums = times.map((_time, at) => `${at}ABCDE`);
    const files = times.map((seconds, at) => ({
      ...{ path: `${at}`, type: "file", mode: 0o644, mtime: { seconds, nanoseconds: 0 }, size: 1 },
      ...{ sum: sums[at], content: { pack: digestColumn(digest), offset: at } },
    }));
    const tree = [directory(""), ...files] as ManifestEntry[];
    const [record] = JSON.parse(writeManifest(tree, { omitted: 0, layout: "packed" })).index
      .directories as Json[];
    const checks = sums.map((sum) => sum.slice(0, 3)).join("");
    expect(record?.checks).toBe(isChecked ? checks : undefined);
  });

  test("takes no tree without a root, with strays, twins or bad names", () => {
    for (const bad of [
      [],
      [file("f")],
      [directory(""), file("d/f")],
      [directory(""), file("f"), file("f")],
      [directory(""), file("..")],
      [directory(""), file("f", { size: 2 ** 21 })],
    ]) {
      expect(() => writeManifest(bad, { omitted: 0 })).toThrow(/^bug:/);
    }
  });

  test("puts a directory before what is in it, and that before its siblings", () => {
    const sorted = ["", "a", "a/b", "a/b/c", "a/b.x", "a b", "a.b", "b"];
    expect([...sorted].reverse().sort(compareTreePaths)).toEqual(sorted);
  });
});

describe("a column of digests", () => {
  test("spells each as others do, without padding, and gives it back", () => {
    const digests = [1, 2, 3].map((text) => createHash("sha256").update(`${text}`).digest());
    const column = digestColumn(Buffer.concat(digests));
    expect(isDigestColumn(column, 3)).toBe(true);
    expect(isDigestColumn(column, 2)).toBe(false);
    digests.forEach((bytes, row) => {
      const text = digestAt(column, row);
      expect(text).toBe(bytes.toString("base64").slice(0, 43));
      expect(hexOfDigest(text)).toBe(bytes.toString("hex"));
    });
    expect(digestColumn(new Uint8Array(0))).toBe("");
  });
});
