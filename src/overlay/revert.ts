/**
 * Revert: forgetting what was recorded at and below a path, so that the base shines through again. All of it is found and
 * checked first, then applied as one step; inodes stay the objects they are, so what is open or known to a kernel stays
 * good.
 */
import { type BaseNode, joinBasePath, parentOfBasePath, pathIdentity } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { attributesDiffer, type Difference, differences, Records } from "./changes.ts";
import { type Inode, noXattrs, type Place } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { child, inodeOfBase, namesOf } from "./lookup.ts";
import { isAtOrBelow, Selection } from "./selection.ts";

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
  /** What the name means now; undefined for a deleted name. */
  readonly inode: Inode | undefined;
  /** What will shine through under the name again, where that is no directory. */
  readonly shining: Inode | undefined;
  /**
   * What is below a deleted directory that shines through again, and gets a name back with it: files, one mention a name,
   * and directories that are open still, that one among them.
   */
  readonly returning: readonly Inode[];
  readonly past: Past | undefined;
}

/** Where a renamed object returns to. */
interface Past {
  readonly parent: Inode;
  readonly name: string;
  readonly path: string;
  /** What the base has there, which may be another object by now. */
  readonly base: BaseNode | null;
  /** The inode of that where it is no directory. */
  readonly shining: Inode | undefined;
}

/** See `Overlay.revert`. */
export function* revert(
  layers: Layers,
  root: Inode,
  paths: readonly string[],
): Operation<Reverted[]> {
  return yield* layers.alone(function* () {
    const { steps, named } = yield* layers.gather(() => gatherSteps(layers, root, paths));
    return apply(layers, steps, named);
  });
}

/** The names that are recorded as meaning an inode. */
interface Named {
  /** Those by which the base has it. */
  readonly homes: readonly Place[];
  /** How many others there are. */
  readonly added: number;
}

type NamedFiles = ReadonlyMap<Inode, Named>;

function* gatherSteps(
  layers: Layers,
  root: Inode,
  paths: readonly string[],
): Operation<{ steps: Step[]; named: NamedFiles }> {
  // The records have to show everything applied; what is applied while they are loaded makes us gather again, but new
  // changes wait for us, so this comes to an end.
  yield* layers.writeback.commit("relaxed");
  const records = yield* Records.load(layers);
  const all = yield* differences(layers, records);
  const selection = new Selection(records, all);
  for (const path of paths) selection.addPath(path);
  const selected = selection.differences;
  const steps: Step[] = [];
  // What returns with a deleted directory may have other names: they are added while we go.
  for (const difference of selected) {
    const { change } = difference;
    const parent = yield* walk(layers, root, parentOfBasePath(change.path) ?? "");
    if (!parent) throw new FsError("ENOENT", { syscall: "revert", path: change.path });
    yield* namesOf(layers, parent);
    const step = yield* gatherStep(layers, root, records, all, selected, difference, parent);
    steps.push(step);
    for (const { identity } of step.returning) selection.addNamesOf(identity);
  }
  const named = new Map<Inode, Named>();
  for (const { inode, shining, past, returning } of steps) {
    for (const file of [inode, shining, past?.shining, ...returning]) {
      if (file && !file.isDirectory)
        named.set(file, yield* namesOfFile(layers, root, records, file));
    }
  }
  return { steps, named };
}

function* namesOfFile(
  layers: Layers,
  root: Inode,
  records: Records,
  file: Inode,
): Operation<Named> {
  const homes: Place[] = [];
  let added = 0;
  for (const { parent, name, record } of records.namesOf.get(file.ino) ?? []) {
    if (record.whiteout) continue;
    if (record.origin === undefined) {
      added += 1;
      continue;
    }
    const directory = yield* walk(layers, root, records.pathOf(parent));
    if (!directory) continue;
    yield* namesOf(layers, directory);
    homes.push({ parent: directory, name });
  }
  return { homes, added };
}

