/**
 * Writes a tree down as a manifest: inline where that is small, else in leaves, which are cut by names alone, so that a
 * file that changes changes one of them. Pure: the same tree gives the same bytes, in whatever order its objects come.
 * What a file contains, and where objects are kept, is the caller's matter.
 */
import type { Time } from "../../attributes.ts";
import { parentOfBasePath } from "../base.ts";
import { Cutter, type PartWeights } from "./cuts.ts";
import { digestLetters } from "./digests.ts";
import {
  type Branch,
  defaultModes,
  inlineChunks,
  type Layout,
  maxEntries,
  maxManifestBytes,
} from "./format.ts";
import { flawOfName, keyOf } from "./names.ts";
import {
  chunksOf,
  type Groups,
  type ManifestEntry,
  nameOf,
  type PutObject,
  type RecordContext,
  recordOf,
} from "./records.ts";

/** What a manifest says of the tree as a whole, and how it is written. */
export interface ManifestTotals {
  /** Objects that had to be left out. */
  readonly omitted: number;
  /** Default: "tree". */
  readonly layout?: Layout;
  /** Keeps the objects of a larger index. Without it all is inline, whatever it weighs. */
  readonly put?: PutObject;
  readonly generation?: number;
  /** SHA-256 in hex of the `minifo.json` of earlier generations that are kept as objects, the latest first. */
  readonly previous?: readonly string[];
}

/** A `minifo.json` that would be longer has leaves. */
const mostInline = 80 * 1024;
/** A list of leaves that would be longer stands in pages. */
const mostListed = 60 * 1024;
/** Bytes of a leaf once it is compressed, about. No more than eight times that is its text, far below its bound. */
const leafWeights: PartWeights = { least: 21 * 1024, most: 36 * 1024, oneIn: 16 };
const pageWeights: PartWeights = { least: 24 * 1024, most: 64 * 1024, oneIn: 64 };

/** The canonical text of the manifest of `tree`. Throws a bug if `tree` is no tree. */
export function writeManifest(tree: Iterable<ManifestEntry>, totals: ManifestTotals): string {
  const { root, children } = childrenOf(tree);
  const { layout = "tree", put, generation = 0, previous = [], omitted } = totals;
  const isCommon = commonTimes(children);
  const context: RecordContext = { layout, children, groups: groupsOf(children), put, isCommon };
  let entries = 0;
  let bytes = 0;
  for (const siblings of children.values()) {
    entries += siblings.length;
    for (const entry of siblings) if (entry.type === "file") bytes += entry.size;
  }
  const subdirectories = (children.get("") ?? []).filter(({ type }) => type === "directory").length;
  const head = JSON.stringify({
    format: "minifo",
    version: 1,
    layout,
    ...(generation > 0 && { generation }),
    entries,
    bytes,
    ...(omitted > 0 && { omitted }),
    root: {
      mtime: [root.mtime.seconds, root.mtime.nanoseconds],
      ...(root.mode !== defaultModes.directory && { mode: root.mode }),
      ...(subdirectories > 0 && { subdirectories }),
    },
    ...(previous.length > 0 && { previous }),
  });
  const text = (index: string): string => `${head.slice(0, -1)},"index":${index}}\n`;
  const parts = leavesOf(children, layout);
  if (put === undefined || parts.length <= 2) {
    if (entries > maxEntries) throw new Error(`bug: more than ${maxEntries} entries`);
    const inline = text(leafText(parts.flat(), context));
    const isSmall =
      put === undefined ? inline.length <= maxManifestBytes : inline.length <= mostInline;
    if (isSmall) return inline;
    if (put === undefined) throw new Error("bug: more than a manifest can hold inline");
  }
  return text(branchText(parts, context, put));
}

/** A part of a directory, or all of it. */
interface Part {
  readonly path: string;
  readonly entries: readonly ManifestEntry[];
  /** Where it begins. */
  readonly key: string;
}

/** The directories in order, cut into leaves. */
function leavesOf(children: Children, layout: Layout): readonly (readonly Part[])[] {
  const leaves: Part[][] = [];
  let leaf: Part[] = [];
  const cutter = new Cutter(leafWeights);
  const cut = (): void => {
    leaves.push(leaf);
    leaf = [];
    cutter.begin();
  };
  for (const [path, entries] of children) {
    const weights = entries.map((entry) => weightOf(entry, layout));
    const weight = weights.reduce((sum, one) => sum + one, recordWeight(path));
    const isWorthIt = leafWeights.least;
    if (leaf.length > 0 && (cutter.isCut(path) || cutter.isFull(weight, isWorthIt))) cut();
    cutter.add(recordWeight(path));
    let from = 0;
    const before = cutter.weight;
    entries.forEach((entry, row) => {
      const added = weights[row] as number;
      const isLarge = cutter.weight - (from === 0 ? before : 0) >= leafWeights.least;
      if (row > from && (cutter.isFull(added) || (isLarge && cutter.isCut(entry.path)))) {
        leaf.push(partOf(path, entries, from, row));
        cut();
        from = row;
      }
      cutter.add(added);
    });
    leaf.push(partOf(path, entries, from, entries.length));
  }
  if (leaf.length > 0) leaves.push(leaf);
  return leaves;
}

function partOf(path: string, entries: readonly ManifestEntry[], from: number, to: number): Part {
  const part = from === 0 && to === entries.length ? entries : entries.slice(from, to);
  const [first] = part;
  return { path, entries: part, key: from > 0 && first ? keyOf(path, nameOf(first)) : path };
}

