/**
 * A leaf: directories side by side, in the order of their paths. What they say of each other is checked as far as it lies
 * in this leaf, so that of an inline index, which is one leaf, nothing is left unchecked: every directory has one record
 * and one place, link groups agree. Cycles cannot be written down.
 */
import { joinBasePath, parentOfBasePath } from "../base.ts";
import { type ManifestDirectory, readDirectory } from "./directory.ts";
import type { Layout, LeafRecord } from "./format.ts";
import { compareTreePaths, keyOf } from "./names.ts";
import { ManifestFlaw } from "./shape.ts";

/** The keys a leaf holds: from `first` on, up to before `next`. */
export interface LeafRange {
  readonly first: string;
  readonly next: string | undefined;
}

/** See the head of this file. */
export class Leaf {
  /** What it weighs in a cache: bytes of its text. */
  readonly length: number;
  readonly directories: ReadonlyMap<string, ManifestDirectory>;
  readonly #range: LeafRange;

  /** Throws ManifestFlaw. */
  constructor(
    { directories, packs }: LeafRecord,
    layout: Layout,
    range: LeafRange,
    length: number,
  ) {
    this.length = length;
    this.#range = range;
    const found = new Map<string, ManifestDirectory>();
    this.directories = found;
    let before: string | undefined;
    directories.forEach((record, position) => {
      const directory = readDirectory(record, position, { layout, packs });
      const { path } = directory;
      if (found.has(path)) throw new ManifestFlaw(`directory '${path}' stands there twice`);
      found.set(path, directory);
      // Only the first can be the rest of one that began in the leaf before.
      const [name] = directory.names;
      const isRest =
        before === undefined && name !== undefined && keyOf(path, name) === range.first;
      const key = isRest ? range.first : path;
      if (before === undefined ? key !== range.first : compareTreePaths(before, key) >= 0) {
        throw new ManifestFlaw(`directory '${path}' is not in order`);
      }
      if (!this.#holds(key)) throw new ManifestFlaw(`directory '${path}' belongs to another leaf`);
      before = key;
    });
    if (before === undefined) {
      throw new ManifestFlaw(range.first === "" ? "it has no record of the root" : "it is empty");
    }
    for (const directory of found.values()) this.#checkEntries(directory);
    for (const path of found.keys()) this.#checkPlace(path);
    this.#checkLinks();
  }

  /** Whether a directory goes on in the next leaf. */
  goesOn(path: string): boolean {
    return this.#range.next?.startsWith(keyOf(path, "")) ?? false;
  }

  /** Whether this is all there is. */
  get #isWhole(): boolean {
    return this.#range.first === "" && this.#range.next === undefined;
  }

  #holds(key: string): boolean {
    const { first, next } = this.#range;
    return (
      compareTreePaths(first, key) <= 0 && (next === undefined || compareTreePaths(key, next) < 0)
    );
  }

  /** Directories among the entries, whose records belong here, are here and have the subdirectories they should. */
  #checkEntries(directory: ManifestDirectory): void {
    const last = directory.names.at(-1);
    if (last !== undefined && !this.#holds(keyOf(directory.path, last))) {
      throw new ManifestFlaw(`directory '${directory.path}' reaches into another leaf`);
    }
    directory.names.forEach((name, row) => {
      if (directory.typeAt(row) !== "directory") return;
      const path = joinBasePath(directory.path, name);
      if (!this.#holds(path)) return;
      const record = this.directories.get(path);
      if (!record) throw new ManifestFlaw(`directory '${path}' has no record`);
      const said = directory.sizeAt(row);
      const found = record.subdirectories;
      if (this.goesOn(path) ? found > said : found !== said) {
        throw new ManifestFlaw(`directory '${path}' has ${found} subdirectories, not ${said}`);
      }
    });
  }

  /** A directory is an entry of its parent, where that entry belongs here. */
  #checkPlace(path: string): void {
    const parent = parentOfBasePath(path);
    if (parent === undefined) return;
    const name = path.slice(parent === "" ? 0 : parent.length + 1);
    if (!this.#holds(keyOf(parent, name))) return;
    const directory = this.directories.get(parent);
    const row = directory?.row(name);
    if (row === undefined || directory?.typeAt(row) !== "directory") {
      throw new ManifestFlaw(`directory '${path}' lies nowhere`);
    }
  }

  /** Names of one object agree, and are not more than they say. */
  #checkLinks(): void {
    const groups = new Map<string, LinkedObject>();
    for (const directory of this.directories.values()) {
      directory.names.forEach((name, row) => {
        const link = directory.linkAt(row);
        if (!link) return;
        const path = joinBasePath(directory.path, name);
        const traits = traitsOf(directory, row);
        const group = groups.get(link.group);
        if (!group) {
          groups.set(link.group, { traits, count: link.count, paths: [path] });
        } else if (group.traits !== traits || group.count !== link.count) {
          throw new ManifestFlaw(`'${path}' and '${group.paths[0]}' are one object, but differ`);
        } else group.paths.push(path);
      });
    }
    for (const [name, { count, paths }] of groups) {
      if (this.#isWhole && paths[0] !== name) {
        throw new ManifestFlaw(`link group '${name}' is not named after '${paths[0]}', its first`);
      }
      if (this.#isWhole ? count !== paths.length : count < paths.length) {
        throw new ManifestFlaw(`link group '${name}' has ${paths.length} names, but says ${count}`);
      }
    }
  }
}

/** An object with several names, as far as they were found. */
interface LinkedObject {
  readonly traits: string;
  readonly count: number;
  readonly paths: string[];
}

/** All that names of one object must have in common. */
function traitsOf(directory: ManifestDirectory, row: number): string {
  const { type, mode, mtime, signature } = directory.nodeAt(row);
  const content = type === "file" ? directory.contentAt(row) : undefined;
  return JSON.stringify([type, mode, mtime, signature, content]);
}
