/**
 * What stands in `minifo.json`, in index pages and in leaves, manifest version 1. All of it is untrusted: the pointer's
 * own shape is checked here, a directory's in directory.ts, what directories say of each other in leaf.ts. Unknown keys
 * are ignored, an unknown version is refused.
 */
import type { FileType } from "../../attributes.ts";
import { digestLetters, isReferenceColumn } from "./digests.ts";
import { compareTreePaths } from "./names.ts";
import {
  anything,
  exactly,
  integer,
  integers,
  listOf,
  ManifestFlaw,
  natural,
  optional,
  record,
  type Shaped,
  text,
  texts,
  tuple,
} from "./shape.ts";

/** The file's name: beside the tree it describes, or beside the objects that hold it. */
export const manifestName = "minifo.json";
/** A longer `minifo.json` is neither written nor read. */
export const maxManifestBytes = 64 * 1024 * 1024;
/** More objects than this are neither written nor read inline. */
export const maxEntries = 2_000_000;
/** The unit in which larger contents are fetched, each with a digest of its own; no pack holds more. */
export const chunkBytes = 1024 * 1024;
/** In the packed layout files up to this size share packs. */
export const packedBytes = 64 * 1024;
/** Digests of up to so many chunks stand in the record, more in an object of their own. */
export const inlineChunks = 256;
/** A file of more chunks, 512 GiB, is neither written nor read. */
export const maxChunks = 2 ** 19;
/** No leaf and no page inflates to more. */
export const maxIndexBytes = 1024 * 1024;

/** Where the contents lie: beside the manifest at their natural URLs, or in objects. */
export type Layout = "tree" | "packed";

/** Where each layout has its objects. Beside a site's own files the name must not be one that a site is likely to have. */
export const objectsNames = { tree: "minifo.objects", packed: "objects" } as const;

/** Where the object whose stored bytes have this SHA-256 (hex) lies, relative to the manifest. */
export function objectPath(layout: Layout, sha256: string): string {
  return `${objectsNames[layout]}/${sha256.slice(0, 2)}/${sha256.slice(2)}.bin`;
}

/** The letters of the `kinds` column. */
export const kinds = { f: "file", d: "directory", l: "symlink" } as const satisfies Record<
  string,
  FileType
>;

/** Permission bits of what states none. */
export const defaultModes = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;

/** The directories of a leaf, still unchecked, and the packs that their files lie in. */
export interface LeafRecord {
  readonly directories: readonly unknown[];
  /** References. */
  readonly packs: string;
}

/** Where parts of an index begin, and what they are. */
export interface Branch {
  /** The key of each part's first row, or the path of its first directory; ascending. */
  readonly first: readonly string[];
  /** References. */
  readonly parts: string;
  /** Whether the parts are pages, so branches themselves. */
  readonly isOfPages: boolean;
}

const indexShape = record({
  directories: optional(listOf(anything), undefined),
  packs: optional(text, ""),
  first: optional(texts, []),
  leaves: optional(text, ""),
  pages: optional(text, ""),
});

/** The head of a manifest; what is in its index is checked part by part, so that an error can name the place. */
export const manifestShape = record({
  format: exactly("minifo"),
  layout: exactly("tree", "packed"),
  /** Objects below the root, one for each name. */
  entries: natural(),
  /** The sum of the sizes of all files, one for each name. */
  bytes: natural(),
  /** Objects that had to be left out. */
  omitted: optional(natural(), 0),
  /** Counts what was published here; 0 where nobody counts. */
  generation: optional(natural(), 0),
  /** SHA-256 in hex of the `minifo.json` of earlier generations that are kept as objects, the latest first. */
  previous: optional(texts, []),
  /** The root has no parent, so its attributes stand here. */
  root: record({
    mtime: tuple([integer, natural(999_999_999)]),
    mode: optional(natural(0o7777), defaultModes.directory),
    subdirectories: optional(natural(2 ** 31), 0),
  }),
  index: indexShape,
});

