/**
 * One directory of a leaf, checked: its columns fit each other, its names are legal and in order, its numbers in bounds.
 * Of a directory that is split over leaves it is one part. Nodes are made when they are asked for.
 */
import { type BaseNode, joinBasePath, pathIdentity } from "../base.ts";
import { digestAt, digestLetters, isDigestColumn, isReferenceColumn } from "./digests.ts";
import {
  type Column,
  chunkBytes,
  type DirectoryRecord,
  defaultModes,
  directoryShape,
  inlineChunks,
  kinds,
  type Layout,
  maxChunks,
  packedBytes,
  valueAt,
} from "./format.ts";
import { flawOfName, flawOfTarget } from "./names.ts";
import { ManifestFlaw } from "./shape.ts";

/** A link group that a row belongs to. */
export interface LinkGroup {
  /** The first path of the object. */
  readonly group: string;
  readonly count: number;
}

/** Where the content of a file lies, which is not empty. */
export type Content =
  /** In one piece, in a pack. */
  | { readonly pack: string; readonly offset: number }
  /** A column of digests, in the packed layout of references: one for each chunk. */
  | { readonly chunks: string }
  /** The reference to an object that is such a column. */
  | { readonly list: string };

/** Letters of a sum: 36 bits of the SHA-256 of the content of a file with chunks. */
export const sumLetters = 6;
/** Letters of a check: 18 bits of the same of a file in a pack, where times alone would not tell that it changed. */
export const checkLetters = 3;

/** What a leaf's directories have in common. */
export interface LeafContext {
  readonly layout: Layout;
  /** References to the packs that the leaf's files lie in. */
  readonly packs: string;
}

/** See the head of this file. */
export class ManifestDirectory {
  readonly path: string;
  readonly names: readonly string[];
  readonly #context: LeafContext;
  readonly #record: DirectoryRecord;
  /** A row's place among those of its kind. */
  readonly #ordinals: Uint32Array;
  /** A file's place among those whose contents lie alike. */
  readonly #places: Uint32Array;
  /** For each file in a pack, which and where. */
  readonly #packs: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #links = new Map<number, LinkGroup>();

  /** Throws ManifestFlaw. */
  constructor(input: unknown, context: LeafContext) {
    const record = directoryShape(input, "");
    const { names } = record;
    this.#record = record;
    this.#context = context;
    this.path = record.path;
    this.names = names;
    if (record.kinds.length !== names.length) {
      throw new ManifestFlaw(`it has ${names.length} names, but ${record.kinds.length} kinds`);
    }
    const counts = { f: 0, d: 0, l: 0, packed: 0, chunked: 0 };
    this.#ordinals = new Uint32Array(names.length);
    names.forEach((name, row) => {
      const letter = this.#checkName(name, row);
      this.#ordinals[row] = counts[letter];
      counts[letter] += 1;
    });
    const most = Number.MAX_SAFE_INTEGER;
    const { since } = record;
    checkColumn("sizes", record.sizes, counts.f, 0, most);
    checkColumn("subdirectories", record.subdirectories, counts.d, 0, 2 ** 31);
    checkColumn("mtimes", record.mtimes, names.length, -most - since, most - since);
    checkColumn("nanoseconds", record.nanoseconds, names.length, 0, 999_999_999);
    checkColumn("modes", record.modes ?? 0, names.length, 0, 0o7777);
    this.#checkTargets(counts.l);
    const isPacked = context.layout === "packed";
    const inOne = isPacked ? packedBytes : chunkBytes;
    this.#places = new Uint32Array(counts.f);
    for (let file = 0; file < counts.f; file += 1) {
      const size = valueAt(record.sizes, file);
      if (size > inOne) this.#places[file] = counts.chunked++;
      else if (size > 0 && isPacked) this.#places[file] = counts.packed++;
    }
    if (!isDigestColumn(record.sha256, isPacked ? 0 : counts.f)) {
      const digests = isPacked ? "what no packed layout has" : `${counts.f} digests in base64`;
      throw new ManifestFlaw(`'sha256' does not hold ${digests}`);
    }
    if (record.sums.length !== (isPacked ? counts.chunked * sumLetters : 0)) {
      throw new ManifestFlaw(
        `'sums' does not hold ${sumLetters} letters for each file with chunks`,
      );
    }
    if (record.checks !== "" && record.checks.length !== counts.packed * checkLetters) {
      throw new ManifestFlaw(
        `'checks' does not hold ${checkLetters} letters for each file in a pack`,
      );
    }
    if (record.chunks.length !== counts.chunked) {
      throw new ManifestFlaw(
        `'chunks' has ${record.chunks.length} rows, but ${counts.chunked} files have chunks`,
      );
    }
    this.#checkChunks(inOne);
    this.#packs = new Uint32Array(counts.packed);
    this.#offsets = new Uint32Array(counts.packed);
    this.#readRuns();
    this.#readLinks();
  }

