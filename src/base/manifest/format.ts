/**
 * What stands in `minifo.json`, version 1, the tree layout with everything inline. Untrusted input: the shapes are
 * checked here, what the columns say of each other in directory.ts and tree.ts. Unknown keys are ignored, an unknown
 * version is refused. A directory is known by its path, and all that is known of an object stands with its name, in its
 * parent's record; so records can move into leaves, sorted by path, without changing their form.
 */
import type { FileType } from "../../attributes.ts";
import {
  anything,
  exactly,
  integer,
  integers,
  listOf,
  natural,
  optional,
  record,
  type Shaped,
  text,
  texts,
  tuple,
} from "./shape.ts";

/** The file's name, beside the tree it describes. */
export const manifestName = "minifo.json";
/** A longer manifest is neither written nor read. */
export const maxManifestBytes = 64 * 1024 * 1024;
/** More objects than this are neither written nor read inline. */
export const maxEntries = 2_000_000;
/** Contents up to this size are fetched whole; larger ones in chunks of this size, each with a digest of its own. */
export const chunkBytes = 1024 * 1024;

/** The letters of the `kinds` column. */
export const kinds = { f: "file", d: "directory", l: "symlink" } as const satisfies Record<
  string,
  FileType
>;

/** Permission bits of what states none. */
export const defaultModes = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;

const nanoseconds = natural(999_999_999);

/** A column of whole numbers: one for each row, or a single one that holds for all. */
export type Column = Shaped<typeof integers>;

/** The head of a manifest. Its directories are checked one by one, so that an error can name the directory. */
export const manifestShape = record({
  format: exactly("minifo"),
  layout: exactly("tree"),
  /** Objects below the root, one for each name. */
  entries: natural(),
  /** The sum of the sizes of all files, one for each name. */
  bytes: natural(),
  /** Names and special files that had to be left out. */
  omitted: optional(natural(), 0),
  /** The root has no parent, so its attributes stand here. */
  root: record({ mtime: tuple([integer, nanoseconds]), mode: optional(natural(0o7777), 0o755) }),
  /** An `index` without `directories` is one of leaves, which this version does not read. */
  index: record({ directories: optional(listOf(anything), undefined) }),
});

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
  /** SHA-256 of each file, back to back, 43 letters of base64 each. */
  sha256: optional(text, ""),
  /** For each file above 1 MiB: SHA-256 of each of its 1 MiB chunks, likewise. */
  chunks: optional(texts, []),
  /** Rows that are one of several names of an object: row, first path of the object, how many names it has. */
  links: optional(listOf(tuple([natural(), text, natural()])), []),
});

/** A directory's record as `directoryShape` gives it. */
export type DirectoryRecord = Shaped<typeof directoryShape>;

/** The value of row `row` in `from`. */
export function valueAt(from: Column, row: number): number {
  return typeof from === "number" ? from : (from[row] as number);
}