function* gatherStep(
  layers: Layers,
  root: Inode,
  records: Records,
  all: readonly Difference[],
  selected: ReadonlySet<Difference>,
  difference: Difference,
  parent: Inode,
): Operation<Step> {
  const { change, name, base } = difference;
  const isDeleted = change.state === "deleted";
  const isRoot = change.path === "";
  const inode = isRoot ? parent : isDeleted ? undefined : yield* child(layers, parent, name);
  if (inode?.isDirectory) yield* namesOf(layers, inode);
  const shining =
    base && base.type !== "directory"
      ? yield* inodeOfBase(layers, base, { parent, name })
      : undefined;
  const returning: Inode[] = [];
  const hidden = hiddenDirectory(layers, records, difference);
  if (hidden) yield* gatherReturning(layers, records, parent, name, hidden, returning);
  const past =
    change.from === undefined
      ? undefined
      : yield* pastOf(layers, root, records, all, selected, change.from, change.path);
  return { difference, parent, inode, shining, returning, past };
}

/** The deleted directory of the base that shines through again once `difference` is reverted, whatever has its name now. */
function hiddenDirectory(
  layers: Layers,
  records: Records,
  { base, node }: Difference,
): BaseNode | undefined {
  if (base?.type !== "directory" || node?.identity === base.identity) return undefined;
  return isMoved(layers, records, base) ? undefined : base;
}

/** The files below the hidden base directory `base` whose link count knows of names that are gone. */
function* gatherReturning(
  layers: Layers,
  records: Records,
  parent: Inode,
  name: string,
  base: BaseNode,
  returning: Inode[],
): Operation<void> {
  const directory = yield* inodeOfBase(layers, base, { parent, name });
  yield* namesOf(layers, directory);
  if (directory.removed) returning.push(directory);
  for (const { name, node } of yield* layers.base.list(base.path)) {
    if (node.type === "directory") {
      if (isMoved(layers, records, node)) continue;
      yield* gatherReturning(layers, records, directory, name, node, returning);
      continue;
    }
    const inode = yield* inodeOfBase(layers, node, { parent: directory, name });
    if (inode.recorded || node.nlink > 1) returning.push(inode);
  }
}

/** Whether the base directory lives on in the overlay, under another name. */
function isMoved(layers: Layers, records: Records, { identity }: BaseNode): boolean {
  const ino = layers.aliases.get(identity) ?? layers.hash(identity);
  if (records.nodes.get(ino)?.identity !== identity) return false;
  const names = records.namesOf.get(ino) ?? [];
  return names.some(({ record }) => !record.whiteout && record.origin === undefined);
}

/**
 * Where a renamed object returns to; refused if that place is gone or taken and not reverted too. Undefined where the base
 * has no such directory any more: then there is nothing to return to.
 */
function* pastOf(
  layers: Layers,
  root: Inode,
  records: Records,
  all: readonly Difference[],
  selected: ReadonlySet<Difference>,
  from: string,
  path: string,
): Operation<Past | undefined> {
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
  const isThere = alive && (alive === root || alive.identity === pathIdentity(directory));
  const returns = (difference: Difference): boolean => {
    const hidden = hiddenDirectory(layers, records, difference);
    return hidden !== undefined && isAtOrBelow(directory, hidden.path);
  };
  if (!isThere && ![...selected].some(returns)) {
    if ((yield* layers.base.lookup(directory))?.type !== "directory") return undefined;
    throw new FsError("ENOENT", {
      syscall: "revert",
      path,
      dest: oldPath,
      reason: `it came from ${from}, whose directory is deleted; revert ${directory} too`,
    });
  }
  const parent = isThere ? alive : yield* baseDirectory(layers, root, directory);
  yield* namesOf(layers, parent);
  const base = yield* layers.base.lookup(from);
  const isFile = base !== null && base.type !== "directory";
  const shining = isFile ? yield* inodeOfBase(layers, base, { parent, name }) : undefined;
  return { parent, name, path: oldPath, base, shining };
}

