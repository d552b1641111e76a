/**
 * One directory of a manifest, checked: its columns fit each other, its names are legal, its numbers in bounds. Nodes
 * are made when they are asked for.
 */
import type { FileType } from "../../attributes.ts";
import { type BaseNode, joinBasePath, pathIdentity } from "../base.ts";
import { digestAt, isDigestColumn } from "./digests.ts";
import {
  type Column,
  chunkBytes,
  type DirectoryRecord,
  defaultModes,
  directoryShape,
  kinds,
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

/** What a file's content is verified by, as the manifest spells digests (digests.ts). */
export interface FileDigests {
  readonly sha256: string;
  /** A column of the chunks' digests, for files above 1 MiB. */
  readonly chunks: string | undefined;
}

/** See the head of this file. */
export class ManifestDirectory {
  readonly path: string;
  readonly names: readonly string[];
  readonly types: readonly FileType[];
  readonly #record: DirectoryRecord;
  readonly #rows = new Map<string, number>();
  /** The row's place among the rows of its kind. */
  readonly #ordinals: Uint32Array;
  readonly #chunks = new Map<number, string>();
  readonly #links = new Map<number, LinkGroup>();
  readonly #nodes: (BaseNode | undefined)[] = [];

  /** @throws ManifestFlaw */
  constructor(input: unknown, position: number) {
    const record = shaped(input, position);
    this.#record = record;
    this.path = record.path;
    this.names = record.names;
    if (record.kinds.length !== record.names.length) {
      this.#refuse(`it has ${record.names.length} names, but ${record.kinds.length} kinds`);
    }
    this.#ordinals = new Uint32Array(record.names.length);
    this.types = this.#checkNames();
    const counts = this.#count();
    this.#checkColumns(counts);
    if (!isDigestColumn(record.sha256, counts.file)) {
      this.#refuse(`'sha256' does not hold ${counts.file} digests in base64`);
    }
    this.#readChunks();
    this.#readLinks();
  }

  /** The row of `name`, if there is one. */
  row(name: string): number | undefined {
    return this.#rows.get(name);
  }

  /** How many of the rows are directories. */
  get subdirectories(): number {
    return this.types.filter((type) => type === "directory").length;
  }

  /** The size a file has, the subdirectories a directory has. */
  sizeAt(row: number): number {
    const { sizes, subdirectories } = this.#record;
    const type = this.types[row];
    if (type === "symlink") return 0;
    return valueAt(type === "file" ? sizes : subdirectories, this.#ordinals[row] as number);
  }

  linkAt(row: number): LinkGroup | undefined {
    return this.#links.get(row);
  }

  /** What the file in `row` is verified by. */
  digestsAt(row: number): FileDigests {
    return {
      sha256: digestAt(this.#record.sha256, this.#ordinals[row] as number),
      chunks: this.#chunks.get(row),
    };
  }

  nodeAt(row: number): BaseNode {
    let node = this.#nodes[row];
    if (!node) {
      node = this.#makeNode(row);
      this.#nodes[row] = node;
    }
    return node;
  }

  #makeNode(row: number): BaseNode {
    const record = this.#record;
    const path = joinBasePath(this.path, this.names[row] as string);
    const type = this.types[row] as keyof typeof defaultModes;
    const mtime = {
      seconds: record.since + valueAt(record.mtimes, row),
      nanoseconds: valueAt(record.nanoseconds, row),
    };
    const mode = record.modes === undefined ? defaultModes[type] : valueAt(record.modes, row);
    const link = this.#links.get(row);
    const identity = link ? `link:${link.group}` : pathIdentity(path);
    const time = `${mtime.seconds}.${mtime.nanoseconds}`;
    const common = { path, type, mode, mtime, identity };
    if (type === "directory") {
      return { ...common, size: 0, nlink: 2 + this.sizeAt(row), signature: time };
    }
    const nlink = link?.count ?? 1;
    if (type === "symlink") {
      const target = record.targets[this.#ordinals[row] as number] as string;
      const size = new TextEncoder().encode(target).length;
      return { ...common, size, nlink, target, signature: `${time}:${target}` };
    }
    const size = this.sizeAt(row);
    const { sha256 } = this.digestsAt(row);
    return { ...common, size, nlink, signature: `${size}:${time}:${sha256}` };
  }

  #checkNames(): FileType[] {
    const { names } = this.#record;
    const types: FileType[] = [];
    const counts = { f: 0, d: 0, l: 0 };
    names.forEach((name, row) => {
      const flaw = flawOfName(name);
      if (flaw !== undefined) this.#refuse(flaw, name);
      if (this.#rows.has(name)) this.#refuse("the name stands there twice", name);
      this.#rows.set(name, row);
      const letter = this.#record.kinds.charAt(row);
      if (letter !== "f" && letter !== "d" && letter !== "l") {
        this.#refuse(`'${letter}' is no kind of object`, name);
      }
      this.#ordinals[row] = counts[letter];
      counts[letter] += 1;
      types.push(kinds[letter]);
    });
    return types;
  }

  #count(): { file: number; directory: number; symlink: number } {
    const counts = { file: 0, directory: 0, symlink: 0 };
    for (const type of this.types) counts[type as keyof typeof counts] += 1;
    return counts;
  }

  #checkColumns(counts: { file: number; directory: number; symlink: number }): void {
    const record = this.#record;
    const rows = this.names.length;
    const most = Number.MAX_SAFE_INTEGER;
    this.#checkColumn("sizes", record.sizes, counts.file, 0, most);
    this.#checkColumn("subdirectories", record.subdirectories, counts.directory, 0, 2 ** 31);
    this.#checkColumn("mtimes", record.mtimes, rows, -most - record.since, most - record.since);
    this.#checkColumn("nanoseconds", record.nanoseconds, rows, 0, 999_999_999);
    if (record.modes !== undefined) this.#checkColumn("modes", record.modes, rows, 0, 0o7777);
    if (record.targets.length !== counts.symlink) {
      this.#refuse(`it has ${counts.symlink} symlinks, but ${record.targets.length} targets`);
    }
    for (const target of record.targets) {
      const flaw = flawOfTarget(target);
      if (flaw !== undefined) this.#refuse(flaw);
    }
  }

  #checkColumn(what: string, column: Column, rows: number, least: number, most: number): void {
    const values = typeof column === "number" ? [column] : column;
    if (typeof column !== "number" && column.length !== rows) {
      this.#refuse(`the column '${what}' has ${column.length} rows, not ${rows}`);
    }
    for (const value of values) {
      if (value < least || value > most) this.#refuse(`${value} is out of bounds in '${what}'`);
    }
  }

  #readChunks(): void {
    const { chunks } = this.#record;
    let next = 0;
    this.types.forEach((type, row) => {
      if (type !== "file" || this.sizeAt(row) <= chunkBytes) return;
      const text = chunks[next];
      next += 1;
      const count = Math.ceil(this.sizeAt(row) / chunkBytes);
      if (text === undefined || !isDigestColumn(text, count)) {
        this.#refuse(`'chunks' does not hold the ${count} digests of its chunks`, this.names[row]);
      }
      this.#chunks.set(row, text);
    });
    if (chunks.length !== next) {
      this.#refuse(`'chunks' has ${chunks.length} rows, but there are ${next} files above 1 MiB`);
    }
  }

  #readLinks(): void {
    for (const [row, group, count] of this.#record.links) {
      const name = this.names[row];
      if (name === undefined) this.#refuse(`'links' has a row ${row}, which does not exist`);
      if (this.types[row] === "directory") this.#refuse("a directory cannot be linked", name);
      if (this.#links.has(row)) this.#refuse("it stands in 'links' twice", name);
      if (count < 2) this.#refuse(`a link group of ${count} names is none`, name);
      this.#links.set(row, { group, count });
    }
  }

  #refuse(flaw: string, name?: string): never {
    const where =
      name === undefined
        ? `directory '${this.path}'`
        : `entry ${JSON.stringify(joinBasePath(this.path, name))}`;
    throw new ManifestFlaw(`${where}: ${flaw}`);
  }
}

function shaped(input: unknown, position: number): DirectoryRecord {
  try {
    return directoryShape(input, "");
  } catch (error) {
    if (!(error instanceof ManifestFlaw)) throw error;
    const path = (input as { path?: unknown } | null)?.path;
    const which = typeof path === "string" ? `directory '${path}'` : `directory no. ${position}`;
    throw new ManifestFlaw(`${which}: ${error.message}`);
  }
}
