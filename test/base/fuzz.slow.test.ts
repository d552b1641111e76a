/**
 * Manifests, leaves, pages and lists of chunks as nobody would write them: random, and good ones with something changed.
 * Whatever comes is an error in words or a tree that agrees with itself; nothing hangs, nothing grows without bound. The
 * count of runs may be given in MINIFO_FUZZ.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Base,
  chunkBytes,
  FsError,
  hexOfDigest,
  httpFetcher,
  type ManifestEntry,
  objectPath,
  openManifestBase,
  parentOfBasePath,
  referenceTo,
  run,
  writeManifest,
} from "../../src/index.ts";
import { CountingSite } from "./large-tree.ts";

const runs = Number(process.env.MINIFO_FUZZ ?? 150);
const time = { seconds: 1_700_000_000, nanoseconds: 5 };

/** A site with a bit of everything: a pack, chunks, a list of chunks, links, leaves if `isLarge`. */
function goodSite(isLarge: boolean): CountingSite {
  const site = new CountingSite();
  const pack = site.put(new Uint8Array(3000).fill(1));
  const chunk = site.put(new Uint8Array(chunkBytes).fill(2));
  const sum = "AAAAAAAA";
  const file = (path: string, size: number, content: object | undefined, link?: string) =>
    ({
      path,
      type: "file",
      mode: 0o644,
      mtime: time,
      size,
      sum,
      content,
      ...(link && { link }),
    }) as ManifestEntry;
  const directory = (path: string): ManifestEntry => ({
    path,
    type: "directory",
    mode: 0o755,
    mtime: time,
  });
  const tree = [
    directory(""),
    file("a", 1000, { pack, offset: 0 }),
    file("b", 2000, { pack, offset: 1000 }, "twins"),
    file("c", 0, undefined),
    directory("d"),
    file("d/b", 2000, { pack, offset: 1000 }, "twins"),
    directory("d/e"),
    file("d/e/large", 2 * chunkBytes, { chunks: chunk + chunk }),
    file("d/e/larger", 300 * chunkBytes, { chunks: chunk.repeat(300) }),
    { path: "l", type: "symlink", mode: 0o777, mtime: time, target: "d/e" } as ManifestEntry,
  ];
  for (let at = 0; isLarge && at < 4500; at += 1) {
    const folder = `m${String(at % 60).padStart(2, "0")}`;
    if (at < 60) tree.push(directory(folder));
    tree.push(file(`${folder}/file-${String(at).padStart(7, "0")}.html`, at, { pack, offset: 0 }));
  }
  const small = tree.map((entry) =>
    entry.type === "file" && entry.path.startsWith("m")
      ? { ...entry, size: 0, content: undefined }
      : entry,
  ) as ManifestEntry[];
  const text = writeManifest(small, { omitted: 0, layout: "packed", put: site.put });
  site.files.set("minifo.json", Buffer.from(text));
  return site;
}

const sites = [goodSite(false), goodSite(true)];

test("the sites that are changed are good ones: it is no fuzzing if everything is refused at the door", async () => {
  for (const { files } of sites) expect(await outcomeOf(files)).toBe("a tree");
});

/** Reads all there is, some thousand objects at most, and checks that what is told twice is told alike. */
async function explore(base: Base): Promise<void> {
  const ahead = [""];
  let seen = 0;
  for (let path = ahead.shift(); path !== undefined && seen < 12_000; path = ahead.shift()) {
    const names = new Set<string>();
    for (const { name, node } of await run(base.list(path))) {
      seen += 1;
      if (names.has(name)) throw new Error(`'${name}' stands in '${path}' twice`);
      names.add(name);
      if (parentOfBasePath(node.path) !== path)
        throw new Error(`'${node.path}' is not in '${path}'`);
      if (node.type === "directory") ahead.push(node.path);
      if (seen % 50 > 20) continue;
      const again = await run(base.lookup(node.path));
      if (JSON.stringify(again) !== JSON.stringify(node)) throw new Error(`two of '${node.path}'`);
      if (node.type !== "file") continue;
      const into = new Uint8Array(Math.min(node.size, 5000));
      const length = await run(base.read(node, Math.max(0, node.size - 5000), into));
      if (length !== into.length) throw new Error(`'${node.path}' ends early`);
      // Contents are of ones or twos; whatever else came was not verified.
      if (into.some((byte) => byte !== 1 && byte !== 2)) throw new Error(`'${node.path}' is wrong`);
    }
  }
}

