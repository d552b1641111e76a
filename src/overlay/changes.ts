/**
 * What differs from the base, and how, read off the storage's records alone: the effort grows with the changes, never
 * with the base. A record says which inode a directory has, not where the directory is; so paths are found here, by the
 * records' own names and, where a directory has no name record, by its origin: it lies where the base has it.
 */
import { compareTimes, type FileType } from "../attributes.ts";
import { type BaseNode, joinBasePath, parentOfBasePath, pathIdentity } from "../base/base.ts";
import type { Operation } from "../operation.ts";
import type { HiddenObject, NameRecord, NodeRecord } from "../storage/storage.ts";
import { type BaseMove, isOfLinkGroup, moveUnderHidden, moveUnderNode } from "./base-moves.ts";
import { type Inode, type Place, rootIno } from "./inode.ts";
import type { Layers } from "./layers.ts";

/** How a path differs from the base. */
export type ChangeState =
  /** A name the base does not have, for a new object or (`linkTo`) for one of the base's. */
  | "created"
  /** The base's file, with other data. */
  | "modified"
  /** The base's object, with other attributes only. */
  | "attributes"
  /** The base's object under another name. */
  | "renamed"
  /** A name of the base that is gone. */
  | "deleted"
  /** A new object under a name the base has. */
  | "replaced";

/** One path that differs from the base. */
export interface Change {
  /** Path in the overlay, without a leading slash; "" is the root. */
  readonly path: string;
  readonly state: ChangeState;
  readonly type: FileType;
  /** Of what was renamed: the base path it came from. */
  readonly from?: string;
  /** Of a new hard link: a base path of the object. */
  readonly linkTo?: string;
  /** Whether the data differs from the base's. */
  readonly content: boolean;
  /** Whether mode, owner, mtime or extended attributes differ from the base's. */
  readonly attributes: boolean;
  /** What the base did under this change since it was made; absent if nothing. */
  readonly base?: BaseMove;
}

/** A change with where it is recorded. */
export interface Difference {
  readonly change: Change;
  readonly parent: number;
  readonly name: string;
  /** What the base has under this name, which shines through again once the record is gone. */
  readonly base: BaseNode | null;
  readonly node: NodeRecord | undefined;
}

/** What differs, sorted by path. Everything applied must have been committed. */
export function* changes(layers: Layers): Operation<Change[]> {
  const records = yield* Records.load(layers);
  return (yield* differences(layers, records)).map(({ change }) => change);
}

/** What differs by inode number; of an inode with several names the change of the first by path. As `changes`. */
export function* changesByInode(layers: Layers): Operation<Map<number, Change>> {
  const records = yield* Records.load(layers);
  const byInode = new Map<number, Change>();
  for (const { change, node } of yield* differences(layers, records)) {
    if (node && !byInode.has(node.ino)) byInode.set(node.ino, change);
  }
  return byInode;
}

/** What a change is, without where. */
export type ChangeKind = Pick<Change, "state" | "from" | "linkTo">;

/**
 * The change that `inode` is, which was found at `place`, read off what is in memory and nothing else: no records are
 * loaded, nothing has to be committed. `change` is undefined for what is as the base has it; the answer is undefined where
 * only all records together can tell, as of files with several names.
 */
