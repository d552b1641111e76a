/**
 * What the benchmark serves: one tree as a packed image below `packed/` and, for who fetches file by file, at its natural
 * URLs below `files/` with ZenFS's index beside. Of a made-up tree only those contents exist that are asked for.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTree } from "../../../node/base/packing.ts";
import { seal, sealedAsIs } from "../../../node/base/sealing.ts";
import { placeAt, walkTree } from "../../../node/base/tree-walk.ts";
import {
  chunkBytes,
  type ManifestEntry,
  objectPath,
  packedBytes,
  parentOfBasePath,
  writeManifest,
} from "../../../src/index.ts";
import { type LargeFile, largeTree } from "../../base/large-tree.ts";
import { type Piece, type Plan, spoilings } from "./plan.ts";

/** What is uploaded for one changed file. */
export interface Upload {
  readonly files: number;
  readonly bytes: number;
}

/** A tree that is ready to be served. */
export interface BenchSite {
  /** What clients are asked to do. */
  readonly plan: Plan;
  /** The file at a URL's path, without the slash at its beginning; undefined: there is none. */
  readonly file: (path: string) => ServedFile | undefined;
  /** By one changed file; undefined: not tried. */
  readonly republished: Upload | undefined;
}

/** A file as a server has it. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  /** The bytes are compressed, which a client sees no more. */
  readonly isGzip?: boolean;
}

const largeDirectory = "zz-images";
const largePath = `${largeDirectory}/disk.img`;
const largeBytes = 256 * chunkBytes;
/** Of the large file, the chunk that is read from. */
const middle = 128;
const pieceBytes = 64 * 1024;
const time = { seconds: 1_700_000_000, nanoseconds: 0 };

type PackedFile = LargeFile & { readonly content: { readonly pack: string; offset: number } };

/** A made-up tree of about `count` entries, with a file of 256 MiB. */
export function madeUpSite(count: number): BenchSite {
  const entries = largeTree(count);
  const files = entries.filter((entry): entry is LargeFile => entry.type === "file");
  const deep = middleOf(files.filter(isPacked).filter((file) => depthOf(file) === 6));
  const many = smallFilesOfOneSubtree(files.filter(isPacked));
  const objects = new Map<string, Uint8Array>();
  const keep = ({ sha256, bytes, reference }: ReturnType<typeof sealedAsIs>): string => {
    objects.set(objectPath("packed", sha256), bytes);
    return reference;
  };
  const put = (bytes: Uint8Array): string => keep(seal(bytes));

  const wanted = new Set([deep, ...many].map(({ content }) => content.pack));
  const filled = withPacks(entries, wanted, (bytes) => keep(sealedAsIs(bytes)));
  const chunk = keep(sealedAsIs(contentOf(`${largePath} ${middle}`, chunkBytes)));
  const chunks = Array.from({ length: 256 }, (_, at) =>
    at === middle ? chunk : sealedAsIs(Buffer.from(`chunk ${at}`)).reference,
  );
  filled.push({ path: largeDirectory, type: "directory", mode: 0o755, mtime: time });
  filled.push({
    path: largePath,
    type: "file",
    mode: 0o644,
    mtime: time,
    size: largeBytes,
    sum: chunk,
    content: { chunks: chunks.join("") },
  });
  const totals = { omitted: 0, layout: "packed", put, generation: 1 } as const;
  objects.set("minifo.json", Buffer.from(writeManifest(filled, totals)));

  const before = new Set(objects.keys());
  const republished = (): Upload => {
    const pack = deep.content.pack;
    const resized = entries.map((entry) =>
      entry === deep ? { ...deep, size: deep.size - 1, mtime: time } : entry,
    );
    const again = withPacks(resized, wanted, (bytes) => keep(sealedAsIs(bytes)), pack);
    again.push(...filled.slice(-2));
    const pointer = writeManifest(again, { ...totals, generation: 2 });
    const added = [...objects].filter(([path]) => !before.has(path));
    for (const [path] of added) objects.delete(path);
    const bytes = added.reduce((sum, [, object]) => sum + object.length, pointer.length);
    return { files: added.length + 1, bytes };
  };

  const index = flatIndex(filled);
  const sizes = new Map([deep, ...many].map(({ path, size }) => [path, size]));
  const whole = (): Uint8Array => {
    const bytes = new Uint8Array(largeBytes);
    bytes.set(contentOf(`${largePath} ${middle}`, chunkBytes), middle * chunkBytes);
    return bytes;
  };
  let large: Uint8Array | undefined;
  const natural = (path: string): Uint8Array | undefined => {
    if (path === largePath) {
      large ??= whole();
      return large;
    }
    const size = sizes.get(path);
    return size === undefined ? undefined : contentOf(path, size);
  };
  const piece = contentOf(`${largePath} ${middle}`, chunkBytes).subarray(0, pieceBytes);
  return {
    plan: {
      entries: filled.length - 1,
      inRoot: filled.filter(({ path }) => parentOfBasePath(path) === "").length,
      deep: pieceOf(deep.path, contentOf(deep.path, deep.size)),
      many: many.map(({ path, size }) => pieceOf(path, contentOf(path, size))),
      large: { ...pieceOf(largePath, piece), offset: middle * chunkBytes, length: pieceBytes },
    },
    file: servedFrom((path) => objects.get(path), natural, index),
    republished: republished(),
  };
}

