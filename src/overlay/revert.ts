/**
 * Revert: forgetting what was recorded at and below a path, so that the base shines through again. All of it is found and
 * checked first, then applied as one step; inodes stay the objects they are, so what is open or known to a kernel stays
 * good.
 */
import { type BaseNode, joinBasePath, parentOfBasePath, pathIdentity } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { type Difference, differences, Records } from "./changes.ts";
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { child, inodeOfBase, namesOf } from "./lookup.ts";

/** A name that means something else after a revert. */
export interface Reverted {
  readonly path: string;
  readonly parent: Inode;
  readonly name: string;
}

/** A difference that is to be reverted, with the inodes it is about. */
interface Step {
  readonly difference: Difference;
  readonly parent: Inode;
  /** What the name means now; of a deleted name: the base object that returns, where it has other names. */
  readonly inode: Inode | undefined;
  /** Where a renamed object returns to. */
  readonly past:
    | { readonly parent: Inode; readonly name: string; readonly path: string }
    | undefined;
}

/** See `Overlay.revert`. */
export function* revert(
  layers: Layers,
  root: Inode,
  paths: readonly string[],
): Operation<Reverted[]> {
  const steps = yield* layers.gather(() => gatherSteps(layers, root, paths));
  return apply(layers, steps);
}

function* gatherSteps(layers: Layers, root: Inode, paths: readonly string[]): Operation<Step[]> {
  const records = yield* Records.load(layers);
  const all = yield* differences(layers, records);
  const selected = new Set<Difference>();
  for (const path of paths) {
    const found = all.filter(
      ({ change }) => isAtOrBelow(change.path, path) || change.from === path,
    );
    if (found.length === 0) {
      throw new FsError("ENOENT", {
        syscall: "revert",
        path,
        reason: "nothing differs from the base there",
      });
    }
    for (const difference of found) selected.add(difference);
  }
  addOtherNames(all, selected);
  const steps: Step[] = [];
  for (const difference of selected) {
    const { change, name } = difference;
    const parent = yield* walk(layers, root, parentOfBasePath(change.path) ?? "");
    if (!parent) throw new FsError("ENOENT", { syscall: "revert", path: change.path });
    yield* namesOf(layers, parent);
    const inode = yield* subject(layers, parent, name, difference);
    const past =
      change.from === undefined
        ? undefined
        : yield* pastOf(layers, root, records, all, selected, change.from, change.path);
    if (inode?.isDirectory) yield* namesOf(layers, inode);
    steps.push({ difference, parent, inode, past });
  }
  return steps;
}

/** What a step is about. */
function* subject(
  layers: Layers,
  parent: Inode,
  name: string,
  { change, base }: Difference,
): Operation<Inode | undefined> {
  if (change.path === "") return parent;
  if (change.state !== "deleted") return yield* child(layers, parent, name);
  return base && base.type !== "directory" && base.nlink > 1
    ? yield* inodeOfBase(layers, base, { parent, name })
    : undefined;
}

/** An object that was renamed or linked lives under several names: they are reverted together. */
function addOtherNames(all: readonly Difference[], selected: Set<Difference>): void {
  const inos = new Set<number>();
  for (const { node } of selected) if (node?.identity !== undefined) inos.add(node.ino);
  for (const difference of all) {
    const { node } = difference;
    if (node?.identity !== undefined && inos.has(node.ino)) selected.add(difference);
  }
}

/** Where a renamed object returns to; refused if that place is gone or taken and not reverted too. */
function* pastOf(
  layers: Layers,
  root: Inode,
  records: Records,
  all: readonly Difference[],
  selected: ReadonlySet<Difference>,
  from: string,
  path: string,
): Operation<{ parent: Inode; name: string; path: string }> {
  const directory = parentOfBasePath(from) ?? "";
  const name = directory === "" ? from : from.slice(directory.length + 1);
  const directoryPath = records.pathOfBase(directory);
  const oldPath = joinBasePath(directoryPath, name);
  const taken = all.find(({ change }) => change.path === oldPath && change.state !== "deleted");
  if (taken && !selected.has(taken)) {
    throw new FsError("EEXIST", {
      syscall: "revert",
      path,
      dest: oldPath,
      reason: `it came from ${oldPath}, where something else is now; revert ${oldPath} too`,
    });
  }
  const alive = yield* walk(layers, root, directoryPath);
  const returns = [...selected].some(
    ({ change, base }) => change.state === "deleted" && base && isAtOrBelow(directory, base.path),
  );
  const isThere = alive && (alive === root || alive.identity === pathIdentity(directory));
  if (!isThere && !returns) {
    throw new FsError("ENOENT", {
      syscall: "revert",
      path,
      dest: oldPath,
      reason: `it came from ${from}, whose directory is deleted; revert ${directory} too`,
    });
  }
  const parent = isThere ? alive : yield* baseDirectory(layers, root, directory);
  yield* namesOf(layers, parent);
  return { parent, name, path: oldPath };
}

/** The inode of a base directory that is hidden now. */
function* baseDirectory(layers: Layers, root: Inode, path: string): Operation<Inode> {
  const above = parentOfBasePath(path);
  if (above === undefined) return root;
  const known = layers.inodes.of(pathIdentity(path));
  if (known && !known.removed) return known;
  const parent = yield* baseDirectory(layers, root, above);
  const node = yield* layers.base.lookup(path);
  if (!node)
    throw new FsError("ENOENT", {
      syscall: "revert",
      path,
      reason: "the base has lost it",
    });
  const name = above === "" ? path : path.slice(above.length + 1);
  return yield* inodeOfBase(layers, node, { parent, name });
}

