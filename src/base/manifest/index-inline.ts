/**
 * The index of a manifest: what finds names and lists directories. Most are inline: one leaf, at hand and checked as a
 * whole. Those that are not are in index-tree.ts.
 */
import type { Operation } from "../../operation.ts";
import { type BaseEntry, type BaseNode, parentOfBasePath, pathIdentity } from "../base.ts";
import type { Content, ManifestDirectory } from "./directory.ts";
import type { LeafRecord, Pointer } from "./format.ts";
import { Leaf } from "./leaf.ts";
import { ManifestFlaw } from "./shape.ts";

/** A name with what it stands for. */
export interface Found {
  readonly node: BaseNode;
  /** Where a file's content lies. */
  readonly content: Content | undefined;
}

/** What is in a base image. */
export interface ManifestIndex {
  /** The object at `path`, or null. */
  find(path: string): Operation<Found | null>;
  /** What is in the directory at `path`; undefined if there is no such directory. */
  list(path: string): Operation<readonly BaseEntry[] | undefined>;
}

/** An index that is one leaf, at hand. */
export class InlineIndex implements ManifestIndex {
  readonly #pointer: Pointer;
  readonly #leaf: Leaf;

  /** Throws ManifestFlaw. */
  constructor(pointer: Pointer, index: LeafRecord) {
    this.#pointer = pointer;
    this.#leaf = new Leaf(index, pointer.layout, { first: "", next: undefined }, 0);
    this.#checkTotals(pointer);
  }

  *find(path: string): Operation<Found | null> {
    const place = placeOf(path);
    if (!place) return { node: rootOf(this.#pointer), content: undefined };
    return foundIn(this.#leaf.directories.get(place.parent), place.name);
  }

  *list(path: string): Operation<readonly BaseEntry[] | undefined> {
    const directory = this.#leaf.directories.get(path);
    return directory && entriesOf(directory);
  }

  /** What the head says of the whole. */
  #checkTotals(pointer: Pointer): void {
    let entries = 0;
    let bytes = 0;
    for (const directory of this.#leaf.directories.values()) {
      entries += directory.names.length;
      directory.names.forEach((_, row) => {
        if (directory.typeAt(row) === "file") bytes += directory.sizeAt(row);
      });
    }
    if (entries !== pointer.entries) {
      throw new ManifestFlaw(`it has ${entries} entries, but says ${pointer.entries}`);
    }
    if (bytes !== pointer.bytes) {
      throw new ManifestFlaw(`its files have ${bytes} bytes, but it says ${pointer.bytes}`);
    }
    const found = this.#leaf.directories.get("")?.subdirectories;
    if (found !== pointer.root.subdirectories) {
      const said = pointer.root.subdirectories;
      throw new ManifestFlaw(`its root has ${found} subdirectories, but says ${said}`);
    }
  }
}

/** The node of the root, which no directory has a row for. */
export function rootOf({ root }: Pointer): BaseNode {
  const [seconds, nanoseconds] = root.mtime;
  return {
    path: "",
    type: "directory",
    mode: root.mode,
    mtime: { seconds, nanoseconds },
    size: 0,
    nlink: 2 + root.subdirectories,
    identity: pathIdentity(""),
    signature: `${seconds}.${nanoseconds}`,
  };
}

/** The directory that `path` lies in and its name there; undefined for the root. */
export function placeOf(
  path: string,
): { readonly parent: string; readonly name: string } | undefined {
  const parent = parentOfBasePath(path);
  if (parent === undefined) return undefined;
  return { parent, name: parent === "" ? path : path.slice(parent.length + 1) };
}

/** What `directory` has under `name`, or null. */
export function foundIn(directory: ManifestDirectory | undefined, name: string): Found | null {
  const row = directory?.row(name);
  if (!directory || row === undefined) return null;
  const content = directory.typeAt(row) === "file" ? directory.contentAt(row) : undefined;
  return { node: directory.nodeAt(row), content };
}

/** All that is in `directory`. */
export function entriesOf(directory: ManifestDirectory): BaseEntry[] {
  return directory.names.map((name, row) => ({ name, node: directory.nodeAt(row) }));
}