export function* changeAt(
  layers: Layers,
  inode: Inode,
  place: Place | undefined,
): Operation<{ readonly change: ChangeKind | undefined } | undefined> {
  if (!inode.recorded || inode.removed) return unchanged;
  const node = inode.toRecord();
  const base = node.origin === undefined ? null : yield* layers.base.lookup(node.origin);
  if (inode.ino === rootIno)
    return attributesDiffer(layers, node, base) ? attributesOnly : unchanged;
  const names = place?.parent.names;
  if (!place || !names || (!inode.isDirectory && inode.nlink !== 1)) return undefined;
  const { parent, name } = place;
  // A directory that was let go of, and has come back as another object since, says nothing.
  if (layers.inodes.at(parent.ino) !== parent) return undefined;
  const at = parent.origin === undefined ? undefined : joinBasePath(parent.origin, name);
  const record = names.get(name);
  if (!record) return inode.isDirectory && base && at === node.origin ? unchanged : undefined;
  if (record.whiteout || record.ino !== inode.ino) return undefined;
  if (node.identity === undefined) {
    const isOver = record.hides && at !== undefined && (yield* layers.base.lookup(at));
    return { change: { state: isOver ? "replaced" : "created" } };
  }
  // Of what the base has lost, or has several names for, more has to be known.
  if (!base || node.origin === undefined) return undefined;
  if (record.origin === undefined) {
    const isOnly = inode.isDirectory || node.identity === pathIdentity(node.origin);
    return isOnly ? { change: { state: "renamed", from: node.origin } } : undefined;
  }
  if (node.content) return { change: { state: "modified" } };
  return attributesDiffer(layers, node, base) ? attributesOnly : unchanged;
}

const unchanged = { change: undefined } as const;
const attributesOnly = { change: { state: "attributes" } } as const;

/** One name record. */
interface Named {
  readonly parent: number;
  readonly name: string;
  readonly record: NameRecord;
}

/** All records of a storage, and the paths they stand for. */
export class Records {
  readonly #layers: Layers;
  readonly nodes: ReadonlyMap<number, NodeRecord>;
  readonly names: readonly Named[];
  /** The names that mean an inode. */
  readonly namesOf = new Map<number, Named[]>();
  readonly #paths = new Map<number, string>([[rootIno, ""]]);

  private constructor(layers: Layers, nodes: readonly NodeRecord[], names: readonly Named[]) {
    this.#layers = layers;
    this.nodes = new Map(nodes.map((node) => [node.ino, node]));
    this.names = names;
    for (const named of names) {
      const { record } = named;
      if (record.whiteout) continue;
      const others = this.namesOf.get(record.ino);
      if (others) others.push(named);
      else this.namesOf.set(record.ino, [named]);
    }
  }

  static *load(layers: Layers): Operation<Records> {
    const names = yield* layers.storage.allNames();
    return new Records(layers, yield* layers.storage.allNodes(), names);
  }

  /** Where the directory `ino` takes its base children from. */
  originOf(ino: number): string | undefined {
    return ino === rootIno ? "" : this.nodes.get(ino)?.origin;
  }

  /** The overlay path of directory `ino`. */
  pathOf(ino: number): string {
    const known = this.#paths.get(ino);
    if (known !== undefined) return known;
    // Where a damaged storage has a directory in itself the way ends here.
    this.#paths.set(ino, `(inode ${ino})`);
    const named = this.namesOf.get(ino)?.[0];
    const origin = this.originOf(ino);
    let path: string;
    if (named) path = joinBasePath(this.pathOf(named.parent), named.name);
    else if (origin !== undefined) path = this.pathOfUnrecorded(origin);
    // No record leads there: `minifo check` tells of it, status goes on.
    else path = `(inode ${ino})`;
    this.#paths.set(ino, path);
    return path;
  }

  /** The overlay path at which the base's directory `origin` is found. */
  pathOfBase(origin: string): string {
    if (origin === "") return "";
    const identity = pathIdentity(origin);
    const ino = this.#layers.aliases.get(identity) ?? this.#layers.hash(identity);
    const isRecorded = this.nodes.get(ino)?.identity === identity && this.namesOf.has(ino);
    return isRecorded ? this.pathOf(ino) : this.pathOfUnrecorded(origin);
  }

  /** As `pathOfBase` for a directory that has no name record: it lies where its parent is, under its own name. */
  pathOfUnrecorded(origin: string): string {
    const parent = parentOfBasePath(origin);
    if (parent === undefined) return "";
    const name = parent === "" ? origin : origin.slice(parent.length + 1);
    return joinBasePath(this.pathOfBase(parent), name);
  }
}