/** The directory `root` as it is, packed into `out`. It has no file of 256 MiB, and is left as it is. */
export async function realSite(root: string, out: string): Promise<BenchSite> {
  await packTree(root, out);
  const { objects } = walkTree(root, () => false);
  const files = objects
    .filter(({ type, stat }) => type === "file" && stat.size > 0n && stat.size <= packedBytes)
    .map(({ path }) => ({ path }));
  const read = (path: string): Buffer => readFileSync(placeAt(root, path));
  const deep = middleOf(files.filter((file) => depthOf(file) >= 6));
  const index = flatIndex(
    objects.map(({ path, type, stat }) => ({
      path,
      type,
      mode: Number(stat.mode) & 0o7777,
      size: Number(stat.size),
      mtime: { seconds: Number(stat.mtimeMs) / 1000 },
    })),
  );
  const isThere = new Set(objects.map(({ path }) => path));
  return {
    plan: {
      entries: objects.length - 1,
      inRoot: objects.filter(({ path }) => parentOfBasePath(path) === "").length,
      deep: pieceOf(deep.path, read(deep.path)),
      many: smallFilesOfOneSubtree(files).map(({ path }) => pieceOf(path, read(path))),
    },
    file: servedFrom(
      (path) => readIfThere(join(out, path)),
      (path) => (isThere.has(path) ? read(path) : undefined),
      index,
    ),
    republished: undefined,
  };
}

function readIfThere(place: string): Buffer | undefined {
  try {
    return readFileSync(place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function servedFrom(
  packed: (path: string) => Uint8Array | undefined,
  natural: (path: string) => Uint8Array | undefined,
  index: Uint8Array,
): BenchSite["file"] {
  return (path) => {
    if (path === "files/zenfs.json") return { bytes: index, isGzip: true };
    const [, place, inside = ""] = /^(packed|files)\/(.*)$/.exec(path) ?? [];
    const bytes = place === "packed" ? packed(inside) : place ? natural(inside) : undefined;
    return bytes && { bytes };
  };
}

function isPacked(file: LargeFile): file is PackedFile {
  return file.content !== undefined && "pack" in file.content;
}

function depthOf({ path }: { readonly path: string }): number {
  return path.split("/").length;
}

function middleOf<T>(list: readonly T[]): T {
  return list[list.length >> 1] as T;
}

/** Files of one subtree that are read: 1,000, and one for each bad answer. */
const filesRead = 1000 + spoilings.length;

/** So many files of the smallest subtree that has them, in the order of the tree. */
function smallFilesOfOneSubtree<T extends { readonly path: string }>(files: readonly T[]): T[] {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    for (let at = parentOfBasePath(path); at !== undefined; at = parentOfBasePath(at)) {
      counts.set(at, (counts.get(at) ?? 0) + 1);
    }
  }
  const [subtree = ""] = [...counts]
    .filter(([, count]) => count >= filesRead)
    .reduce((least, one) => (one[1] < least[1] ? one : least), ["", Number.POSITIVE_INFINITY]);
  const inside = subtree === "" ? "" : `${subtree}/`;
  return files.filter(({ path }) => path.startsWith(inside)).slice(0, filesRead);
}

/** Noise, which no compression makes smaller; another one for each `name`. */
function contentOf(name: string, bytes: number): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(name).digest();
}

function pieceOf(path: string, bytes: Uint8Array): Piece {
  return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** The entries with the contents of the packs in `wanted`, or of `only` one of them, made and kept. */
function withPacks(
  entries: readonly ManifestEntry[],
  wanted: ReadonlySet<string>,
  keep: (bytes: Uint8Array) => string,
  changed = "",
): ManifestEntry[] {
  const packs = new Map<string, PackedFile[]>();
  for (const entry of entries) {
    if (entry.type !== "file" || !("sum" in entry) || !isPacked(entry)) continue;
    const { pack } = entry.content;
    if (!wanted.has(pack)) continue;
    const inside = packs.get(pack);
    if (inside) inside.push(entry);
    else packs.set(pack, [entry]);
  }
  const made = new Map<ManifestEntry, ManifestEntry>();
  for (const [pack, files] of packs) {
    const contents = files.map(({ path, size }) => contentOf(path, size));
    const reference = keep(Buffer.concat(contents));
    let offset = 0;
    for (const file of files) {
      const content = { pack: reference, offset: pack === changed ? offset : file.content.offset };
      made.set(file, { ...file, content });
      offset += file.size;
    }
  }
  return entries.map((entry) => made.get(entry) ?? entry);
}

interface Listed {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly size?: number;
  readonly mtime: { readonly seconds: number };
}

/** ZenFS's index with no more in it than it needs, compressed as a good host would. */
function flatIndex(entries: readonly Listed[]): Uint8Array {
  const types: Record<string, number> = { directory: 0o40000, symlink: 0o120000 };
  const parts: Buffer[] = [Buffer.from('{"version":1,"entries":{')];
  let lines: string[] = [];
  const flush = (): void => {
    parts.push(Buffer.from(lines.join("")));
    lines = [];
  };
  for (const [ino, { path, type, mode, size = 0, mtime }] of entries.entries()) {
    const inode = {
      mode: (types[type] ?? 0o100000) | mode,
      size,
      mtimeMs: mtime.seconds * 1000,
      ino,
    };
    lines.push(`${ino > 0 ? "," : ""}${JSON.stringify(`/${path}`)}:${JSON.stringify(inode)}`);
    if (lines.length === 50_000) flush();
  }
  lines.push("}}");
  flush();
  return gzipSync(Buffer.concat(parts));
}
