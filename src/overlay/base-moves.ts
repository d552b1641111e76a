/**
 * When the base moves under the changes: what that means for each of them (semantics: ours is never lost, versions are
 * never mixed, and that the base moved is never hidden), and keeping reachable what lies in directories it has lost.
 */
import {
  type BaseNode,
  joinBasePath,
  parentOfBasePath,
  pastFile,
  pathIdentity,
} from "../base/base.ts";
import type { Operation } from "../operation.ts";
import type { ContentRecord, HiddenObject, NodeRecord } from "../storage/storage.ts";
import { Inode, rootIno } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { inodeOfBase, namesOf, numberOf } from "./lookup.ts";

/** What the base did, since a change was made, to what that change depends on. */
export type BaseMove =
  /** Only attributes or the name are ours: the base's new content shows. */
  | "behind"
  /** The base changed it too, or dropped it; what is read is ours. */
  | "conflict"
  /** The base changed or dropped it, and what is not held locally cannot be read any more. */
  | "broken"
  /** The base has got an object of its own under this name; ours shows. */
  | "both-added"
  /** The base changed or dropped what is deleted here; it stays deleted. */
  | "changed"
  /** The base has lost what this is a new name or other attributes of. */
  | "origin-missing";

/** Whether the base had the object of a node record under several names. */
export function isOfLinkGroup({ identity }: NodeRecord): boolean {
  return identity?.startsWith("link:") === true;
}

/** What the base did to the object of a node record. `isInPlace`: it stands under the name the base had it by. */
export function* moveUnderNode(
  layers: Layers,
  node: NodeRecord,
  isInPlace: boolean,
): Operation<BaseMove | undefined> {
  const { base, chunkSize } = layers;
  const { content, origin } = node;
  const source = content?.source;
  if (content && source) {
    const below = yield* base.lookup(source.path);
    if (below?.signature === source.signature || isHeld(content, chunkSize)) return undefined;
    return (yield* pastFile(base, source.path, source.signature)) ? undefined : "broken";
  }
  if (origin === undefined) return undefined;
  const below = yield* base.lookup(origin);
  const isLost = below?.type !== node.type;
  if (!isLost && (node.type === "directory" || below.signature === node.signature))
    return undefined;
  if (content && !isHeld(content, chunkSize)) {
    const past = yield* pastFile(base, origin, node.signature);
    if (!past) return "broken";
  }
  if (isLost && !(content && isInPlace)) return "origin-missing";
  return content ? "conflict" : "behind";
}

/** What the base did to an object that is hidden; `below` is what it has there now. */
export function moveUnderHidden(
  hides: HiddenObject | undefined,
  below: BaseNode | null,
): "changed" | undefined {
  if (!hides || hides.signature === "") return undefined;
  return below?.signature === hides.signature ? undefined : "changed";
}

/** Whether all that shows of the base below is held locally. */
function isHeld({ baseLength, chunks }: ContentRecord, chunkSize: number): boolean {
  const needed = Math.ceil(baseLength / chunkSize);
  return needed === 0 || (chunks[0] === 0 && (chunks[1] ?? 0) >= needed);
}

/**
 * Gives a name record to each recorded directory that was found through the base and that the base has lost, and to
 * those above it: what is ours in there would have no way leading to it any more.
 */
export function* keepReachable(layers: Layers): Operation<void> {
  const lost: string[] = [];
  for (const { type, origin, identity } of yield* layers.storage.allNodes()) {
    if (type !== "directory" || !origin || identity !== pathIdentity(origin)) continue;
    if ((yield* layers.base.lookup(origin))?.type !== "directory") lost.push(origin);
  }
  if (lost.length === 0) return;
  const named = new Set<number>();
  for (const { record } of yield* layers.storage.allNames()) {
    if (!record.whiteout) named.add(record.ino);
  }
  for (const origin of lost) yield* lostDirectory(layers, origin, named);
  yield* layers.writeback.commit("relaxed");
}

/** The inode of the base's directory `origin`; one that the base has lost gets a name record. */
function* directoryOf(layers: Layers, origin: string, named: Set<number>): Operation<Inode> {
  const known =
    layers.inodes.of(pathIdentity(origin)) ?? (origin === "" && layers.inodes.at(rootIno));
  if (known) return known;
  const node = yield* layers.base.lookup(origin);
  if (node?.type !== "directory") return yield* lostDirectory(layers, origin, named);
  const parent = yield* directoryOf(layers, parentOfBasePath(origin) ?? "", named);
  return yield* inodeOfBase(layers, node, { parent, name: nameOf(origin) });
}

function* lostDirectory(layers: Layers, origin: string, named: Set<number>): Operation<Inode> {
  const identity = pathIdentity(origin);
  const parent = yield* directoryOf(layers, parentOfBasePath(origin) ?? "", named);
  const known = layers.inodes.of(identity);
  if (known) return known;
  const { ino, record } = yield* numberOf(layers, identity);
  const inode = new Inode(ino, "directory", {
    record: record ?? { ino, type: "directory", identity, origin, nlink: 0 },
  });
  inode.recorded = record !== undefined;
  inode.parent = parent;
  layers.inodes.add(inode);
  const names = yield* namesOf(layers, parent);
  const name = nameOf(origin);
  if (named.has(ino) || names.has(name)) return inode;
  layers.record(inode);
  layers.record(parent);
  layers.setName(parent, name, inode, { origin });
  named.add(ino);
  return inode;
}

/** The last name of a base path. */
function nameOf(path: string): string {
  const parent = parentOfBasePath(path) ?? "";
  return parent === "" ? path : path.slice(joinBasePath(parent, "").length);
}