/** What `minifo.json` says. */
export type Pointer = Omit<Shaped<typeof manifestShape>, "index"> & {
  readonly index: LeafRecord | Branch;
};

/** The parsed JSON of a `minifo.json`. Throws ManifestFlaw. */
export function readPointer(input: unknown): Pointer {
  const version = (input as { version?: unknown } | null)?.version;
  // The version is looked at first: of another one nothing else is known.
  if (typeof version !== "number") throw new ManifestFlaw("it states no version");
  if (version !== 1) {
    throw new ManifestFlaw(
      `its format is version ${version}, but this version of minifo reads version 1 only`,
    );
  }
  const head = manifestShape(input, "");
  if (!head.previous.every((sha256) => /^[0-9a-f]{64}$/.test(sha256))) {
    throw new ManifestFlaw("previous: expected SHA-256 digests in hex");
  }
  const index = indexOf(head.index, "index: ");
  if ("first" in index && index.first[0] !== "") {
    throw new ManifestFlaw("its index does not begin at the root");
  }
  return { ...head, index };
}

/** The parsed JSON of a leaf or a page. Throws ManifestFlaw. */
export function readIndex(input: unknown): LeafRecord | Branch {
  return indexOf(indexShape(input, ""), "");
}

function indexOf(index: Shaped<typeof indexShape>, where: string): LeafRecord | Branch {
  const { directories, packs, first, leaves, pages } = index;
  const refuse = (flaw: string): never => {
    throw new ManifestFlaw(where + flaw);
  };
  if (directories) {
    const isGood = isReferenceColumn(packs, Math.floor(packs.length / digestLetters));
    return isGood ? { directories, packs } : refuse("'packs' does not hold references in base64");
  }
  const parts = pages || leaves;
  if (first.length === 0 || !isReferenceColumn(parts, first.length)) {
    refuse("it has neither directories, nor as many leaves or pages as beginnings");
  }
  if (first.some((key, at) => at > 0 && compareTreePaths(first[at - 1] as string, key) >= 0)) {
    refuse("its parts are not in order");
  }
  return { first, parts, isOfPages: pages !== "" };
}

/** A directory's record: what is in it, column by column. Rows are in the order of `names`. */
export const directoryShape = record({
  path: text,
  /** Ascending by UTF-16 code units. */
  names: texts,
  /** One letter for each name: f, d or l. */
  kinds: text,
  /** Bytes of each file. */
  sizes: optional(integers, 0),
  /** How many subdirectories each directory has. */
  subdirectories: optional(integers, 0),
  /** Modification times: whole seconds, as the difference from `since`, and nanoseconds. */
  since: optional(integer, 0),
  mtimes: optional(integers, 0),
  nanoseconds: optional(integers, 0),
  /** Permission bits of each name; absent where all have the default of their kind. */
  modes: optional(integers, undefined),
  /** The target of each symlink. */
  targets: optional(texts, []),
  /** SHA-256 of each file, in the tree layout. */
  sha256: optional(text, ""),
  /** In the packed layout, the beginnings of the SHA-256 of each file with chunks, and of each in a pack. */
  sums: optional(text, ""),
  checks: optional(text, ""),
  /** Digests or references of each file's chunks, or the reference to a list of them. */
  chunks: optional(texts, []),
  /** Triples: from this file in a pack on, contents lie back to back in that pack from that offset on. */
  runs: optional(integers, 0),
  /** Rows that are one of several names of an object: row, first path of the object, how many names it has. */
  links: optional(listOf(tuple([natural(), text, natural()])), []),
});

/** A directory's record as `directoryShape` gives it. */
export type DirectoryRecord = Shaped<typeof directoryShape>;

/** A column of whole numbers: one for each row, or a single one that holds for all. */
export type Column = Shaped<typeof integers>;

/** The value of row `row` in `from`. */
export function valueAt(from: Column, row: number): number {
  return typeof from === "number" ? from : (from[row] as number);
}
