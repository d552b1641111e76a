/**
 * The index of a manifest that is not inline: leaves under one list, or under pages of such lists, are fetched when they
 * are needed, verified, checked, and kept as long as there is room. Every leaf's address is known from the list, so what
 * several leaves hold is fetched side by side. A page loads this file for such a manifest only.
 */
import { FsError } from "../../errno.ts";
import { all, type Operation } from "../../operation.ts";
import type { BaseEntry } from "../base.ts";
import { ObjectCache } from "../cache.ts";
import { digestAt } from "./digests.ts";
import type { ManifestDirectory } from "./directory.ts";
import { type Branch, type LeafRecord, maxIndexBytes, type Pointer, readIndex } from "./format.ts";
import {
  entriesOf,
  type Found,
  foundIn,
  type ManifestIndex,
  placeOf,
  rootOf,
} from "./index-inline.ts";
import { Leaf, type LeafRange } from "./leaf.ts";
import { compareTreePaths, keyOf } from "./names.ts";
import { ManifestFlaw } from "./shape.ts";

/** Bytes of leaves' text kept, checked and ready: about sixty leaves. */
const keptBytes = 4 * 1024 * 1024;

/** Gets the object that a reference means, inflated and verified, of at most `maxBytes`. */
export type GetObject = (reference: string, maxBytes: number) => Operation<Uint8Array>;

/** See the head of this file. */
export class IndexTree implements ManifestIndex {
  readonly #pointer: Pointer;
  readonly #top: Branch;
  readonly #getObject: GetObject;
  /** By where they begin: what stands for two parts by one reference is checked as both. */
  readonly #leaves = new ObjectCache<Leaf>(keptBytes);
  readonly #pages = new ObjectCache<Page>(keptBytes);

  /** `pointer` has an index that is not inline. */
  constructor(pointer: Pointer, getObject: GetObject) {
    this.#pointer = pointer;
    this.#top = pointer.index as Branch;
    this.#getObject = getObject;
  }

  *find(path: string): Operation<Found | null> {
    const place = placeOf(path);
    if (!place) return { node: rootOf(this.#pointer), content: undefined };
    const { parent, name } = place;
    const { directories } = yield* this.#leafOf(keyOf(parent, name));
    return foundIn(directories.get(parent), name);
  }

  *list(path: string): Operation<readonly BaseEntry[] | undefined> {
    const parts = yield* this.#partsOf(path);
    return parts.length === 0 ? undefined : parts.flatMap(entriesOf);
  }

  /** The parts of a directory's record, which is in several leaves if it is large; none if there is no such directory. */
  *#partsOf(path: string): Operation<readonly ManifestDirectory[]> {
    const leaf = yield* this.#leafOf(path);
    const directory = leaf.directories.get(path);
    if (!directory) return [];
    const parts = [directory];
    if (!leaf.goesOn(path)) return parts;
    for (const { directories } of yield* this.#leavesFrom(path)) {
      const part = directories.get(path);
      if (part && part !== directory) parts.push(part);
    }
    return parts;
  }

  /** The leaf that holds `key`. */
  *#leafOf(key: string): Operation<Leaf> {
    let [branch, range] = [this.#top, wholeRange];
    let at = partOf(branch, key);
    if (branch.isOfPages) {
      range = rangeOf(branch, at, range);
      branch = yield* this.#page(branch, at, range);
      at = partOf(branch, key);
    }
    return yield* this.#leaf(branch, at, range);
  }

  /** All leaves that hold something of the directory at `path`, fetched side by side. */
  *#leavesFrom(path: string): Operation<Leaf[]> {
    const branch = this.#top;
    if (!branch.isOfPages) return yield* this.#leavesIn(branch, wholeRange, path);
    const pages = partsFrom(branch, path).map((at) => {
      const range = rangeOf(branch, at, wholeRange);
      return this.#leavesOfPage(branch, at, range, path);
    });
    return (yield* all(pages)).flat();
  }

  *#leavesOfPage(branch: Branch, at: number, range: LeafRange, path: string): Operation<Leaf[]> {
    return yield* this.#leavesIn(yield* this.#page(branch, at, range), range, path);
  }

  *#leavesIn(branch: Branch, range: LeafRange, path: string): Operation<Leaf[]> {
    return yield* all(partsFrom(branch, path).map((at) => this.#leaf(branch, at, range)));
  }

  *#leaf(branch: Branch, at: number, within: LeafRange): Operation<Leaf> {
    const reference = digestAt(branch.parts, at);
    const range = rangeOf(branch, at, within);
    return yield* this.#leaves.get(range.first, () => this.#fetchLeaf(reference, range));
  }

  *#fetchLeaf(reference: string, range: LeafRange): Operation<Leaf> {
    return yield* this.#fetch(reference, range, (index, length) => {
      if (!("directories" in index)) throw new ManifestFlaw("it is no leaf");
      return new Leaf(index, this.#pointer.layout, range, length);
    });
  }

  *#page(branch: Branch, at: number, range: LeafRange): Operation<Page> {
    const reference = digestAt(branch.parts, at);
    return yield* this.#pages.get(range.first, () => this.#fetchPage(reference, range));
  }

  *#fetchPage(reference: string, range: LeafRange): Operation<Page> {
    return yield* this.#fetch(reference, range, (index, length) => {
      if ("directories" in index || index.isOfPages) {
        throw new ManifestFlaw("it is no page of leaves");
      }
      const last = index.first.at(-1) as string;
      const isInside = range.next === undefined || compareTreePaths(last, range.next) < 0;
      if (index.first[0] !== range.first || !isInside) {
        throw new ManifestFlaw("it belongs elsewhere");
      }
      return { ...index, length };
    });
  }

  /** What `read` makes of a part of the index; a flaw is an error of the base, for the pointer vouches for what was fetched. */
  *#fetch<T>(
    reference: string,
    { first }: LeafRange,
    read: (index: LeafRecord | Branch, length: number) => T,
  ): Operation<T> {
    const bytes = yield* this.#getObject(reference, maxIndexBytes);
    try {
      return read(readIndex(parsed(bytes)), bytes.length);
    } catch (cause) {
      if (!(cause instanceof ManifestFlaw)) throw cause;
      const reason = `the part of the manifest's index that begins at '${first}' is refused: ${cause.message}; publish it again`;
      throw new FsError("EIO", { syscall: "read", reason, cause });
    }
  }
}

/** A branch that was fetched. */
type Page = Branch & { readonly length: number };

const wholeRange: LeafRange = { first: "", next: undefined };

/** The part of `branch` that holds `key`: the last one that does not begin after it. */
function partOf({ first }: Branch, key: string): number {
  let [low, high] = [0, first.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareTreePaths(first[middle] as string, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** All parts of `branch` that may hold something of the directory at `path`. */
function partsFrom(branch: Branch, path: string): number[] {
  const parts = [partOf(branch, path)];
  const rest = keyOf(path, "");
  for (let at = (parts[0] as number) + 1; branch.first[at]?.startsWith(rest); at += 1)
    parts.push(at);
  return parts;
}

/** The keys of part `at` of `branch`, which itself holds those of `within`. */
function rangeOf({ first }: Branch, at: number, within: LeafRange): LeafRange {
  return { first: first[at] as string, next: first[at + 1] ?? within.next };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // What the parser says of bytes that were compressed helps nobody.
    throw new ManifestFlaw("it is no JSON in UTF-8");
  }
}