/** Opens the site with some files replaced, and explores it. Errors are clean, and told by code. */
async function outcomeOf(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const site = new CountingSite();
  for (const [path, bytes] of files) site.files.set(path, bytes);
  try {
    const base = await run(
      openManifestBase({ url: site.url, fetcher: site, cacheBytes: chunkBytes * 2 }),
    );
    await explore(base);
    return "a tree";
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    expect(["EPROTO", "EIO", "ESTALE", "ENOTDIR", "ENOENT"]).toContain(error.code);
    return error.code;
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddities: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  2 ** 32,
  1_048_577,
  "",
  "/",
  "..",
  "a/b",
  "a//b",
  "\0",
  "\ud800",
  "__proto__",
  "A".repeat(43),
  "A".repeat(86),
  [],
  [null],
  {},
  { directories: [] },
  "f".repeat(300),
  [0, 0, 0],
  [0, 99, 0],
];

/** `json` with one thing in it, found by `path`, replaced, taken out or doubled. */
function mutated(json: Json, path: readonly number[], oddity: number): Json {
  const copy = structuredClone(json);
  let place = copy;
  for (const [depth, step] of path.entries()) {
    if (typeof place !== "object" || place === null) break;
    const keys = Object.keys(place);
    if (keys.length === 0) break;
    const key = keys[step % keys.length] as string;
    const holder = place as { [key: string]: Json };
    const inside = holder[key] as Json;
    const isLeaf = typeof inside !== "object" || inside === null;
    if (!isLeaf && depth < path.length - 1) {
      place = inside;
      continue;
    }
    if (oddity < oddities.length) holder[key] = oddities[oddity] as Json;
    else if (oddity === oddities.length) delete holder[key];
    else if (Array.isArray(place)) place.push(inside);
    else if (typeof inside === "number") holder[key] = inside + 1;
    else if (typeof inside === "string") holder[key] = inside.slice(1) + inside.slice(0, 1);
    break;
  }
  return copy;
}

const change = fc.record({
  path: fc.array(fc.nat(5000), { minLength: 3, maxLength: 7 }),
  oddity: fc.nat(oddities.length + 2),
});

test(`manifests with something changed are refused, or are trees (${runs} runs)`, async () => {
  const property = fc.asyncProperty(
    fc.nat(1),
    fc.array(change, { minLength: 1, maxLength: 3 }),
    async (which, changes) => {
      const { files } = sites[which] as CountingSite;
      let json = JSON.parse(Buffer.from(files.get("minifo.json") as Uint8Array).toString()) as Json;
      for (const { path, oddity } of changes) json = mutated(json, path, oddity);
      await outcomeOf(new Map([...files, ["minifo.json", Buffer.from(JSON.stringify(json))]]));
    },
  );
  await fc.assert(property, { numRuns: runs });
});

/** The site, with the object `path` changed, and every reference to it made to fit: what a hostile publisher can do. */
function published(site: CountingSite, path: string, plain: Uint8Array): Map<string, Uint8Array> {
  const put = new CountingSite();
  const reference = put.put(plain);
  const old = hexOfDigest(
    referenceTo(
      createHash("sha256")
        .update(site.files.get(path) as Uint8Array)
        .digest(),
      true,
    ),
  );
  const oldText = referenceTo(Buffer.from(old, "hex"), true);
  const files = new Map([...site.files, ...put.files]);
  const pointer = Buffer.from(files.get("minifo.json") as Uint8Array).toString();
  files.set("minifo.json", Buffer.from(pointer.replaceAll(oldText, reference)));
  return files;
}

test(`leaves and lists with something changed are refused, or are trees (${runs} runs)`, async () => {
  const property = fc.asyncProperty(
    fc.nat(1),
    fc.nat(100),
    fc.array(change, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    async (which, one, changes, isText) => {
      const site = sites[which] as CountingSite;
      const objects = [...site.files.keys()].filter((path) => path !== "minifo.json");
      const path = objects[one % objects.length] as string;
      let plain: Uint8Array = gunzipSync(site.files.get(path) as Uint8Array);
      const text = Buffer.from(plain).toString();
      if (text.startsWith("{") && !isText) {
        let json = JSON.parse(text) as Json;
        for (const { path: at, oddity } of changes) json = mutated(json, at, oddity);
        plain = Buffer.from(JSON.stringify(json));
      } else {
        plain = Uint8Array.from(plain);
        for (const { path: at, oddity } of changes)
          plain[((at[0] ?? 0) * 7919) % plain.length] = 0x20 + oddity;
        // A content that was changed by its publisher is what he published.
        if (!text.startsWith("{") && plain.length !== 40 * 43) return;
      }
      await outcomeOf(published(site, path, plain));
    },
  );
  await fc.assert(property, { numRuns: runs });
});

test(`manifests of random JSON and bytes are refused (${runs} runs)`, async () => {
  const random = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ index: fc.jsonValue(), root: fc.jsonValue(), entries: fc.nat(), bytes: fc.nat() })
      .map((rest) =>
        Buffer.from(JSON.stringify({ format: "minifo", version: 1, layout: "packed", ...rest })),
      ),
  );
  const property = fc.asyncProperty(random, async (bytes) => {
    expect(await outcomeOf(new Map([["minifo.json", bytes]]))).toBe("EPROTO");
  });
  await fc.assert(property, { numRuns: runs });
});

