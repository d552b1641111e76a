/** Inode numbers: each in the range of its kind, and a base object's the hash of its identity or told by an alias. */
import { pathIdentity } from "../../base/base.ts";
import type { Operation } from "../../operation.ts";
import type { NodeRecord } from "../../storage/storage.ts";
import { firstBaseIno, rootIno } from "../inode.ts";
import type { Problem, Scene } from "./finding.ts";
import type { RecordSet } from "./record-set.ts";
import { asCreated, isBasePath } from "./shapes.ts";

/** Nodes that take their content from the base but are none of its objects, as far as they say. The number tells more. */
export function* anonymousProblems(scene: Scene): Operation<Problem[]> {
  const { records, base } = scene;
  const problems: Problem[] = [];
  for (const node of records.nodes.values()) {
    const { ino, identity, origin } = node;
    if (ino === rootIno || identity !== undefined || origin === undefined) continue;
    const isCreated = ino < firstBaseIno;
    // That it is no base path is told as such.
    if (!isCreated && !isBasePath(origin)) continue;
    const told = JSON.stringify(origin);
    const below = base && !isCreated ? yield* base.lookup(origin) : null;
    problems.push({
      severity: "damage",
      kind: "node-origin",
      ...placeOf(scene, node),
      what: isCreated
        ? `inode ${ino} was created, but takes its content from ${told}`
        : `inode ${ino} takes its content from ${told}, but does not say which object of the base it is`,
      remedy: isCreated ? "takes that out of its record" : `takes it to be ${told}`,
      fix: () => {
        if (!isCreated) {
          records.changeNode(ino, { identity: below?.identity ?? pathIdentity(origin) });
          return;
        }
        const created = asCreated(node);
        if (created) records.setNode(created);
        else records.removeNode(ino);
      },
    });
  }
  return problems;
}

/** What is wrong with the numbers of nodes. */
export function* numberProblems(scene: Scene): Generator<Problem> {
  for (const node of scene.records.nodes.values()) {
    const problem =
      node.ino === rootIno
        ? rootProblem(scene, node)
        : (originProblem(scene, node) ??
          (node.identity === undefined
            ? createdProblem(scene, node)
            : identityProblem(scene, node, node.identity)));
    if (problem) yield problem;
  }
}

function rootProblem(
  { records }: Scene,
  { type, identity, origin }: NodeRecord,
): Problem | undefined {
  if (type === "directory" && identity === pathIdentity("") && origin === "") return undefined;
  return {
    severity: "damage",
    kind: "root-node",
    path: "",
    ino: rootIno,
    what: "the record of the root does not say that it is the base's root directory",
    remedy: "makes it say so",
    fix: () =>
      records.setNode({
        ino: rootIno,
        type: "directory",
        identity: pathIdentity(""),
        origin: "",
        nlink: 0,
      }),
  };
}

function originProblem({ records, tree }: Scene, node: NodeRecord): Problem | undefined {
  const { ino, identity, origin } = node;
  const isOfBase = identity === undefined || /^(path|link):/.test(identity);
  if (isOfBase && (origin === undefined || isBasePath(origin))) return undefined;
  const known = identity?.startsWith("path:") ? identity.slice("path:".length) : origin;
  const told = {
    severity: "damage",
    kind: "node-origin",
    ...placeOf({ tree }, node),
    what: isOfBase
      ? `inode ${ino} takes its content from ${JSON.stringify(origin)}, which is no path of a base`
      : `inode ${ino} has the identity ${JSON.stringify(identity)}, which is none`,
  } as const;
  if (known === undefined || !isBasePath(known)) {
    return { ...told, remedy: "sets the inode aside", fix: () => records.removeNode(ino) };
  }
  return {
    ...told,
    remedy: `takes it to be ${JSON.stringify(known)}`,
    fix: () => records.changeNode(ino, { identity: pathIdentity(known), origin: known }),
  };
}

function createdProblem(scene: Scene, node: NodeRecord): Problem | undefined {
  const { ino } = node;
  if (ino > rootIno && ino < firstBaseIno) return undefined;
  return {
    severity: "damage",
    kind: "number-range",
    ...placeOf(scene, node),
    what: `inode ${ino} is no object of the base, but its number is not one of a created object`,
    remedy: "gives it a new number",
    fix: () => renumber(scene.records, ino, newIno(scene.records)),
  };
}

