/**
 * The whole tree of an inline manifest, checked: every directory has one record and one place, link groups agree, the
 * totals are right. Directories lie in a Map by path; cycles cannot be written down.
 */
import {
  type BaseEntry,
  type BaseNode,
  joinBasePath,
  parentOfBasePath,
  pathIdentity,
} from "../base.ts";
import { type FileDigests, ManifestDirectory } from "./directory.ts";
import { manifestShape, maxEntries } from "./format.ts";
import { ManifestFlaw } from "./shape.ts";

/** See the head of this file. Lookups, lists and "there is none" are answered from memory. */
export class ManifestTree {
  readonly entries: number;
  readonly bytes: number;
  readonly omitted: number;
  readonly #root: BaseNode;
  readonly #directories = new Map<string, ManifestDirectory>();

  /**
   * Takes the parsed JSON of a manifest.
   * @throws ManifestFlaw it is no manifest, or a bad one
   */
  constructor(input: unknown) {
    const { entries, bytes, omitted, root, index } = manifestShape(refuseOtherVersions(input), "");
    if (!index.directories) {
      throw new ManifestFlaw(
        "its index is not inline, which this version of minifo cannot read; a newer one can",
      );
    }
    this.entries = entries;
    this.bytes = bytes;
    this.omitted = omitted;
    let rows = 0;
    index.directories.forEach((record, position) => {
      const directory = new ManifestDirectory(record, position);
      rows += directory.names.length;
      if (rows > maxEntries) throw new ManifestFlaw(`it has more than ${maxEntries} entries`);
      if (this.#directories.has(directory.path)) {
        throw new ManifestFlaw(`directory '${directory.path}' stands there twice`);
      }
      this.#directories.set(directory.path, directory);
    });
    this.#checkShape();
    this.#checkLinks();
    const [seconds, nanoseconds] = root.mtime;
    this.#root = {
      path: "",
      type: "directory",
      mode: root.mode,
      mtime: { seconds, nanoseconds },
      size: 0,
      nlink: 2 + (this.#directories.get("")?.subdirectories ?? 0),
      identity: pathIdentity(""),
      signature: `${seconds}.${nanoseconds}`,
    };
  }

  /** The object at `path`, or null. */
  node(path: string): BaseNode | null {
    if (path === "") return this.#root;
    const place = this.#find(path);
    return place ? place.directory.nodeAt(place.row) : null;
  }

  /** What is in the directory at `path`; undefined if there is no such directory. */
  list(path: string): readonly BaseEntry[] | undefined {
    const directory = this.#directories.get(path);
    return directory?.names.map((name, row) => ({ name, node: directory.nodeAt(row) }));
  }

  /** What the file at `path` is verified by; undefined if there is no such file. */
  digests(path: string): FileDigests | undefined {
    const place = this.#find(path);
    if (place?.directory.types[place.row] !== "file") return undefined;
    return place.directory.digestsAt(place.row);
  }

  #find(path: string): { directory: ManifestDirectory; row: number } | undefined {
    const parent = parentOfBasePath(path);
    const directory = parent === undefined ? undefined : this.#directories.get(parent);
    const name = directory?.path === "" ? path : path.slice((parent?.length ?? 0) + 1);
    const row = directory?.row(name);
    return directory && row !== undefined ? { directory, row } : undefined;
  }

  /** Every directory has a record, every record but the root's a place; the totals are right. */
  #checkShape(): void {
    let entries = 0;
    let bytes = 0;
    let placed = 1;
    if (!this.#directories.has("")) throw new ManifestFlaw("it has no record of the root");
    for (const directory of this.#directories.values()) {
      entries += directory.names.length;
      directory.types.forEach((type, row) => {
        if (type === "file") bytes += directory.sizeAt(row);
        if (type !== "directory") return;
        placed += 1;
        const path = joinBasePath(directory.path, directory.names[row] as string);
        const record = this.#directories.get(path);
        if (!record) throw new ManifestFlaw(`directory '${path}' has no record`);
        if (record.subdirectories !== directory.sizeAt(row)) {
          throw new ManifestFlaw(
            `directory '${path}' has ${record.subdirectories} subdirectories, not ${directory.sizeAt(row)}`,
          );
        }
      });
    }
    if (placed !== this.#directories.size)
      throw new ManifestFlaw(`${this.#misplaced()} lies nowhere`);
    if (entries !== this.entries) {
      throw new ManifestFlaw(`it has ${entries} entries, but says ${this.entries}`);
    }
    if (!Number.isSafeInteger(bytes) || bytes !== this.bytes) {
      throw new ManifestFlaw(`its files have ${bytes} bytes, but it says ${this.bytes}`);
    }
  }

  /** A record that no directory has as an entry, for the message. */
  #misplaced(): string {
    for (const path of this.#directories.keys()) {
      if (path === "") continue;
      const place = this.#find(path);
      if (place?.directory.types[place.row] !== "directory") return `directory '${path}'`;
    }
    return "a directory";
  }

  /** All names of a link group mean the same object, and are as many as they say. */
  #checkLinks(): void {
    const groups = new Map<string, LinkedObject>();
    for (const directory of this.#directories.values()) {
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
      if (!paths.includes(name)) {
        throw new ManifestFlaw(
          `'${paths[0]}' is in a link group that is not named after a path of it`,
        );
      }
      if (count !== paths.length) {
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
  const { type, mode, signature } = directory.nodeAt(row);
  if (type !== "file") return `${type} ${mode} ${signature}`;
  const { chunks } = directory.digestsAt(row);
  return `${type} ${mode} ${signature} ${chunks ?? ""}`;
}

/** The version is looked at first: of another one nothing else is known. */
function refuseOtherVersions(input: unknown): unknown {
  const version = (input as { version?: unknown } | null)?.version;
  if (version === 1) return input;
  if (typeof version === "number") {
    throw new ManifestFlaw(
      `its format is version ${version}, but this version of minifo reads version 1 only`,
    );
  }
  throw new ManifestFlaw("it states no version");
}
