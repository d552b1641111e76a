/**
 * What stands in `minifo.json`, version 1, the tree layout with everything inline. Untrusted input: the shapes are
 * checked here, what the columns say of each other in directory.ts and tree.ts. Unknown keys are ignored, an unknown
 * version is refused. A directory is known by its path, and all that is known of an object stands with its name, in its
 * parent's record; so records can move into leaves, sorted by path, without changing their form.
 */
import * as v from "valibot";
import type { FileType } from "../../attributes.ts";

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

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const seconds = v.pipe(v.number(), v.safeInteger());
const nanoseconds = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(999_999_999));
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777));

// Columns are long, so they are checked in one loop each rather than item by item by valibot.
const strings = v.custom<readonly string[]>(
  (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  "expected a list of strings",
);
const integers = v.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every(Number.isSafeInteger),
  "expected a list of whole numbers",
);
/** One number for each row; a single number where all are the same. */
const column = v.union([seconds, integers], "expected a whole number or a list of them");

/** A column of whole numbers: one for each row, or a single one that holds for all. */
export type Column = v.InferOutput<typeof column>;

/** The head of a manifest. Its directories are checked one by one, so that an error can name the directory. */
export const manifestSchema = v.object({
  format: v.literal("minifo", 'expected "format": "minifo"'),
  layout: v.literal("tree", 'expected "layout": "tree"'),
  /** Objects below the root, one for each name. */
  entries: natural,
  /** The sum of the sizes of all files, one for each name. */
  bytes: natural,
  /** Names and special files that had to be left out. */
  omitted: v.optional(natural, 0),
  /** The root has no parent, so its attributes stand here. */
  root: v.object({ mtime: v.tuple([seconds, nanoseconds]), mode: v.optional(mode, 0o755) }),
  /** An `index` without `directories` is one of leaves, which this version does not read. */
  index: v.object({ directories: v.optional(v.array(v.unknown())) }),
});

/** A directory's record: what is in it, column by column. Rows are in the order of `names`. */
export const directorySchema = v.object({
  path: v.string(),
  /** Ascending by UTF-16 code units. */
  names: strings,
  /** One letter for each name: f, d or l. */
  kinds: v.string(),
  /** Bytes of each file. */
  sizes: v.optional(column, 0),
  /** How many subdirectories each directory has. */
  subdirectories: v.optional(column, 0),
  /** Modification times: whole seconds, as the difference from `since`, and nanoseconds. */
  since: v.optional(seconds, 0),
  mtimes: v.optional(column, 0),
  nanoseconds: v.optional(column, 0),
  /** Permission bits of each name; absent where all have the default of their kind. */
  modes: v.optional(column),
  /** The target of each symlink. */
  targets: v.optional(strings, []),
  /** SHA-256 of each file, back to back, 43 letters of base64 each. */
  sha256: v.optional(v.string(), ""),
  /** For each file above 1 MiB: SHA-256 of each of its 1 MiB chunks, likewise. */
  chunks: v.optional(strings, []),
  /** Rows that are one of several names of an object: row, first path of the object, how many names it has. */
  links: v.optional(v.array(v.tuple([natural, v.string(), natural])), []),
});

/** A directory's record as `directorySchema` gives it. */
export type DirectoryRecord = v.InferOutput<typeof directorySchema>;

/** The value of row `row` in `from`. */
export function valueAt(from: Column, row: number): number {
  return typeof from === "number" ? from : (from[row] as number);
}
