/**
 * The three rules: a whiteout gives nothing, a name record gives its node, no record falls through to the base by the
 * directory's origin, never by its path in the overlay. And how an inode comes into memory by either way.
 */
import { type Base, type BaseNode, joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { NameRecord, NodeRecord, Storage } from "../storage/storage.ts";
import { firstBaseIno, type IdentityHash, Inode, type InodeTable, type Place } from "./inode.ts";

/** What looking up needs of `Layers`: nothing that changes anything. */
export interface LookupLayers {
  readonly base: Base;
  readonly storage: Pick<Storage, "node" | "names">;
  readonly inodes: InodeTable;
  readonly aliases: ReadonlyMap<string, number>;
  readonly hash: IdentityHash;
  readonly writeback: { removes(ino: number): boolean };
}

/**
 * The name records of `directory`, loaded if need be.
 * @throws ENOTDIR it is none
 */
export function* namesOf(
  layers: LookupLayers,
  directory: Inode,
): Operation<Map<string, NameRecord>> {
  if (!directory.isDirectory) throw new FsError("ENOTDIR");
  if (!directory.names) {
    const entries = yield* layers.storage.names(directory.ino);
    // Somebody else may have loaded, and changed, them while we waited.
    directory.names ??= new Map(entries.map(({ name, record }) => [name, record]));
  }
  return directory.names;
}

/**
 * What `name` in `parent` means, or undefined if it means nothing.
 * @throws ENOTDIR, ENAMETOOLONG, EILSEQ, EIO
 */
export function* child(
  layers: LookupLayers,
  parent: Inode,
  name: string,
): Operation<Inode | undefined> {
  checkName(name);
  const names = parent.names ?? (yield* namesOf(layers, parent));
  for (;;) {
    const record = names.get(name);
    if (parent.removed || record?.whiteout) return undefined;
    // What the name meant before we waited may have lost it meanwhile, or all that is recorded of it.
    const isOvertaken = () => parent.removed || names.get(name) !== record;
    try {
      const inode = yield* meantBy(layers, parent, name, record);
      if (isOvertaken()) continue;
      if (record && inode?.isDirectory) inode.parent = parent;
      return inode;
    } catch (error) {
      if (!isOvertaken()) throw error;
    }
  }
}

/** What `record`, of `name` in `parent`, means; without one, what the base says. */
function* meantBy(
  layers: LookupLayers,
  parent: Inode,
  name: string,
  record: (NameRecord & { readonly whiteout?: false }) | undefined,
): Operation<Inode | undefined> {
  if (record) return yield* inodeAt(layers, record.ino);
  const node = yield* baseChild(layers, parent, name);
  return node ? yield* inodeOfBase(layers, node, { parent, name }) : undefined;
}

/** As `child`, but nothing there is an error: ENOENT. */
export function* existingChild(
  layers: LookupLayers,
  parent: Inode,
  name: string,
): Operation<Inode> {
  const inode = yield* child(layers, parent, name);
  if (!inode) throw new FsError("ENOENT");
  return inode;
}

/** What the base has under `name` of the directory `parent`, whatever the records say. */
export function* baseChild(
  layers: LookupLayers,
  parent: Inode,
  name: string,
): Operation<BaseNode | null> {
  if (parent.origin === undefined || parent.removed || !parent.base) return null;
  return yield* layers.base.lookup(joinBasePath(parent.origin, name));
}

/**
 * The recorded inode with number `ino`.
 * @throws EIO a name means it, but there is no such record: the storage is damaged
 */
function* inodeAt(layers: LookupLayers, ino: number): Operation<Inode> {
  const known = layers.inodes.at(ino);
  if (known) {
    // Where none of its data is ours what the base's is now has to show, its size first of all.
    const { origin, content, type } = known;
    if (origin !== undefined && !content && !layers.base.capabilities.snapshot) {
      const base = yield* layers.base.lookup(origin);
      if (base?.type === type) known.seen(base);
    }
    return known;
  }
  const record = yield* storedNode(layers, ino);
  const base = record?.origin === undefined ? null : yield* layers.base.lookup(record.origin);
  const meanwhile = layers.inodes.at(ino);
  if (meanwhile) return meanwhile;
  if (!record) {
    throw new FsError("EIO", {
      reason: `the storage names inode ${ino} but has no record of it: run \`minifo check\` on it`,
    });
  }
  // An origin that is of another type by now is another object: the base has lost ours.
  const ours = base && base.type === record.type ? base : undefined;
  const inode = new Inode(ino, record.type, {
    record,
    ...(ours && { base: ours }),
  });
  layers.inodes.add(inode);
  return inode;
}

/** The inode of a base object that was found at `place`; one whose names are gone, too, as long as it is open. */
export function* inodeOfBase(layers: LookupLayers, base: BaseNode, place: Place): Operation<Inode> {
  const { identity } = base;
  for (;;) {
    const known = layers.inodes.of(identity);
    if (known && known.type !== base.type && !known.recorded && known.handles === 0) {
      // The base has another object there by now, and nothing of the one before is ours.
      layers.inodes.delete(known);
    } else if (known) {
      if (known.type === base.type) known.seen(base);
      // A record that was made while we waited says more of where it lies than the base does.
      if (!place.parent.names?.has(place.name)) setPlace(known, base, place);
      return known;
    }
    const { ino, record } = yield* numberOf(layers, identity);
    if (layers.inodes.of(identity) || layers.inodes.at(ino)) continue;
    // As in `inodeAt`: if it is of another type by now, the base has lost ours.
    const ours = !record || record.type === base.type;
    const inode = new Inode(ino, record?.type ?? base.type, {
      ...(record && { record }),
      ...(ours && { base }),
    });
    setPlace(inode, base, place);
    layers.inodes.add(inode);
    return inode;
  }
}

/** The number of a base object that is not in memory, and its record, if it has one. */
export function* numberOf(
  layers: LookupLayers,
  identity: string,
): Operation<{ readonly ino: number; readonly record: NodeRecord | undefined }> {
  let ino = layers.aliases.get(identity) ?? layers.hash(identity);
  let record = yield* storedNode(layers, ino);
  // Both kinds of collision: with a recorded node, and with an unrecorded one that is in memory.
  while (layers.inodes.at(ino) || (record && record.identity !== identity)) {
    ino = ino + 1 < Number.MAX_SAFE_INTEGER ? ino + 1 : firstBaseIno;
    record = yield* storedNode(layers, ino);
  }
  return { ino, record };
}

/**
 * Remembers where `base` was found. A revert gathers by records that may be outdated and then begins anew: a directory
 * that is not the one the base has this name in is no place, or what is recorded next would stand there for good.
 */
function setPlace(inode: Inode, base: BaseNode, place: Place): void {
  const { origin } = place.parent;
  if (origin === undefined || joinBasePath(origin, place.name) !== base.path) return;
  inode.place = place;
  if (inode.isDirectory) inode.parent = place.parent;
}

/** The storage's record of `ino`, unless it is about to be removed. */
function* storedNode(layers: LookupLayers, ino: number): Operation<NodeRecord | undefined> {
  const record = yield* layers.storage.node(ino);
  return layers.writeback.removes(ino) ? undefined : record;
}

/**
 * Checks that `name` can be one.
 * @throws ENAMETOOLONG more than 255 bytes of UTF-8
 * @throws EILSEQ lone surrogates: no UTF-8 can say it
 * @throws EINVAL empty, ".", "..", or with a slash or NUL in it
 */
function checkName(name: string): void {
  if (name.length > 85 && new TextEncoder().encode(name).length > 255) {
    throw new FsError("ENAMETOOLONG");
  }
  if (loneSurrogate.test(name)) throw new FsError("EILSEQ");
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
    throw new FsError("EINVAL", { reason: "not a name" });
  }
}

/** With the u flag a surrogate class matches only surrogates that are no pair. */
const loneSurrogate = /[\ud800-\udfff]/u;
