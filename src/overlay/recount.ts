/**
 * Link counts over a base that has moved. What is recorded is their difference from the base's count; where the base has
 * got or lost names since, it is another one, and a file that seems to lose its last name would be dropped while a name
 * of ours still leads to it.
 */
import { type BaseNode, joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { NameRecord, NodeRecord } from "../storage/storage.ts";
import { isOfLinkGroup } from "./base-moves.ts";
import { Inode, rootIno } from "./inode.ts";
import type { Layers } from "./layers.ts";

/** The base's object under each of some names that has one. */
type Below = ReadonlyMap<string, BaseNode>;

/**
 * Counts the subdirectories of every directory with name records, and the names of every recorded file of a link group;
 * of these rather too many than too few, because not all the names that the base has are known here. What the base does
 * not tell just now stays as it was counted.
 */
export function* recountLinks(layers: Layers): Operation<void> {
  const nodes = new Map<number, NodeRecord>();
  for (const node of yield* layers.storage.allNodes()) nodes.set(node.ino, node);
  const groups = new LinkGroups(nodes.values());
  for (const [ino, names] of byDirectory(yield* layers.storage.allNames())) {
    const origin = ino === rootIno ? "" : nodes.get(ino)?.origin;
    const below =
      origin === undefined ? noNames : yield* answered(namesBelow(layers, origin, names));
    for (const [name, record] of names) groups.count(record, below?.get(name));
    if (origin === undefined || !below) continue;
    let subdirectories = 0;
    for (const [name, record] of names) {
      if (!record.whiteout && record.type === "directory") subdirectories += 1;
      if (below.get(name)?.type === "directory") subdirectories -= 1;
    }
    const directory = layers.inodes.at(ino) ?? inodeOf(nodes.get(ino));
    if (directory) setLinks(layers, directory, subdirectories);
  }
  for (const { node, links } of groups) {
    setLinks(layers, inodeOf(node), Math.max(node.nlink, links));
  }
  yield* layers.writeback.commit("relaxed");
}

function byDirectory(
  all: readonly { readonly parent: number; readonly name: string; readonly record: NameRecord }[],
): Map<number, Map<string, NameRecord>> {
  const directories = new Map<number, Map<string, NameRecord>>();
  for (const { parent, name, record } of all) {
    const names = directories.get(parent);
    if (names) names.set(name, record);
    else directories.set(parent, new Map([[name, record]]));
  }
  return directories;
}

const noNames: Below = new Map();

/** The answer to `question`, or undefined if the base does not give one. */
function* answered<T>(question: Operation<T>): Operation<T | undefined> {
  try {
    return yield* question;
  } catch (error) {
    if (error instanceof FsError) return undefined;
    throw error;
  }
}

/** What the base has in the directory `origin` under `names`. */
function* namesBelow(
  { base }: Layers,
  origin: string,
  names: ReadonlyMap<string, NameRecord>,
): Operation<Below> {
  const below = new Map<string, BaseNode>();
  if (base.capabilities.listing === "names") {
    // To ask for every name would be a request each.
    const directory = yield* base.lookup(origin);
    const entries = directory?.type === "directory" ? yield* base.list(origin) : [];
    for (const { name, node } of entries) if (names.has(name)) below.set(name, node);
    return below;
  }
  for (const name of names.keys()) {
    const node = yield* base.lookup(joinBasePath(origin, name));
    if (node) below.set(name, node);
  }
  return below;
}

/** The recorded files of link groups, with how many more names there are of each than the base has. */
class LinkGroups {
  readonly #byIno = new Map<number, { readonly node: NodeRecord; links: number }>();
  readonly #byIdentity = new Map<string, { links: number }>();

  constructor(nodes: Iterable<NodeRecord>) {
    for (const node of nodes) {
      const { ino, identity } = node;
      if (identity === undefined || !isOfLinkGroup(node)) continue;
      const group = { node, links: 0 };
      this.#byIno.set(ino, group);
      this.#byIdentity.set(identity, group);
    }
  }

  /** Counts a name record over `below`, what the base has there if that is known. */
  count(record: NameRecord, below: BaseNode | undefined): void {
    const ours = record.whiteout ? undefined : this.#byIno.get(record.ino);
    const theirs = below && this.#byIdentity.get(below.identity);
    if (ours === theirs) return;
    if (ours) ours.links += 1;
    // A name that the base got under one of ours was never taken from anything.
    if (theirs && (record.whiteout || record.hides)) theirs.links -= 1;
  }

  [Symbol.iterator]() {
    return this.#byIno.values();
  }
}

function inodeOf(record: NodeRecord): Inode;
function inodeOf(record: NodeRecord | undefined): Inode | undefined;
function inodeOf(record: NodeRecord | undefined): Inode | undefined {
  return record && new Inode(record.ino, record.type, { record });
}

/** Nothing is in memory yet but directories: what is given to the write-back is what will be read. */
function setLinks(layers: Layers, inode: Inode, links: number): void {
  if (inode.nlinkDelta === links) return;
  inode.nlinkDelta = links;
  inode.recorded = true;
  layers.writeback.node(inode.ino, inode);
}