/** The inode of a base directory that is hidden now. */
function* baseDirectory(layers: Layers, root: Inode, path: string): Operation<Inode> {
  const above = parentOfBasePath(path);
  if (above === undefined) return root;
  const known = layers.inodes.of(pathIdentity(path));
  if (known) return known;
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

function apply(layers: Layers, steps: readonly Step[], named: NamedFiles): Reverted[] {
  // The deepest first: what was moved into a new directory leaves it before that goes.
  const ordered = [...steps].sort((a, b) =>
    a.difference.change.path < b.difference.change.path ? 1 : -1,
  );
  const application = new Application(layers, named);
  for (const step of ordered) application.take(step);
  return application.finish();
}

/** The steps of a revert as they are applied: which names came back, and whose link counts that moves. */
class Application {
  readonly #layers: Layers;
  readonly #named: NamedFiles;
  /** How many names of a file are gone by which the base does not have it. */
  readonly #dropped = new Map<Inode, number>();
  readonly #reverted: Reverted[] = [];
  readonly #directories = new Set<Inode>();
  readonly #files = new Set<Inode>();

  constructor(layers: Layers, named: NamedFiles) {
    this.#layers = layers;
    this.#named = named;
  }

  take(step: Step): void {
    const { difference, parent, inode, past, shining, returning } = step;
    const { change, name, base } = difference;
    const keepsName = change.path === "" || change.state === "attributes";
    if (inode?.isDirectory && keepsName && !isLostDirectory(inode)) {
      resetAttributes(inode);
      this.#directories.add(inode);
      this.#reverted.push({ path: change.path, parent, name });
      return;
    }
    this.#forget(parent, name, change.path, base, shining);
    for (const one of returning) {
      if (one.isDirectory) this.#revive(one);
      else this.#gainName(one);
      this.#restore(one);
    }
    if (!inode) return;
    if (past && parent !== past.parent) this.#directories.add(past.parent);
    if (past) {
      this.#forget(past.parent, past.name, past.path, past.base, past.shining);
      if (inode.isDirectory) inode.parent = past.parent;
      // Where the base has another object by now, or none, this is not what the name means.
      if (inode.isDirectory || past.shining === inode) {
        inode.place = { parent: past.parent, name: past.name };
      }
    }
    if (inode.identity === undefined || isLostDirectory(inode)) this.#dropCreated(inode);
    else this.#restore(inode);
  }

  finish(): Reverted[] {
    for (const file of this.#files) this.#settle(file);
    for (const directory of this.#directories) tidy(this.#layers, directory);
    return this.#reverted;
  }

  /** Forgets what is recorded for a name; each name once. */
  #forget(
    parent: Inode,
    name: string,
    path: string,
    base: BaseNode | null,
    shining: Inode | undefined,
  ): void {
    const record = parent.names?.get(name);
    if (!record) return;
    this.#layers.forgetName(parent, name);
    this.#directories.add(parent);
    this.#reverted.push({ path, parent, name });
    if (isDirectoryNode(base)) parent.nlinkDelta += 1;
    else if (shining) {
      // A name that the base got under one of ours was never taken from it.
      const wasTaken = record.whiteout || record.hides || record.ino === shining.ino;
      if (wasTaken) this.#gainName(shining);
      this.#restore(shining);
      shining.place = { parent, name };
    }
    if (record.whiteout) return;
    const lost = this.#layers.inodes.at(record.ino);
    if (record.type === "directory") parent.nlinkDelta -= 1;
    else if (lost) this.#loseName(lost, record.origin === undefined);
  }

  /** What is still open though its names are gone has one again: the object stays the same. */
  #revive(inode: Inode): void {
    if (!inode.removed) return;
    inode.removed = false;
    if (inode.isDirectory) inode.nlinkDelta = 0;
    this.#layers.writeback.orphan(inode.ino, false);
  }

  #gainName(file: Inode): void {
    this.#revive(file);
    // Its record went with its last name: as long as nothing else is known, all of the base's names are gone.
    if (!file.recorded && !this.#files.has(file)) file.nlinkDelta = -(file.base?.nlink ?? 0);
    this.#files.add(file);
    file.nlinkDelta += 1;
  }

  #loseName(file: Inode, isAdded: boolean): void {
    this.#files.add(file);
    file.nlinkDelta -= 1;
    if (isAdded) this.#dropped.set(file, (this.#dropped.get(file) ?? 0) + 1);
  }

  #dropCreated(inode: Inode): void {
    for (const name of [...(inode.names?.keys() ?? [])]) this.#layers.forgetName(inode, name);
    if (!inode.isDirectory) return;
    inode.removed = true;
    this.#layers.dropInode(inode);
  }

  /** Makes a base object what the base says. */
  #restore(inode: Inode): void {
    resetAttributes(inode);
    if (inode.content) this.#layers.writeback.dropContent(inode.content.id);
    inode.content = undefined;
    inode.cuts += 1;
    (inode.isDirectory ? this.#directories : this.#files).add(inode);
  }

  /** Gives a file whose names or data changed the record it needs now, or none. */
  #settle(file: Inode): void {
    const named = this.#named.get(file);
    if (named && file.identity !== undefined) {
      // Of a link group that the base has changed more may have been counted than there are.
      const added = named.added - (this.#dropped.get(file) ?? 0);
      file.nlinkDelta = Math.min(file.nlinkDelta, added);
    }
    if (file.nlink <= 0) {
      file.nlinkDelta += 1;
      this.#layers.unlinkInode(file, this.#layers.now());
    } else if (file.nlinkDelta !== 0 || !isPristine(file)) {
      this.#layers.record(file);
    } else {
      // The base says all of it: the names it has there anyway need no record either.
      for (const { parent, name } of named?.homes ?? []) {
        this.#layers.forgetName(parent, name);
        this.#directories.add(parent);
        file.place = { parent, name };
      }
      forgetRecord(this.#layers, file);
    }
  }
}

