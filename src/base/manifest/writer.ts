/**
 * Writes a tree down as a manifest. Pure: the same tree gives the same bytes, in whatever order its objects come.
 * What a file contains is the caller's matter; it brings the digests.
 */
import type { Time } from "../../attributes.ts";
import { parentOfBasePath } from "../base.ts";
import { digestBytes, digestColumn } from "./digests.ts";
import { type Column, chunkBytes, defaultModes, maxEntries } from "./format.ts";
import { compareTreePaths, flawOfName, flawOfTarget } from "./names.ts";

interface Described {
  /** Base path; "" is the root, which must be there. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: Time;
}

/** An object with what a manifest says of it. */
export type ManifestEntry =
  | (Described & { readonly type: "directory" })
  | (Described & {
      readonly type: "symlink";
      readonly target: string;
      /** Equal for names of one object; any string. */
      readonly link?: string;
    })
  | (Described & {
      readonly type: "file";
      readonly size: number;
      /** SHA-256 of the content, 32 bytes. */
      readonly sha256: Uint8Array;
      /** For files above 1 MiB: SHA-256 of each 1 MiB chunk, back to back. */
      readonly chunks?: Uint8Array;
      /** Equal for names of one object; any string. */
      readonly link?: string;
    });

/** What a manifest says of the tree as a whole. */
export interface ManifestTotals {
  /** Objects that had to be left out. */
  readonly omitted: number;
}

/** The canonical text of the manifest of `tree`. Throws a bug if `tree` is no tree. */
export function writeManifest(tree: Iterable<ManifestEntry>, totals: ManifestTotals): string {
  const sorted = [...tree].sort((a, b) => compareTreePaths(a.path, b.path));
  if (sorted.length > maxEntries) throw new Error(`bug: more than ${maxEntries} entries`);
  const [root] = sorted;
  if (root?.type !== "directory" || root.path !== "") throw new Error("bug: a tree has a root");
  const groups = groupsOf(sorted);
  const children = childrenOf(sorted);
  let bytes = 0;
  for (const entry of sorted) if (entry.type === "file") bytes += entry.size;
  const head = JSON.stringify({
    format: "minifo",
    version: 1,
    layout: "tree",
    entries: sorted.length - 1,
    bytes,
    ...(totals.omitted > 0 && { omitted: totals.omitted }),
    root: {
      mtime: [root.mtime.seconds, root.mtime.nanoseconds],
      ...(root.mode !== defaultModes.directory && { mode: root.mode }),
    },
  });
  const records = [...children].map(([path, entries]) =>
    JSON.stringify(recordOf(path, entries, children, groups)),
  );
  // A line for each directory, so that two versions can be compared by eye.
  return `${head.slice(0, -1)},"index":{"directories":[\n${records.join(",\n")}\n]}}\n`;
}

/** The objects with several names: their first path and how many they have. */
type Groups = ReadonlyMap<string, { readonly first: string; readonly count: number }>;

function groupsOf(sorted: readonly ManifestEntry[]): Groups {
  const groups = new Map<string, { first: string; count: number }>();
  for (const entry of sorted) {
    if (entry.type === "directory" || entry.link === undefined) continue;
    const group = groups.get(entry.link);
    if (group) group.count += 1;
    else groups.set(entry.link, { first: entry.path, count: 1 });
  }
  return groups;
}

/** What lies in each directory; both in the manifest's order. */
function childrenOf(sorted: readonly ManifestEntry[]): Map<string, ManifestEntry[]> {
  const children = new Map<string, ManifestEntry[]>();
  let before: string | undefined;
  for (const entry of sorted) {
    if (entry.path === before) throw new Error(`bug: '${before}' comes twice`);
    before = entry.path;
    if (entry.type === "directory") children.set(entry.path, []);
    const parent = parentOfBasePath(entry.path);
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    const flaw = flawOfName(nameOf(entry)) ?? (siblings ? undefined : "its directory is missing");
    if (flaw !== undefined) throw new Error(`bug: '${entry.path}': ${flaw}`);
    siblings?.push(entry);
  }
  return children;
}

function recordOf(
  path: string,
  entries: readonly ManifestEntry[],
  children: ReadonlyMap<string, readonly ManifestEntry[]>,
  groups: Groups,
): object {
  const files = entries.filter((entry) => entry.type === "file");
  const directories = entries.filter((entry) => entry.type === "directory");
  const symlinks = entries.filter((entry) => entry.type === "symlink");
  const since = entries.reduce(
    (least, { mtime }) => Math.min(least, mtime.seconds),
    entries[0]?.mtime.seconds ?? 0,
  );
  const columns = {
    sizes: columnOf(files.map((file) => file.size)),
    subdirectories: columnOf(
      directories.map(
        ({ path: at }) =>
          (children.get(at) ?? []).filter((entry) => entry.type === "directory").length,
      ),
    ),
    since,
    mtimes: columnOf(entries.map((entry) => entry.mtime.seconds - since)),
    nanoseconds: columnOf(entries.map((entry) => entry.mtime.nanoseconds)),
  };
  const links = entries.flatMap((entry, row) => {
    const group =
      entry.type === "directory" || entry.link === undefined ? undefined : groups.get(entry.link);
    return group && group.count > 1 ? [[row, group.first, group.count]] : [];
  });
  return {
    path,
    names: entries.map(nameOf),
    kinds: entries.map(kindOf).join(""),
    ...withoutZeros(columns),
    ...(entries.some((entry) => entry.mode !== defaultModes[entry.type]) && {
      modes: columnOf(entries.map((entry) => entry.mode)),
    }),
    ...(symlinks.length > 0 && { targets: symlinks.map(targetOf) }),
    ...(files.length > 0 && { sha256: digestColumn(joined(files.map(sha256Of))) }),
    ...(files.some(isChunked) && { chunks: files.filter(isChunked).map(chunksOf) }),
    ...(links.length > 0 && { links }),
  };
}

function nameOf({ path }: ManifestEntry): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function kindOf({ type }: ManifestEntry): string {
  return type === "file" ? "f" : type === "directory" ? "d" : "l";
}

type FileEntry = Extract<ManifestEntry, { type: "file" }>;

function isChunked(file: FileEntry): boolean {
  return file.size > chunkBytes;
}

function sha256Of({ path, sha256 }: FileEntry): Uint8Array {
  if (sha256.length !== digestBytes) throw new Error(`bug: the digest of '${path}' is no SHA-256`);
  return sha256;
}

function chunksOf({ path, size, chunks }: FileEntry): string {
  if (chunks?.length !== Math.ceil(size / chunkBytes) * digestBytes) {
    throw new Error(`bug: the chunks' digests of '${path}' do not fit its size`);
  }
  return digestColumn(chunks);
}

function targetOf({ path, target }: Extract<ManifestEntry, { type: "symlink" }>): string {
  const flaw = flawOfTarget(target);
  if (flaw !== undefined) throw new Error(`bug: '${path}': ${flaw}`);
  return target;
}

/** `values`, or the one number that all are; 0 where there are none. */
function columnOf(values: readonly number[]): Column {
  const [first = 0] = values;
  return values.every((value) => value === first) ? first : values;
}

/** The columns that say something: 0 is what the reader takes for a missing one. */
function withoutZeros(columns: Readonly<Record<string, Column>>): Record<string, Column> {
  return Object.fromEntries(Object.entries(columns).filter(([, column]) => column !== 0));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.length * digestBytes);
  pieces.forEach((piece, index) => {
    bytes.set(piece, index * digestBytes);
  });
  return bytes;
}
