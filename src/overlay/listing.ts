/**
 * Merged directory listings: the base's names less whiteouts and less what is recorded, then the recorded names. A
 * listing is a snapshot taken when the directory is opened; an index into it is a stable cookie, and removing names while
 * iterating finishes in one pass.
 */
import type { FileType } from "../attributes.ts";
import type { BaseEntry, BaseNode } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { NameRecord } from "../storage/storage.ts";
import type { Inode } from "./inode.ts";
import { child, inodeOfBase, type LookupLayers, namesOf } from "./lookup.ts";

/** What listing needs of `Layers`. */
export interface ListingLayers extends LookupLayers {
  gather<T>(gathering: () => Operation<T>): Operation<T>;
}

/** A name in a listing. */
export interface ListingEntry {
  readonly name: string;
  readonly type: FileType;
  /**
   * The number of what the name means, where the base tells more of it only at the cost of a request: whoever wants no
   * attributes need not ask.
   */
  readonly ino?: number;
  /** What the base said of it when the listing was taken; undefined for recorded names, and where that is not all. */
  readonly node?: BaseNode;
}

/** A snapshot of a directory's names; "." and ".." are not in it. An index is a stable cookie. */
export class Listing {
  readonly directory: Inode;
  readonly #entries: readonly ListingEntry[];

  constructor(directory: Inode, entries: readonly ListingEntry[]) {
    this.directory = directory;
    this.#entries = entries;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** The entry at `index`, from 0 to before `length`. */
  entry(index: number): ListingEntry {
    const entry = this.#entries[index];
    if (!entry) throw new RangeError(`a listing of ${this.length} has no entry ${index}`);
    return entry;
  }
}

/**
 * The merged names of `directory` as they are now.
 * @throws ENOTDIR it is none
 * @throws EIO the base cannot be asked
 */
export function* list(layers: ListingLayers, directory: Inode): Operation<Listing> {
  const { names, base } = yield* layers.gather(() => gatherNames(layers, directory));
  const entries: ListingEntry[] = [];
  const isCostly = layers.base.capabilities.listing === "names";
  for (const { name, node } of base) {
    if (names.has(name)) continue;
    const { type, identity } = node;
    if (isCostly) entries.push({ name, type, ino: numberOf(layers, identity) });
    else entries.push({ name, type, node });
  }
  for (const [name, record] of names) {
    if (!record.whiteout) entries.push({ name, type: record.type });
  }
  return new Listing(directory, entries);
}

/** The number that the base object of this identity has, or will be given unless another one's hash is the same. */
function numberOf(layers: LookupLayers, identity: string): number {
  const { inodes, aliases, hash } = layers;
  return inodes.of(identity)?.ino ?? aliases.get(identity) ?? hash(identity);
}

/** Whether no name is left in `directory`: judged on the merged list. */
export function* isEmpty(layers: LookupLayers, directory: Inode): Operation<boolean> {
  const { names, base } = yield* gatherNames(layers, directory);
  for (const record of names.values()) if (!record.whiteout) return false;
  return base.every(({ name }) => names.has(name));
}

/** The inode an entry means now, or undefined if the name is gone since. */
export function* listed(
  layers: LookupLayers,
  listing: Listing,
  index: number,
): Operation<Inode | undefined> {
  const { directory } = listing;
  if (directory.removed) return undefined;
  const { name, node } = listing.entry(index);
  if (node && isStillSo(layers, directory, name, node)) {
    return yield* inodeOfBase(layers, node, { parent: directory, name });
  }
  return yield* child(layers, directory, name);
}

/**
 * Whether what the base said when the listing was taken may be believed, so that it need not be asked for every name
 * again: nothing is recorded of the name since, and nothing later was heard from the base.
 */
function isStillSo(layers: LookupLayers, directory: Inode, name: string, node: BaseNode): boolean {
  if (directory.names?.has(name) !== false) return false;
  const known = layers.inodes.of(node.identity);
  return !known || known.base?.signature === node.signature;
}

function* gatherNames(
  layers: LookupLayers,
  directory: Inode,
): Operation<{
  names: ReadonlyMap<string, NameRecord>;
  base: readonly BaseEntry[];
}> {
  const names = yield* namesOf(layers, directory);
  const { base, origin, removed } = directory;
  const showsBase = base && origin !== undefined && !removed;
  if (!showsBase) return { names, base: [] };
  try {
    return { names, base: yield* layers.base.list(origin) };
  } catch (error) {
    const isLost = error instanceof FsError && ["ENOENT", "ENOTDIR"].includes(error.code);
    // What we have in it stays when the base has lost the directory.
    if (isLost && directory.recorded) return { names, base: [] };
    throw error;
  }
}