/** The inode at an overlay path, or undefined. */
function* walk(layers: Layers, root: Inode, path: string): Operation<Inode | undefined> {
  let at: Inode | undefined = root;
  for (const name of path === "" ? [] : path.split("/")) {
    if (!at?.isDirectory) return undefined;
    at = yield* child(layers, at, name);
  }
  return at;
}

function apply(layers: Layers, steps: readonly Step[]): Reverted[] {
  const reverted: Reverted[] = [];
  const directories = new Set<Inode>();
  const forget = (parent: Inode, name: string, path: string): void => {
    layers.forgetName(parent, name);
    directories.add(parent);
    reverted.push({ path, parent, name });
  };
  // The deepest first: what was moved into a new directory leaves it before that goes.
  const ordered = [...steps].sort((a, b) =>
    a.difference.change.path < b.difference.change.path ? 1 : -1,
  );
  for (const { difference, parent, inode, past } of ordered) {
    const { change, name, base } = difference;
    if (change.path === "") {
      resetAttributes(parent);
      layers.record(parent);
      directories.add(parent);
      reverted.push({ path: "", parent, name: "" });
      continue;
    }
    if (change.state === "deleted") {
      forget(parent, name, change.path);
      if (isDirectoryNode(base)) parent.nlinkDelta += 1;
      if (inode?.recorded) {
        inode.nlinkDelta += 1;
        restore(layers, inode);
      }
      continue;
    }
    if (!inode) throw new Error("bug: a change without an inode");
    const isOwnPlace = change.state === "modified" || change.state === "attributes";
    if (isOwnPlace && inode.isDirectory) {
      resetAttributes(inode);
      layers.record(inode);
      directories.add(inode);
      reverted.push({ path: change.path, parent, name });
      continue;
    }
    forget(parent, name, change.path);
    if (!isOwnPlace) {
      const returning = Number(isDirectoryNode(base));
      parent.nlinkDelta += returning - Number(inode.isDirectory);
    }
    if (inode.identity === undefined) dropCreated(layers, inode);
    else if (past) {
      forget(past.parent, past.name, past.path);
      if (inode.isDirectory) {
        inode.parent = past.parent;
        past.parent.nlinkDelta += 1;
        directories.add(inode);
      }
      inode.place = { parent: past.parent, name: past.name };
      restore(layers, inode);
    } else {
      if (change.linkTo !== undefined) inode.nlinkDelta -= 1;
      restore(layers, inode);
    }
  }
  for (const directory of directories) tidy(layers, directory);
  return reverted;
}

function dropCreated(layers: Layers, inode: Inode): void {
  for (const name of [...(inode.names?.keys() ?? [])]) layers.forgetName(inode, name);
  layers.unlinkInode(inode, layers.now());
}

/** Makes a base object what the base says; its record goes as soon as its link count is the base's too. */
function restore(layers: Layers, inode: Inode): void {
  resetAttributes(inode);
  if (inode.content) layers.writeback.dropContent(inode.content.id);
  inode.content = undefined;
  inode.cuts += 1;
  if (inode.isDirectory) return;
  if (inode.nlinkDelta === 0) forgetRecord(layers, inode);
  else layers.record(inode);
}

function resetAttributes(inode: Inode): void {
  for (const key of Object.keys(inode.own)) delete inode.own[key as keyof typeof inode.own];
  inode.xattrs = new Map();
}

/** A base directory in which nothing is recorded any more needs no record either. */
function tidy(layers: Layers, directory: Inode): void {
  const { identity, names, nlinkDelta, place, parent, removed } = directory;
  if (removed || identity === undefined) return;
  if (!names || names.size > 0 || nlinkDelta !== 0) {
    layers.record(directory);
    return;
  }
  if (!isAtHome(directory) || !isUntouched(directory)) return;
  resetAttributes(directory);
  forgetRecord(layers, directory);
  const home = parent ?? place?.parent;
  if (!home?.names || directory.origin === undefined) return;
  for (const [name, record] of home.names) {
    if (!record.whiteout && record.ino === directory.ino) {
      layers.forgetName(home, name);
      return;
    }
  }
}

/** Whether a base directory stands where the base has it: under its parent's origin, by its own name. */
function isAtHome(directory: Inode): boolean {
  const { parent, origin } = directory;
  if (!parent) return true;
  if (origin === undefined || parent.origin === undefined) return false;
  if (parentOfBasePath(origin) !== parent.origin) return false;
  for (const record of parent.names?.values() ?? []) {
    if (!record.whiteout && record.ino === directory.ino) return record.origin !== undefined;
  }
  return true;
}

/** Whether nobody set an attribute: times that moved with the names do not count once the names are back. */
function isUntouched({ own, xattrs }: Inode): boolean {
  return (
    own.mode === undefined && own.uid === undefined && own.gid === undefined && xattrs.size === 0
  );
}

function forgetRecord(layers: Layers, inode: Inode): void {
  if (!inode.recorded) return;
  inode.recorded = false;
  inode.signature = inode.base?.signature;
  layers.writeback.node(inode.ino, null);
}

function isDirectoryNode(base: BaseNode | null): boolean {
  return base?.type === "directory";
}

function isAtOrBelow(path: string, top: string): boolean {
  return top === "" || path === top || path.startsWith(`${top}/`);
}