function identityProblem(scene: Scene, node: NodeRecord, identity: string): Problem | undefined {
  const { records, tree, hash } = scene;
  const { ino } = node;
  const other = tree.nodeOf(identity);
  if (other && other.ino !== ino) return twice(scene, node, other);
  if (ino < firstBaseIno) {
    return {
      severity: "damage",
      kind: "number-range",
      ...placeOf(scene, node),
      what: `inode ${ino} is an object of the base, but its number is one of a created object`,
      remedy: "gives it the number of its identity",
      fix: () => {
        let free = records.aliases.get(identity) ?? hash(identity);
        while (records.nodes.has(free)) free += 1;
        renumber(records, ino, free);
        if (free !== hash(identity)) records.setAlias(identity, free);
      },
    };
  }
  const alias = records.aliases.get(identity);
  if ((alias ?? hash(identity)) === ino) return undefined;
  return {
    severity: "damage",
    kind: "number-without-alias",
    ...placeOf(scene, node),
    what: `inode ${ino} is not found by its identity, ${identity}: ${alias === undefined ? "an alias is missing" : `its alias says ${alias}`}`,
    remedy: "makes the alias tell the number",
    fix: () => {
      if (hash(identity) === ino) records.removeAlias(identity);
      else records.setAlias(identity, ino);
    },
  };
}

/** Two nodes for one base object: the one the number leads to stays, and gets the names of both. */
function twice(scene: Scene, a: NodeRecord, b: NodeRecord): Problem {
  const { records, hash } = scene;
  const identity = a.identity as string;
  const right = records.aliases.get(identity) ?? hash(identity);
  const [kept, lost] = a.ino === right || (b.ino !== right && a.ino < b.ino) ? [a, b] : [b, a];
  return {
    severity: "damage",
    kind: "identity-twice",
    ...placeOf(scene, lost),
    what: `inodes ${kept.ino} and ${lost.ino} are both the base's ${identity}`,
    remedy: `sets ${lost.ino} aside and gives its names to ${kept.ino}`,
    fix: () => {
      if (!records.nodes.has(kept.ino) || !records.nodes.has(lost.ino)) return;
      records.removeNode(lost.ino);
      moveNames(records, lost.ino, kept.ino);
    },
  };
}

/** What is wrong with the aliases. */
export function* aliasProblems({ records, hash }: Scene): Generator<Problem> {
  for (const [identity, ino] of records.aliases) {
    const node = records.nodes.get(ino);
    const told = `the alias of ${identity} says inode ${ino}`;
    const isWrong = ino < firstBaseIno || (node && node.identity !== identity);
    if (isWrong) {
      yield {
        severity: "damage",
        kind: "alias-wrong",
        ino,
        what: node
          ? `${told}, which is another object`
          : `${told}, which is no number of a base object`,
        remedy: "sets the alias aside",
        fix: () => records.removeAlias(identity),
      };
    } else if (!node || hash(identity) === ino) {
      yield {
        severity: "harmless",
        kind: "alias-needless",
        ino,
        what: node ? `${told}, as it would be without` : `${told}, of which nothing is recorded`,
        remedy: "leaves it",
      };
    }
  }
}

/** What is wrong with the orphans. */
export function* orphanProblems({ records, tree }: Scene): Generator<Problem> {
  for (const ino of records.orphans) {
    const [named] = tree.namesOf(ino);
    if (named) {
      const path = tree.pathOfName(named);
      yield {
        severity: "damage",
        kind: "orphan-named",
        ...(path !== undefined && { path }),
        ino,
        what: `inode ${ino} is to be dropped at the next opening, but it has a name`,
        remedy: "keeps the inode",
        fix: () => {
          records.orphans.delete(ino);
          records.version += 1;
        },
      };
    } else if (!records.nodes.has(ino)) {
      yield {
        severity: "harmless",
        kind: "orphan-gone",
        ino,
        what: `inode ${ino} is to be dropped at the next opening, but is gone already`,
        remedy: "leaves it",
      };
    }
  }
}

/** A number that no created object has. */
export function newIno(records: RecordSet): number {
  const { superblock } = records;
  if (!superblock) throw new Error("bug: a number was asked for before there was a superblock");
  let ino = superblock.nextIno;
  while (records.nodes.has(ino)) ino += 1;
  records.superblock = { ...superblock, nextIno: ino + 1 };
  return ino;
}

/** Gives the inode `from` the number `to`, wherever that stands. */
export function renumber(records: RecordSet, from: number, to: number): void {
  const node = records.nodes.get(from);
  if (node) {
    records.removeNode(from);
    records.setNode({ ...node, ino: to });
  }
  moveNames(records, from, to);
  // An orphan's number is all there is to it: with another one nothing leads to its node, and that is told then.
  records.orphans.delete(from);
}

/** Makes the names of `from` mean `to`, and the names in it be in `to`. */
function moveNames(records: RecordSet, from: number, to: number): void {
  for (const { parent, name, record } of records.allNames()) {
    if (!record.whiteout && record.ino === from)
      records.setName(parent, name, { ...record, ino: to });
  }
  for (const { name, record } of records.namesIn(from)) {
    records.removeName(from, name);
    if (records.nameOf(to, name) === undefined) records.setName(to, name, record);
  }
}

function placeOf({ tree }: Pick<Scene, "tree">, node: NodeRecord): { ino: number; path?: string } {
  const path = tree.pathOfNode(node);
  return { ino: node.ino, ...(path !== undefined && { path }) };
}