/** Whether the base has lost a directory of its own: nothing shines through, it goes with what is ours in it. */
function isLostDirectory(inode: Inode): boolean {
  return inode.isDirectory && inode.identity !== undefined && !inode.base;
}

function isPristine(inode: Inode): boolean {
  return (
    inode.identity !== undefined &&
    !inode.content &&
    Object.keys(inode.own).length === 0 &&
    inode.xattrs.size === 0
  );
}

function resetAttributes(inode: Inode): void {
  for (const key of Object.keys(inode.own)) delete inode.own[key as keyof typeof inode.own];
  inode.xattrs = noXattrs;
}

/**
 * Records a directory whose names changed. Once all that is left in one of the base are the base's own names, its times,
 * which moved with them, are the base's too; where nothing is recorded any more it needs no record either.
 */
function tidy(layers: Layers, directory: Inode): void {
  const { names, place, parent, removed } = directory;
  if (removed) return;
  const isAsInBase =
    hasBaseNames(directory) && isAtHome(directory) && hasBaseAttributes(layers, directory);
  if (isAsInBase) forgetTimes(directory);
  if (!isAsInBase || names?.size !== 0 || !isPristine(directory)) {
    layers.record(directory);
    return;
  }
  forgetRecord(layers, directory);
  const home = parent ?? place?.parent;
  if (!home?.names || directory.origin === undefined) return;
  for (const [name, record] of home.names) {
    if (!record.whiteout && record.ino === directory.ino) {
      layers.forgetName(home, name);
      // Nothing shines through where the base has lost it.
      if (!directory.base) home.nlinkDelta -= 1;
      directory.place = { parent: home, name };
      tidy(layers, home);
      return;
    }
  }
}

/** Whether a directory is the base's and no name in it means anything else than there. */
function hasBaseNames({ identity, names, nlinkDelta }: Inode): boolean {
  if (identity === undefined || nlinkDelta !== 0 || !names) return false;
  for (const record of names.values()) {
    if (record.whiteout || record.origin === undefined) return false;
  }
  return true;
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

/** Whether nobody set an attribute to anything else than what the base has. */
function hasBaseAttributes(layers: Layers, inode: Inode): boolean {
  return !attributesDiffer(layers, inode.toRecord(), inode.base ?? null);
}

function forgetTimes({ own }: Inode): void {
  for (const key of ["atime", "mtime", "ctime", "btime"] as const) delete own[key];
}

function forgetRecord(layers: Layers, inode: Inode): void {
  if (!inode.recorded) return;
  inode.recorded = false;
  inode.signature = inode.base?.signature;
  layers.writeback.node(inode.ino, null);
  layers.forgetAlias(inode.identity);
}

function isDirectoryNode(base: BaseNode | null): boolean {
  return base?.type === "directory";
}