test("an object that swells beyond what a pack, a chunk, a leaf, a page or a list may be is given up in time", async () => {
  const bomb = gzipSync(new Uint8Array(64 * chunkBytes));
  const digest = createHash("sha256").update(bomb).digest();
  const reference = referenceTo(digest, true);
  const head = {
    format: "minifo",
    version: 1,
    layout: "packed",
    entries: 1,
    root: { mtime: [0, 0] },
  };
  const ofFile = (size: number, more: object) => {
    const record = { path: "", names: ["f"], kinds: "f", sizes: size, ...more };
    return { ...head, bytes: size, index: { packs: reference, directories: [record] } };
  };
  const chunked = { chunks: [reference], sums: "AAAAAA" };
  const bombs: [most: number, manifest: object][] = [
    [chunkBytes, ofFile(5, { runs: [0, 0, 0] })],
    [100_000, ofFile(100_000, chunked)],
    [2000 * 43, ofFile(2000 * chunkBytes, chunked)],
    [chunkBytes, { ...head, bytes: 5, index: { first: [""], leaves: reference } }],
    [chunkBytes, { ...head, bytes: 5, index: { first: [""], pages: reference } }],
  ];
  for (const [most, manifest] of bombs) {
    const fetcher = httpFetcher({
      transport: async (url) => {
        const body = url.endsWith("minifo.json") ? JSON.stringify(manifest) : bomb;
        return new Response(body) as never;
      },
    });
    const base = await run(openManifestBase({ url: "http://h/", fetcher }));
    const reading = async (): Promise<void> => {
      const node = await run(base.lookup("f"));
      if (node) await run(base.read(node, 0, new Uint8Array(5)));
    };
    const outcome = reading();
    await expect(outcome).rejects.toMatchObject({ code: "EIO" });
    await expect(outcome).rejects.toThrow(objectPath("packed", digest.toString("hex")));
    await expect(outcome).rejects.toThrow(`expected at most ${most} bytes once unpacked`);
  }
});