  /** The row of `name`, if there is one. */
  row(name: string): number | undefined {
    let [low, high] = [0, this.names.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.names[middle] as string) < name) low = middle + 1;
      else high = middle;
    }
    return this.names[low] === name ? low : undefined;
  }

  typeAt(row: number): "file" | "directory" | "symlink" {
    return kinds[this.#record.kinds[row] as keyof typeof kinds];
  }

  /** How many of the rows are directories. */
  get subdirectories(): number {
    return this.#record.kinds.length - this.#record.kinds.replaceAll("d", "").length;
  }

  /** The size a file has, the subdirectories a directory has. */
  sizeAt(row: number): number {
    const kind = this.#record.kinds[row];
    if (kind === "l") return 0;
    return valueAt(
      kind === "f" ? this.#record.sizes : this.#record.subdirectories,
      this.#ordinals[row] as number,
    );
  }

  linkAt(row: number): LinkGroup | undefined {
    return this.#links.get(row);
  }

  /** Where the content of the file in `row` lies; undefined if it is empty. */
  contentAt(row: number): Content | undefined {
    const size = this.sizeAt(row);
    const file = this.#ordinals[row] as number;
    const place = this.#places[file] as number;
    if (size === 0) return undefined;
    const isPacked = this.#context.layout === "packed";
    if (isPacked && size <= packedBytes) {
      const pack = digestAt(this.#context.packs, this.#packs[place] as number);
      return { pack, offset: this.#offsets[place] as number };
    }
    if (!isPacked && size <= chunkBytes) return { chunks: digestAt(this.#record.sha256, file) };
    const column = this.#record.chunks[place] as string;
    return Math.ceil(size / chunkBytes) > inlineChunks ? { list: column } : { chunks: column };
  }

  /** Made anew each time: whoever needs it longer keeps it, and a tree that was walked takes no more memory for that. */
  nodeAt(row: number): BaseNode {
    const path = joinBasePath(this.path, this.names[row] as string);
    const type = this.typeAt(row);
    const ordinal = this.#ordinals[row] as number;
    const mtime = {
      seconds: this.#record.since + valueAt(this.#record.mtimes, row),
      nanoseconds: valueAt(this.#record.nanoseconds, row),
    };
    const mode =
      this.#record.modes === undefined ? defaultModes[type] : valueAt(this.#record.modes, row);
    const link = this.#links.get(row);
    const identity = link ? `link:${link.group}` : pathIdentity(path);
    const time = `${mtime.seconds}.${mtime.nanoseconds}`;
    const common = { path, type, mode, mtime, identity };
    if (type === "directory") {
      return { ...common, size: 0, nlink: 2 + this.sizeAt(row), signature: time };
    }
    const nlink = link?.count ?? 1;
    if (type === "symlink") {
      const target = this.#record.targets[ordinal] as string;
      const size = new TextEncoder().encode(target).length;
      return { ...common, size, nlink, target, signature: `:${target}` };
    }
    const size = this.sizeAt(row);
    const sum = this.#sumAt(ordinal, size);
    // Where the digest is there, or enough of it, a new time alone is no new content.
    const isBound = size === 0 || size > packedBytes || this.#context.layout === "tree";
    const signature = isBound ? `${size}:${sum}` : `${size}:${time}:${sum}`;
    return { ...common, size, nlink, signature };
  }

  /** What there is of the content's SHA-256. */
  #sumAt(file: number, size: number): string {
    if (this.#context.layout === "tree") return digestAt(this.#record.sha256, file);
    const place = this.#places[file] as number;
    const { sums, checks } = this.#record;
    const [column, letters] = size > packedBytes ? [sums, sumLetters] : [checks, checkLetters];
    return size > 0 ? column.slice(place * letters, (place + 1) * letters) : "";
  }

  /** The letter of the kind of `name`. */
  #checkName(name: string, row: number): keyof typeof kinds {
    const flaw = flawOfName(name);
    if (flaw !== undefined) this.#refuse(row, flaw);
    const before = this.names[row - 1];
    if (before !== undefined && before >= name) {
      this.#refuse(row, before === name ? "the name stands there twice" : "it is not in order");
    }
    const letter = this.#record.kinds.charAt(row);
    if (letter !== "f" && letter !== "d" && letter !== "l") {
      this.#refuse(row, `'${letter}' is no kind of object`);
    }
    return letter;
  }

  #checkChunks(inOne: number): void {
    const isColumn = this.#context.layout === "packed" ? isReferenceColumn : isDigestColumn;
    this.names.forEach((_, row) => {
      const size = this.sizeAt(row);
      if (this.#record.kinds[row] !== "f" || size <= inOne) return;
      const chunks = Math.ceil(size / chunkBytes);
      const column = this.#record.chunks[
        this.#places[this.#ordinals[row] as number] as number
      ] as string;
      if (chunks > maxChunks) this.#refuse(row, "it is larger than a file may be");
      const isGood =
        chunks > inlineChunks ? isReferenceColumn(column, 1) : isColumn(column, chunks);
      if (!isGood) this.#refuse(row, `'chunks' does not hold the ${chunks} digests of its chunks`);
    });
  }

  #checkTargets(count: number): void {
    const { targets } = this.#record;
    if (targets.length !== count) {
      throw new ManifestFlaw(`it has ${count} symlinks, but ${targets.length} targets`);
    }
    for (const target of targets) {
      const flaw = flawOfTarget(target);
      if (flaw !== undefined) throw new ManifestFlaw(flaw);
    }
  }

  /** From the file of each run on, contents lie back to back in a pack. */
  #readRuns(): void {
    const { sizes } = this.#record;
    const runs = typeof this.#record.runs === "number" ? [] : this.#record.runs;
    const packs = this.#context.packs.length / digestLetters;
    let [next, run, pack, offset] = [0, 0, packs, 0];
    for (let file = 0; next < this.#packs.length; file += 1) {
      const size = valueAt(sizes, file);
      if (size === 0 || size > packedBytes) continue;
      if (runs[run] === next) {
        pack = runs[run + 1] ?? packs;
        offset = runs[run + 2] ?? chunkBytes;
        run += 3;
      }
      if (pack < 0 || pack >= packs || offset < 0 || offset + size > chunkBytes) {
        throw new ManifestFlaw(`'runs' has no place for its file no. ${file}`);
      }
      this.#packs[next] = pack;
      this.#offsets[next] = offset;
      offset += size;
      next += 1;
    }
    if (runs.length !== run) throw new ManifestFlaw("'runs' has places for more files than it has");
  }

  #readLinks(): void {
    for (const [row, group, count] of this.#record.links) {
      if (this.names[row] === undefined) {
        throw new ManifestFlaw(`'links' has a row ${row}, which does not exist`);
      }
      if (this.#record.kinds[row] === "d") this.#refuse(row, "a directory cannot be linked");
      if (this.#links.has(row)) this.#refuse(row, "it stands in 'links' twice");
      if (count < 2) this.#refuse(row, `a link group of ${count} names is none`);
      this.#links.set(row, { group, count });
    }
  }

  #refuse(row: number, flaw: string): never {
    const path = joinBasePath(this.path, this.names[row] as string);
    throw new ManifestFlaw(`entry ${JSON.stringify(path)}: ${flaw}`);
  }
}

/** Throws ManifestFlaw. */
function checkColumn(
  what: string,
  column: Column,
  rows: number,
  least: number,
  most: number,
): void {
  if (typeof column !== "number" && column.length !== rows) {
    throw new ManifestFlaw(`the column '${what}' has ${column.length} rows, not ${rows}`);
  }
  for (const value of typeof column === "number" ? [column] : column) {
    if (value < least || value > most) {
      throw new ManifestFlaw(`${value} is out of bounds in '${what}'`);
    }
  }
}

/** The directory that `input` describes; a flaw of it is told with its path. Throws ManifestFlaw. */
export function readDirectory(
  input: unknown,
  position: number,
  context: LeafContext,
): ManifestDirectory {
  try {
    return new ManifestDirectory(input, context);
  } catch (error) {
    if (!(error instanceof ManifestFlaw)) throw error;
    const path = (input as { path?: unknown } | null)?.path;
    const which = typeof path === "string" ? `directory '${path}'` : `directory no. ${position}`;
    throw new ManifestFlaw(`${which}: ${error.message}`);
  }
}
