/**
 * Bases for the browser suites, served by vitest's own server under `/bases/`: a suite in a browser cannot start a
 * server. `/bases/empty/` has nothing in it, `/bases/site/` is a small site, `/bases/listed/` a listing without a manifest.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { referenceTo } from "../../src/base/manifest/digests.ts";
import { objectPath } from "../../src/base/manifest/format.ts";
import type { ManifestEntry } from "../../src/base/manifest/records.ts";
import { writeManifest } from "../../src/base/manifest/writer.ts";
import { zipOf } from "../base/zip-archive.ts";
import { site } from "./site.ts";

const mtime = { seconds: 1_700_000_000, nanoseconds: 0 };
const chunk = 2 ** 20;

/** The files below each base's root, its manifest among them. */
export type ServedBase = ReadonlyMap<string, Buffer>;

function hash(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** The base of these files. */
export function servedBase(files: Readonly<Record<string, string | Uint8Array>>): ServedBase {
  const served = new Map<string, Buffer>();
  const entries = new Map<string, ManifestEntry>();
  const addDirectory = (path: string): void => {
    entries.set(path, { path, type: "directory", mode: 0o755, mtime });
    if (path !== "") addDirectory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
  };
  addDirectory("");
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    served.set(path, bytes);
    addDirectory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += chunk)
      chunks.push(hash(bytes.subarray(at, at + chunk)));
    const file = { path, type: "file", mode: 0o644, mtime, size: bytes.length } as const;
    const digests = { sha256: hash(bytes) };
    entries.set(path, {
      ...file,
      ...digests,
      ...(bytes.length > chunk && { chunks: Buffer.concat(chunks) }),
    });
  }
  served.set("minifo.json", Buffer.from(writeManifest(entries.values(), { omitted: 0 })));
  return served;
}

/** A packed image: two files in a pack, one in chunks, and so many names that its index lies in leaves. */
function packedBase(): ServedBase {
  const served = new Map<string, Buffer>();
  const put = (plain: Uint8Array): string => {
    const bytes = gzipSync(plain);
    served.set(objectPath("packed", hash(bytes).toString("hex")), bytes);
    return referenceTo(hash(bytes), true);
  };
  const [one, two] = ["the first of a pack\n".repeat(50), "the second\n"];
  const pack = put(Buffer.from(one + two));
  const large = Buffer.from("0123456789abcdef".repeat(100_000));
  const chunks = put(large.subarray(0, chunk)) + put(large.subarray(chunk));
  const sum = "AAAAAA";
  const file = { type: "file", mode: 0o644, mtime, sum } as const;
  const entries: ManifestEntry[] = [
    { path: "", type: "directory", mode: 0o755, mtime },
    { path: "d", type: "directory", mode: 0o755, mtime },
    { ...file, path: "d/one", size: one.length, content: { pack, offset: 0 } },
    { ...file, path: "d/two", size: two.length, content: { pack, offset: one.length } },
    { ...file, path: "large", size: large.length, content: { chunks } },
  ];
  for (let at = 0; at < 5000; at += 1) {
    entries.push({ ...file, path: `d/empty-${at}.txt`, size: 0, content: undefined });
  }
  const text = writeManifest(entries, { omitted: 0, layout: "packed", put });
  served.set("minifo.json", Buffer.from(text));
  return served;
}

/** A directory as a file server lists it, with a zip in it. */
function listedBase(): ServedBase {
  const zip = zipOf([
    { name: "d/deflated", content: "text ".repeat(1000) },
    { name: "stored", content: "as it is", isStored: true },
  ]);
  const page = `<title>Index of /bases/listed/</title><a href="f%23">f#</a><a href="t.zip">t.zip</a>`;
  return new Map([
    ["", Buffer.from(page)],
    ["f#", Buffer.from("of the listing")],
    ["t.zip", Buffer.from(zip)],
  ]);
}

/** The vite plugin that serves the bases. */
export function bases(): Plugin {
  const all = new Map([
    ["empty", servedBase({})],
    ["site", servedBase(site())],
    ["packed", packedBase()],
    ["listed", listedBase()],
  ]);
  return {
    name: "minifo-test-bases",
    configureServer(server) {
      // `/frozen/NAME` has no answer until `/frozen/NAME/thawed` is asked for: what a test stops a worker with.
      const frozen = new Map<string, () => void>();
      server.middlewares.use("/frozen/", (request, response) => {
        const [name = "", question] = (request.url ?? "").slice(1).split("/");
        if (question === undefined) {
          frozen.set(name, () => response.end());
          return;
        }
        response.end(frozen.has(name) ? "yes" : "no");
        if (question === "stopped") return;
        frozen.get(name)?.();
        frozen.delete(name);
      });
      server.middlewares.use("/bases/", (request, response) => {
        const url = new URL(request.url ?? "/", "http://localhost");
        const [base = "", ...path] = decodeURIComponent(url.pathname).slice(1).split("/");
        const bytes = all.get(base)?.get(path.join("/"));
        if (!bytes) {
          response.writeHead(404).end();
          return;
        }
        const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
        const [first, last] = range ? [Number(range[1]), Number(range[2])] : [0, bytes.length - 1];
        const part = bytes.subarray(first, last + 1);
        response.writeHead(range ? 206 : 200, {
          "content-length": part.length,
          etag: `"${hash(bytes).toString("hex").slice(0, 16)}"`,
          ...(range && {
            "content-range": `bytes ${first}-${first + part.length - 1}/${bytes.length}`,
          }),
        });
        response.end(part);
      });
    },
  };
}