/** What an empty directory adds to a leaf, compressed, about. */
function recordWeight(path: string): number {
  return 12 + weightOfText(path) / 2;
}

/** What an entry adds to a leaf, compressed, about; by its name and kind only, for contents that change do not count. */
function weightOf(entry: ManifestEntry, layout: Layout): number {
  const name = 5 + weightOfText(nameOf(entry));
  if (entry.type === "directory") return name;
  if (entry.type === "symlink") return name + weightOfText(entry.target) / 2;
  const chunks = chunksOf(entry, layout);
  const listed = (chunks > inlineChunks ? 1 : chunks) * digestWeight;
  // Beside the files, where each has a digest, leaves may be larger, or there would be too many.
  return name + listed + (layout === "tree" ? digestWeight / 2 : 0);
}

const digestWeight = 33;

function weightOfText(text: string): number {
  return JSON.stringify(text).length / 4;
}

/** A line for each directory, so that two versions can be compared by eye. */
function leafText(parts: readonly Part[], context: RecordContext): string {
  const packs = new Map<string, number>();
  const records = parts.map(({ path, entries }) =>
    JSON.stringify(recordOf(path, entries, context, packs)),
  );
  const column = packs.size > 0 ? `"packs":"${[...packs.keys()].join("")}",` : "";
  return `{${column}"directories":[\n${records.join(",\n")}\n]}`;
}

/** The list of the leaves, which go to `put`, or of pages of it. */
function branchText(
  leaves: readonly (readonly Part[])[],
  context: RecordContext,
  put: PutObject,
): string {
  const encoder = new TextEncoder();
  const first = leaves.map((parts) => (parts[0] as Part).key);
  const references = leaves.map((parts) => put(encoder.encode(leafText(parts, context))));
  const list = { first, parts: references.join(""), isOfPages: false };
  if (listText(list).length <= mostListed) return listText(list);
  const pages: { first: string; reference: string }[] = [];
  const cutter = new Cutter(pageWeights);
  let from = 0;
  const cut = (to: number): void => {
    const parts = references.slice(from, to).join("");
    const page = listText({ first: first.slice(from, to), parts, isOfPages: false });
    pages.push({ first: first[from] as string, reference: put(encoder.encode(page)) });
    cutter.begin();
    from = to;
  };
  first.forEach((key, at) => {
    const weight = key.length + digestLetters + 3;
    if (at > from && (cutter.isCut(key) || cutter.isFull(weight))) cut(at);
    cutter.add(weight);
  });
  cut(first.length);
  return listText({
    first: pages.map((page) => page.first),
    parts: pages.map((page) => page.reference).join(""),
    isOfPages: true,
  });
}

function listText({ first, parts, isOfPages }: Branch): string {
  return `{\n"first":${JSON.stringify(first)},\n"${isOfPages ? "pages" : "leaves"}":"${parts}"\n}`;
}

/** Of how many files one at least has a time that is common. */
const commonShare = 8;

/** Tells which times an eighth of all files or more have: where times were made up, a change need not show in them. */
function commonTimes(children: Children): RecordContext["isCommon"] {
  const counts = new Map<string, number>();
  const keyOfTime = ({ seconds, nanoseconds }: Time): string => `${seconds}.${nanoseconds}`;
  let files = 0;
  for (const entries of children.values()) {
    for (const entry of entries) {
      if (entry.type !== "file") continue;
      files += 1;
      const key = keyOfTime(entry.mtime);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return (mtime) => (counts.get(keyOfTime(mtime)) ?? 0) * commonShare >= files;
}

/** The objects with several names: their first path and how many they have. */
function groupsOf(children: Children): Groups {
  const groups = new Map<string, { first: string; count: number }>();
  for (const entries of children.values()) {
    for (const entry of entries) {
      if (entry.type === "directory" || entry.link === undefined) continue;
      const group = groups.get(entry.link);
      if (group) group.count += 1;
      else groups.set(entry.link, { first: entry.path, count: 1 });
    }
  }
  return groups;
}

type Children = ReadonlyMap<string, readonly ManifestEntry[]>;

/** The root, and what lies in each directory; both in the manifest's order. */
function childrenOf(tree: Iterable<ManifestEntry>): { root: ManifestEntry; children: Children } {
  const found = new Map<string, ManifestEntry[]>();
  let root: ManifestEntry | undefined;
  for (const entry of tree) {
    const parent = parentOfBasePath(entry.path);
    if (parent === undefined) {
      if (root || entry.type !== "directory") throw new Error("bug: a tree has one root");
      root = entry;
      continue;
    }
    const flaw = flawOfName(nameOf(entry));
    if (flaw !== undefined) throw new Error(`bug: '${entry.path}': ${flaw}`);
    const siblings = found.get(parent);
    if (siblings) siblings.push(entry);
    else found.set(parent, [entry]);
  }
  if (!root) throw new Error("bug: a tree has a root");
  const children = new Map<string, readonly ManifestEntry[]>();
  const ahead = [""];
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    const entries = found.get(path) ?? [];
    found.delete(path);
    entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    children.set(path, entries);
    entries.forEach(({ path: one }, row) => {
      if (entries[row + 1]?.path === one) throw new Error(`bug: '${one}' comes twice`);
    });
    for (let row = entries.length - 1; row >= 0; row -= 1) {
      const entry = entries[row] as ManifestEntry;
      if (entry.type === "directory") ahead.push(entry.path);
    }
  }
  for (const path of found.keys()) throw new Error(`bug: '${path}' is no directory of the tree`);
  return { root, children };
}