/** What differs with where it is recorded, sorted by path. */
export function* differences(layers: Layers, records: Records): Operation<Difference[]> {
  const result: Difference[] = [];
  const gone = new Map<string, GoneName[]>();
  const moved: { named: Named; base: BaseNode | null; node: NodeRecord }[] = [];
  const dropped: { named: Named; hides: HiddenObject; origin: string }[] = [];
  for (const named of records.names) {
    const directory = records.originOf(named.parent);
    const origin = directory === undefined ? undefined : joinBasePath(directory, named.name);
    const base = origin === undefined ? null : yield* layers.base.lookup(origin);
    const { record } = named;
    const node = record.whiteout ? undefined : records.nodes.get(record.ino);
    if (base && base.identity !== node?.identity) {
      const name = record.whiteout
        ? {
            path: base.path,
            difference: deleted(
              records,
              named,
              base,
              base.type,
              moveUnderHidden(record.hides, base),
            ),
          }
        : { path: base.path };
      const others = gone.get(base.identity);
      if (others) others.push(name);
      else gone.set(base.identity, [name]);
    }
    if (record.whiteout && record.hides && !base && origin !== undefined) {
      dropped.push({ named, hides: record.hides, origin });
    }
    if (record.whiteout || !node) continue;
    if (node.identity !== undefined && record.origin === undefined) {
      moved.push({ named, base, node });
      continue;
    }
    const difference = yield* inPlace(layers, records, named, base, node);
    if (difference) result.push(difference);
  }
  const renamed = new Map<number, number>();
  const origins = new Set<string>();
  for (const { named, base, node } of moved) {
    const count = renamed.get(node.ino) ?? 0;
    const isRename = count < goneNames(records, node);
    if (isRename) renamed.set(node.ino, count + 1);
    const origin = node.origin ?? "";
    const past = isRename ? { from: takeGone(gone, node) ?? origin } : { linkTo: origin };
    if (past.from !== undefined) origins.add(past.from);
    const state = isRename ? "renamed" : "created";
    const flags = yield* differing(layers, node);
    const move = (yield* moveUnderNode(layers, node, false)) ?? moveOverName(named.record, base);
    result.push(
      difference(records, named, base, node, {
        state,
        ...past,
        ...flags,
        ...(move && { base: move }),
      }),
    );
  }
  // A name that is hidden though the base has nothing there any more: deleted, unless it was renamed.
  for (const { named, hides, origin } of dropped) {
    const move = moveUnderHidden(hides, null);
    if (!move || origins.has(origin)) continue;
    result.push(deleted(records, named, null, hides.type, move));
  }
  for (const names of gone.values()) {
    for (const { difference } of names) if (difference) result.push(difference);
  }
  const root = records.nodes.get(rootIno);
  if (root) {
    const { attributes } = yield* differing(layers, root);
    const change: Change = {
      path: "",
      state: "attributes",
      type: "directory",
      content: false,
      attributes,
    };
    if (attributes)
      result.push({
        change,
        parent: rootIno,
        name: "",
        base: null,
        node: root,
      });
  }
  return result.sort((a, b) => (a.change.path < b.change.path ? -1 : 1));
}

function deleted(
  records: Records,
  named: Named,
  base: BaseNode | null,
  type: FileType,
  move: BaseMove | undefined,
): Difference {
  const { parent, name } = named;
  const path = joinBasePath(records.pathOf(parent), name);
  const change: Change = {
    path,
    state: "deleted",
    type,
    content: false,
    attributes: false,
    ...(move && { base: move }),
  };
  return { change, parent, name, base, node: undefined };
}

