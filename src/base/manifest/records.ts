/**
 * What goes into a manifest, and the record of one directory, or of a part of it: its columns.
 */
import type { Time } from "../../attributes.ts";
import { digestColumn, digestLetters } from "./digests.ts";
import { type Content, checkLetters, sumLetters } from "./directory.ts";
import {
  type Column,
  chunkBytes,
  defaultModes,
  inlineChunks,
  type Layout,
  packedBytes,
} from "./format.ts";
import { flawOfTarget } from "./names.ts";

/** Keeps an object and returns the reference to it (digests.ts). */
export type PutObject = (bytes: Uint8Array) => string;

interface Described {
  /** Base path; "" is the root, which must be there. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: Time;
}

/** What a file contains: at its natural URL, or in objects. */
export type FileContents =
  | {
      /** SHA-256 of the content, 32 bytes. */
      readonly sha256: Uint8Array;
      /** For files above 1 MiB: SHA-256 of each 1 MiB chunk, back to back. */
      readonly chunks?: Uint8Array;
    }
  | {
      /** SHA-256 of the content as a manifest spells it, its beginning at least. */
      readonly sum: string;
      /** Undefined for an empty file; up to 64 KiB in a pack, above that a column of references. */
      readonly content: Exclude<Content, { list: string }> | undefined;
    };

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
      /** Equal for names of one object; any string. */
      readonly link?: string;
    } & FileContents);

/** The objects with several names, by what the entries call them: their first path and how many names they have. */
export type Groups = ReadonlyMap<string, { readonly first: string; readonly count: number }>;

/** What records say of the tree around them. */
export interface RecordContext {
  readonly layout: Layout;
  readonly children: ReadonlyMap<string, readonly ManifestEntry[]>;
  readonly groups: Groups;
  readonly put: PutObject | undefined;
  /** Whether so many files have this mtime that it does not tell one version of a file from another. */
  readonly isCommon: (mtime: Time) => boolean;
}

type FileEntry = Extract<ManifestEntry, { type: "file" }>;

/** Chunks that a file's record or list has digests of; 0 for one that is fetched in one piece. */
export function chunksOf({ size }: FileEntry, layout: Layout): number {
  return size > (layout === "tree" ? chunkBytes : packedBytes) ? Math.ceil(size / chunkBytes) : 0;
}

export function nameOf({ path }: ManifestEntry): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The record of `entries` of the directory `path`. Packs that it needs are added to `packs`, with their numbers. */
export function recordOf(
  path: string,
  entries: readonly ManifestEntry[],
  context: RecordContext,
  packs: Map<string, number>,
): object {
  const { layout, children, groups } = context;
  const files = entries.filter((entry) => entry.type === "file");
  const chunked = files.filter((file) => chunksOf(file, layout) > 0);
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
  const sha256 = (layout === "tree" ? files : []).map(sha256Of).join("");
  const sums = (layout === "tree" ? [] : chunked).map((file) => sumOf(file, sumLetters)).join("");
  const packed =
    layout === "tree" ? [] : files.filter(({ size }) => size > 0 && size <= packedBytes);
  return {
    path,
    names: entries.map(nameOf),
    kinds: entries.map(kindOf).join(""),
    ...withoutZeros(columns),
    ...(entries.some((entry) => entry.mode !== defaultModes[entry.type]) && {
      modes: columnOf(entries.map((entry) => entry.mode)),
    }),
    ...(symlinks.length > 0 && { targets: symlinks.map(targetOf) }),
    ...(sha256 !== "" && { sha256 }),
    ...(chunked.length > 0 && { chunks: chunked.map((file) => chunkColumn(file, context)) }),
    ...(sums !== "" && { sums }),
    ...(packed.length > 0 && { runs: runsOf(packed, packs) }),
    ...(packed.some(({ mtime }) => context.isCommon(mtime)) && {
      checks: packed.map((file) => sumOf(file, checkLetters)).join(""),
    }),
    ...(links.length > 0 && { links }),
  };
}

function kindOf({ type }: ManifestEntry): string {
  return type === "file" ? "f" : type === "directory" ? "d" : "l";
}

/** The SHA-256 of a file's content as a column of one. */
function sha256Of(file: FileEntry): string {
  const column = "sum" in file ? "" : digestColumn(file.sha256);
  if (column.length === digestLetters) return column;
  throw new Error(`bug: the digest of '${file.path}' is no SHA-256`);
}

/** What tells the content of a file from another of the same size and time. */
function sumOf(file: FileEntry, letters: number): string {
  const sum = "sum" in file ? file.sum.slice(0, letters) : "";
  if (sum.length === letters) return sum;
  throw new Error(`bug: nothing of the digest of '${file.path}'`);
}

/** The digests of a file's chunks, or the reference to a list of them. */
function chunkColumn(file: FileEntry, { layout, put }: RecordContext): string {
  const column = "sum" in file ? columnIn(file.content) : digestColumn(file.chunks ?? noBytes);
  const count = chunksOf(file, layout);
  if (column.length !== count * digestLetters) {
    throw new Error(`bug: the chunks' digests of '${file.path}' do not fit its size`);
  }
  if (count <= inlineChunks) return column;
  if (!put) throw new Error(`bug: the chunks of '${file.path}' need a list, and nothing keeps it`);
  return put(new TextEncoder().encode(column));
}

const noBytes = new Uint8Array(0);

function columnIn(content: Content | undefined): string {
  return content && "chunks" in content ? content.chunks : "";
}

/** Where the contents of `files` lie: a run for each place from which on they lie back to back. */
function runsOf(files: readonly FileEntry[], packs: Map<string, number>): number[] {
  const runs: number[] = [];
  let pack: string | undefined;
  let next = 0;
  files.forEach((file, ordinal) => {
    const content = "sum" in file ? file.content : undefined;
    if (!content || !("pack" in content)) throw new Error(`bug: '${file.path}' is in no pack`);
    if (content.pack !== pack || content.offset !== next) {
      const number = packs.get(content.pack) ?? packs.size;
      packs.set(content.pack, number);
      runs.push(ordinal, number, content.offset);
    }
    pack = content.pack;
    next = content.offset + file.size;
  });
  return runs;
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
