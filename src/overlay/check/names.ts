/** Names: each legal, in a directory that is recorded, meaning a node of its type; a directory has one, and no cycles. */
import { type BaseNode, joinBasePath, parentOfBasePath, pathIdentity } from "../../base/base.ts";
import type { Operation } from "../../operation.ts";
import type { NodeRecord } from "../../storage/storage.ts";
import { firstBaseIno, rootIno } from "../inode.ts";
import type { FindingKind, Problem, Scene } from "./finding.ts";
import { newIno, renumber } from "./numbers.ts";
import type { Named } from "./record-set.ts";

/** What is wrong with single names. */
export function* nameProblems(scene: Scene): Generator<Problem> {
  for (const named of scene.records.allNames()) {
    const problem =
      illegal(scene, named) ??
      outOfPlace(scene, named) ??
      wrongMeaning(scene, named) ??
      wrongOrigin(scene, named);
    if (problem) yield problem;
  }
}

const setsAside = "sets the name aside";

function damage(
  scene: Scene,
  named: Named,
  kind: FindingKind,
  what: string,
  remedy = setsAside,
  fix = () => scene.records.removeName(named.parent, named.name),
): Problem {
  const path = scene.tree.pathOfName(named);
  const ino = named.record.whiteout ? undefined : named.record.ino;
  return {
    severity: "damage",
    kind,
    ...(path !== undefined && { path }),
    ...(ino !== undefined && { ino }),
    what,
    remedy,
    fix,
  };
}

function illegal(scene: Scene, named: Named): Problem | undefined {
  const { name } = named;
  const isLegal =
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    !name.includes("/") &&
    !name.includes("\0") &&
    !/\p{Surrogate}/u.test(name) &&
    new TextEncoder().encode(name).length <= 255;
  if (isLegal) return undefined;
  return damage(scene, named, "name-illegal", `${JSON.stringify(name)} cannot be a name`);
}

function outOfPlace(scene: Scene, named: Named): Problem | undefined {
  const { parent } = named;
  const node = scene.records.nodes.get(parent);
  // That a directory has no record is told once, for all of its names.
  if (parent === rootIno || node === undefined || node.type === "directory") return undefined;
  const what = `${JSON.stringify(named.name)} is a name in inode ${parent}, which is no directory`;
  return damage(scene, named, "name-in-no-directory", what);
}

function wrongMeaning(scene: Scene, named: Named): Problem | undefined {
  const { records } = scene;
  const { parent, name, record } = named;
  if (record.whiteout) return undefined;
  const { ino } = record;
  if (ino === rootIno)
    return damage(scene, named, "name-of-root", "the name means the root directory");
  const type = records.nodes.get(ino)?.type;
  if (type === undefined || type === record.type) return undefined;
  const what = `the name says that inode ${ino} is a ${record.type}, but it is a ${type}`;
  return damage(scene, named, "name-type", what, `makes the name say ${type}`, () =>
    records.setName(parent, name, { ...record, type }),
  );
}

function wrongOrigin(scene: Scene, named: Named): Problem | undefined {
  const { records } = scene;
  const { parent, name, record } = named;
  if (record.whiteout || record.origin === undefined) return undefined;
  const node = records.nodes.get(record.ino);
  const directory = parent === rootIno ? "" : records.nodes.get(parent)?.origin;
  const hasPlace = parent === rootIno || records.nodes.has(parent);
  if (!node || !hasPlace) return undefined;
  const own = directory === undefined ? undefined : joinBasePath(directory, name);
  if (own === record.origin && node.identity !== undefined) return undefined;
  const what = `the name says the base has it at ${JSON.stringify(record.origin)}, which is not its place`;
  const { ino, type } = record;
  return damage(scene, named, "name-origin", what, "takes that out of the name", () =>
    records.setName(parent, name, { ino, type }),
  );
}

/** Inodes that names speak of, as what they mean or as where they are, and that have no record. */
export function* absentNodeProblems(scene: Scene): Operation<Problem[]> {
  const { records, tree } = scene;
  const absent = new Set<number>();
  for (const { parent, record } of records.allNames()) {
    if (parent !== rootIno && !records.nodes.has(parent)) absent.add(parent);
    if (!record.whiteout && !records.nodes.has(record.ino)) absent.add(record.ino);
  }
  if (absent.size === 0) return [];
  const bases = yield* numbersOfKnownPaths(scene);
  return [...absent].map((ino) => absentNode(scene, ino, tree.namesOf(ino)[0], bases.get(ino)));
}