/** A name that means a created object, or a base object that stands where the base has it. */
function* inPlace(
  layers: Layers,
  records: Records,
  named: Named,
  base: BaseNode | null,
  node: NodeRecord,
): Operation<Difference | undefined> {
  if (node.identity === undefined) {
    const state = base && named.record.hides ? "replaced" : "created";
    const content = node.type === "file";
    const move = (yield* moveUnderNode(layers, node, true)) ?? moveOverName(named.record, base);
    return difference(records, named, base, node, {
      state,
      content,
      attributes: true,
      ...(move && { base: move }),
    });
  }
  const flags = yield* differing(layers, node);
  // One of several names of an object, where the base has another one by now: what is recorded hides that.
  const hidesOther = base && base.identity !== node.identity && isOfLinkGroup(node);
  const move = (yield* moveUnderNode(layers, node, true)) ?? (hidesOther ? "behind" : undefined);
  const isAsInBase = !flags.content && !flags.attributes && !hidesOther;
  if (isAsInBase && move !== "origin-missing") return undefined;
  const state = flags.content ? "modified" : "attributes";
  return difference(records, named, base, node, { state, ...flags, ...(move && { base: move }) });
}

/** What the base did to the name that one of ours, which is not its own, stands over. */
function moveOverName(record: NameRecord, base: BaseNode | null): BaseMove | undefined {
  if (!base) return undefined;
  if (!record.hides) return "both-added";
  return moveUnderHidden(record.hides, base) && "conflict";
}

function difference(
  records: Records,
  named: Named,
  base: BaseNode | null,
  node: NodeRecord,
  change: Omit<Change, "path" | "type">,
): Difference {
  const { parent, name } = named;
  const path = joinBasePath(records.pathOf(parent), name);
  return {
    change: { path, type: node.type, ...change },
    parent,
    name,
    base,
    node,
  };
}

/** A base name that does not mean its object any more; a whiteout's, with the change it is unless it was a rename. */
interface GoneName {
  readonly path: string;
  readonly difference?: Difference;
}

/**
 * How many of the base's names of `node` are gone, so that as many of its new names are renames and not links. Not all
 * of them are recorded: whiteouts go with their directory. But the link count tells, for it is
 * base names - gone + new names.
 */
function goneNames(records: Records, node: NodeRecord): number {
  if (node.type === "directory") return 1;
  const names = records.namesOf.get(node.ino) ?? [];
  const added = names.filter(
    ({ record }) => !record.whiteout && record.origin === undefined,
  ).length;
  return added - node.nlink;
}

/** The base name that the new name of `node` came from; it is not given twice. */
function takeGone(gone: ReadonlyMap<string, GoneName[]>, node: NodeRecord): string | undefined {
  const names = gone.get(node.identity ?? "");
  if (!names || names.length === 0) return undefined;
  const own = names.findIndex(({ path }) => path === node.origin);
  return names.splice(Math.max(0, own), 1)[0]?.path;
}

/** In what a base object's record differs from the base. */
function* differing(
  layers: Layers,
  node: NodeRecord,
): Operation<{ content: boolean; attributes: boolean }> {
  const base = node.origin === undefined ? null : yield* layers.base.lookup(node.origin);
  const content = node.content !== undefined;
  return { content, attributes: attributesDiffer(layers, node, base) };
}

/** Whether mode, owner, extended attributes or, unless that moved by itself, mtime are set to other than the base's. */
export function attributesDiffer(layers: Layers, node: NodeRecord, base: BaseNode | null): boolean {
  const { uid, gid } = { ...layers.owner, ...base };
  const isSet = <T>(own: T | undefined, below: T | undefined) => own !== undefined && own !== below;
  return (
    isSet(node.mode, base?.mode) ||
    isSet(node.uid, uid) ||
    isSet(node.gid, gid) ||
    (node.xattrs ?? []).length > 0 ||
    (node.content === undefined && timeDiffers(node, base))
  );
}

/** Whether somebody set the mtime: a directory's also moves by itself, but then its ctime is the same moment. */
function timeDiffers(node: NodeRecord, base: BaseNode | null): boolean {
  const { mtime, ctime, type } = node;
  if (!mtime || (base && compareTimes(mtime, base.mtime) === 0)) return false;
  return type !== "directory" || ctime === undefined || compareTimes(mtime, ctime) !== 0;
}
