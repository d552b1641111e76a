/**
 * Names: unlink, rmdir, rename, link, symlink; make.ts has what is new. Each is one step of the state in memory, so one
 * batch of the storage. Nothing is copied: a rename of anything, a directory of the base with all below it too, is a name
 * record and a node record whose origin is kept.
 */
import type { Time } from "../attributes.ts";
import { joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { HiddenObject } from "../storage/storage.ts";
import type { Inode } from "./inode.ts";
import type { Layers } from "./layers.ts";
import { isEmpty } from "./listing.ts";
import { baseChild, child, existingChild, namesOf } from "./lookup.ts";
import { type Context, make, refuseIfRemoved } from "./make.ts";

/** Flags of renameat2(2). */
export interface RenameFlags {
  readonly noReplace?: boolean;
  readonly exchange?: boolean;
}

/**
 * Makes a symlink.
 * @throws ENOENT an empty target; ENAMETOOLONG one of more than 4,095 bytes; else as `make`
 */
export function* symlink(
  layers: Layers,
  parent: Inode,
  name: string,
  target: string,
  context: Context,
): Operation<Inode> {
  if (target === "") throw new FsError("ENOENT");
  if (new TextEncoder().encode(target).length > 4095) throw new FsError("ENAMETOOLONG");
  return yield* make(layers, parent, name, { type: "symlink", mode: 0o777, target }, context);
}

/**
 * Gives `inode` another name.
 * @throws EPERM it is a directory
 * @throws ENOENT its last name is gone
 * @throws EEXIST, ENOENT, ENOTDIR, ENAMETOOLONG, EILSEQ, ENOSPC, EROFS, EIO nothing changed
 */
export function* link(layers: Layers, inode: Inode, parent: Inode, name: string): Operation<void> {
  yield* layers.admit();
  const origin = yield* layers.gather(function* () {
    yield* namesOf(layers, parent);
    if (yield* child(layers, parent, name)) throw new FsError("EEXIST");
    if (inode.isDirectory) throw new FsError("EPERM");
    return yield* ownBaseName(layers, parent, name, inode);
  });
  refuseIfRemoved(parent);
  if (inode.isGone || (inode.removed && !inode.awaitsName)) throw new FsError("ENOENT");
  const now = layers.now();
  if (inode.removed) {
    inode.removed = false;
    inode.awaitsName = false;
    layers.writeback.orphan(inode.ino, false);
  }
  inode.nlinkDelta += 1;
  inode.own.ctime = now;
  layers.record(inode);
  layers.setName(parent, name, inode, { origin, hides: parent.names?.get(name)?.hides });
  layers.touchNames(parent, now);
}

/**
 * Takes a name away; with the last one the object goes, or stays readable and writable while it is open.
 * @throws EISDIR it is a directory
 * @throws ENOENT, ENOTDIR, EROFS, EIO nothing changed
 */
export function* unlink(layers: Layers, parent: Inode, name: string): Operation<void> {
  yield* layers.begin();
  const { inode, hides } = yield* layers.gather(function* () {
    yield* namesOf(layers, parent);
    return {
      inode: yield* existingChild(layers, parent, name),
      hides: yield* hiddenBy(layers, parent, name),
    };
  });
  if (inode.isDirectory) throw new FsError("EISDIR");
  const now = layers.now();
  layers.removeName(parent, name, hides);
  layers.unlinkInode(inode, now);
  layers.touchNames(parent, now);
}

/**
 * Removes an empty directory.
 * @throws ENOTEMPTY a name is left in it, judged on the merged list
 * @throws ENOENT, ENOTDIR, EROFS, EIO nothing changed
 */
export function* rmdir(layers: Layers, parent: Inode, name: string): Operation<void> {
  yield* layers.begin();
  const { inode, hides } = yield* layers.gather(function* () {
    yield* namesOf(layers, parent);
    const inode = yield* existingChild(layers, parent, name);
    if (!inode.isDirectory) throw new FsError("ENOTDIR");
    if (!(yield* isEmpty(layers, inode))) throw new FsError("ENOTEMPTY");
    return { inode, hides: yield* hiddenBy(layers, parent, name) };
  });
  const now = layers.now();
  layers.removeName(parent, name, hides);
  dropDirectory(layers, inode, now);
  parent.nlinkDelta -= 1;
  layers.touchNames(parent, now);
}

function dropDirectory(layers: Layers, directory: Inode, now: Time): void {
  for (const name of [...(directory.names?.keys() ?? [])]) layers.forgetName(directory, name);
  layers.unlinkInode(directory, now);
}

/** `NameRecord.origin` and `NameRecord.hides`. */
interface OverBase {
  readonly origin: string | undefined;
  readonly hides: HiddenObject | undefined;
}

/** Everything a rename has to know before it may change anything. */
interface RenameFacts {
  readonly source: Inode;
  readonly target: Inode | undefined;
  /** What a whiteout of the old name would hide; undefined: none is needed. */
  readonly oldHides: HiddenObject | undefined;
  /** What a record of the source under its new name says of the base, and one of the target under the old name. */
  readonly sourceOver: OverBase;
  readonly targetOver: OverBase;
}

/**
 * Renames, as renameat2(2).
 * @throws EINVAL a directory into itself or below
 * @throws EEXIST `noReplace` and there is a target
 * @throws EISDIR, ENOTDIR, ENOTEMPTY the target cannot be replaced by the source
 * @throws ENOENT, ENAMETOOLONG, EILSEQ, EROFS, EIO nothing changed
 */
export function* rename(
  layers: Layers,
  parent: Inode,
  name: string,
  newParent: Inode,
  newName: string,
  flags: RenameFlags,
): Operation<void> {
  yield* layers.begin();
  const facts = yield* layers.gather(function* (): Operation<RenameFacts> {
    yield* namesOf(layers, parent);
    yield* namesOf(layers, newParent);
    const source = yield* existingChild(layers, parent, name);
    const target = yield* child(layers, newParent, newName);
    refuseRename(source, target, parent, newParent, flags);
    const replaces = target?.isDirectory && target !== source && !flags.exchange;
    if (replaces && !(yield* isEmpty(layers, target))) throw new FsError("ENOTEMPTY");
    const oldHides = yield* hiddenBy(layers, parent, name);
    return {
      source,
      target,
      oldHides,
      sourceOver: {
        origin: yield* ownBaseName(layers, newParent, newName, source),
        hides: target
          ? yield* hiddenBy(layers, newParent, newName)
          : newParent.names?.get(newName)?.hides,
      },
      targetOver: {
        origin: target && (yield* ownBaseName(layers, parent, name, target)),
        hides: target && oldHides,
      },
    };
  });
  const { source, target } = facts;
  // Two names of the same file: POSIX's rename does nothing then.
  if (source === target) return;
  refuseIfRemoved(newParent);
  const now = layers.now();
  if (target && flags.exchange) {
    place(layers, target, parent, name, facts.targetOver, now);
  } else {
    layers.removeName(parent, name, facts.oldHides);
    if (target) replace(layers, target, newParent, now);
  }
  place(layers, source, newParent, newName, facts.sourceOver, now);
  // Links of the parents: each directory that came adds one, each that went takes one.
  const moved = Number(source.isDirectory) - Number(Boolean(flags.exchange && target?.isDirectory));
  parent.nlinkDelta -= moved;
  newParent.nlinkDelta += moved;
  layers.touchNames(parent, now);
  layers.touchNames(newParent, now);
}

function place(
  layers: Layers,
  inode: Inode,
  parent: Inode,
  name: string,
  over: OverBase,
  now: Time,
): void {
  inode.own.ctime = now;
  // It has its name from a record from now on; the place in the base is no longer its own.
  layers.record(inode);
  layers.setName(parent, name, inode, over);
  inode.place = undefined;
  if (inode.isDirectory) inode.parent = parent;
}

function replace(layers: Layers, target: Inode, parent: Inode, now: Time): void {
  if (target.isDirectory) {
    dropDirectory(layers, target, now);
    parent.nlinkDelta -= 1;
  } else {
    layers.unlinkInode(target, now);
  }
}

function refuseRename(
  source: Inode,
  target: Inode | undefined,
  parent: Inode,
  newParent: Inode,
  flags: RenameFlags,
): void {
  if (flags.noReplace && target) throw new FsError("EEXIST");
  if (flags.exchange && !target) throw new FsError("ENOENT");
  if (isWithin(newParent, source)) throw new FsError("EINVAL", { reason: "into itself" });
  if (flags.exchange) {
    if (target && isWithin(parent, target)) throw new FsError("EINVAL", { reason: "into itself" });
    return;
  }
  if (!target || target === source) return;
  // A directory that holds the source is never empty.
  if (isWithin(parent, target)) throw new FsError("ENOTEMPTY");
  if (source.isDirectory && !target.isDirectory) throw new FsError("ENOTDIR");
  if (!source.isDirectory && target.isDirectory) throw new FsError("EISDIR");
}

/** Whether `directory` is `ancestor` or lies somewhere below it. */
function isWithin(directory: Inode, ancestor: Inode): boolean {
  for (let at: Inode | undefined = directory; at; at = at.parent) if (at === ancestor) return true;
  return false;
}

/** The base path of `name` in `parent`, if the base has it there and means this very object. */
function* ownBaseName(
  layers: Layers,
  parent: Inode,
  name: string,
  inode: Inode,
): Operation<string | undefined> {
  if (inode.identity === undefined || parent.origin === undefined) return undefined;
  const node = yield* baseChild(layers, parent, name);
  return node?.identity === inode.identity ? joinBasePath(parent.origin, name) : undefined;
}

/**
 * What a whiteout of `name` in `parent` would hide, as `NameRecord.hides` says it; undefined if nothing, so that none is
 * needed. The base may have the name again though it has not now, and might if it cannot be asked: what is removed stays
 * so, and a whiteout over nothing is harmless.
 */
function* hiddenBy(
  layers: Layers,
  parent: Inode,
  name: string,
): Operation<HiddenObject | undefined> {
  const record = parent.names?.get(name);
  const known = record?.hides;
  try {
    const base = yield* baseChild(layers, parent, name);
    if (known) return known;
    if (base) return { type: base.type, signature: base.signature };
    const isOfBase = record && !record.whiteout && record.origin !== undefined;
    return isOfBase ? { type: record.type, signature: "" } : undefined;
  } catch (error) {
    if (error instanceof FsError) return known ?? { type: "file", signature: "" };
    throw error;
  }
}