function absentNode(
  scene: Scene,
  ino: number,
  named: Named | undefined,
  base:
    | { readonly path: string; readonly identity: string; readonly node: BaseNode | null }
    | undefined,
): Problem {
  const { records, tree } = scene;
  const path = named && tree.pathOfName(named);
  const inside = records.namesIn(ino);
  const type = named ? typeIn(named) : "directory";
  const told = {
    severity: "damage",
    kind: "name-without-node",
    ...(path !== undefined && { path }),
    ino,
    what: `inode ${ino} has no record, but ${tally(named ? tree.namesOf(ino).length : 0, inside.length)}`,
  } as const;
  if (base && type !== undefined && (base.node?.type ?? type) === type) {
    const node: NodeRecord = {
      ino,
      type,
      identity: base.identity,
      origin: base.path,
      ...(base.node && { signature: base.node.signature }),
      nlink: 0,
    };
    const remedy = `makes it the base's ${JSON.stringify(base.path)} again, without changes of its own`;
    return { ...told, remedy, fix: () => records.setNode(node) };
  }
  if (type === "directory" && named) {
    return {
      ...told,
      remedy: "makes it a new directory, with the names that are recorded in it",
      fix: () => {
        const number = ino > rootIno && ino < firstBaseIno ? ino : newIno(records);
        records.setNode(newDirectory(number));
        if (number !== ino) renumber(records, ino, number);
      },
    };
  }
  return {
    ...told,
    remedy: "sets these names aside",
    fix: () => {
      for (const { parent, name } of [...tree.namesOf(ino), ...records.namesIn(ino)]) {
        records.removeName(parent, name);
      }
    },
  };
}

function typeIn({ record }: Named): NodeRecord["type"] | undefined {
  return record.whiteout ? undefined : record.type;
}

function tally(names: number, inside: number): string {
  const count = (number: number, one: string, more: string) =>
    `${number} ${number === 1 ? one : more}`;
  const told: string[] = [];
  if (names > 0) told.push(`${count(names, "name means", "names mean")} it`);
  if (inside > 0) told.push(`${count(inside, "name is", "names are")} in it`);
  return told.join(" and ");
}

function newDirectory(ino: number): NodeRecord {
  const time = { seconds: 0, nanoseconds: 0 };
  const times = { atime: time, mtime: time, ctime: time, btime: time };
  return { ino, type: "directory", mode: 0o755, uid: 0, gid: 0, ...times, nlink: 2 };
}

/**
 * Base objects that the records speak of somewhere, by number: an inode whose record is lost is likely one of them, for
 * a rename leaves a whiteout where it came from.
 */
function* numbersOfKnownPaths({
  records,
  base,
  hash,
}: Scene): Operation<
  Map<number, { readonly path: string; readonly identity: string; readonly node: BaseNode | null }>
> {
  const paths = new Set<string>();
  const add = (path: string | undefined) => {
    for (
      let at = path;
      at !== undefined && at !== "" && !paths.has(at);
      at = parentOfBasePath(at)
    ) {
      paths.add(at);
    }
  };
  for (const { parent, name, record } of records.allNames()) {
    const directory = parent === rootIno ? "" : records.nodes.get(parent)?.origin;
    if (directory !== undefined) add(joinBasePath(directory, name));
    if (!record.whiteout) add(record.origin);
  }
  for (const { origin } of records.nodes.values()) add(origin);
  const numbers = new Map<number, { path: string; identity: string; node: BaseNode | null }>();
  for (const path of paths) {
    const node = base ? yield* base.lookup(path) : null;
    const identity = node?.identity ?? pathIdentity(path);
    numbers.set(records.aliases.get(identity) ?? hash(identity), { path, identity, node });
  }
  return numbers;
}

/** Directories that can be reached by more than one way. */
export function* directoryProblems(scene: Scene): Generator<Problem> {
  const { records, tree } = scene;
  for (const node of records.nodes.values()) {
    if (node.type !== "directory" || node.ino === rootIno) continue;
    const names = tree.namesOf(node.ino);
    if (names.length > 1) yield severalNames(scene, node, names);
    else if (names[0]) {
      const problem = shownTwice(scene, node, names[0]);
      if (problem) yield problem;
    }
  }
}

function severalNames(scene: Scene, { ino }: NodeRecord, names: readonly Named[]): Problem {
  const { records, tree } = scene;
  const kept = names.find((named) => tree.isReachedName(named)) ?? (names[0] as Named);
  const others = names.filter((named) => named !== kept);
  const path = tree.pathOfName(kept);
  const told = others
    .map((named) => JSON.stringify(tree.pathOfName(named) ?? named.name))
    .join(", ");
  return {
    severity: "damage",
    kind: "directory-names",
    ...(path !== undefined && { path }),
    ino,
    what: `the directory is also called ${told}`,
    remedy: "keeps this name and sets the others aside",
    fix: () => {
      for (const { parent, name } of others) records.removeName(parent, name);
    },
  };
}

/** A directory of the base that was renamed, while the base's name of it is not hidden. */
function shownTwice(scene: Scene, node: NodeRecord, named: Named): Problem | undefined {
  const { records, tree } = scene;
  const { origin } = node;
  const isAtHome = !named.record.whiteout && named.record.origin !== undefined;
  if (origin === undefined || isAtHome || !tree.isReachedThroughBase(origin)) return undefined;
  const above = parentOfBasePath(origin) ?? "";
  const home = above === "" ? rootIno : tree.nodeOf(pathIdentity(above))?.ino;
  const name = above === "" ? origin : origin.slice(above.length + 1);
  const what = `the directory also shows where the base has it, at ${JSON.stringify(origin)}`;
  if (home === undefined) return damage(scene, named, "directory-names", what);
  return damage(scene, named, "directory-names", what, "hides the base's name", () =>
    records.setName(home, name, { whiteout: true }),
  );
}
