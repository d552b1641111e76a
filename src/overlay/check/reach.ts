/**
 * What nothing leads to: neither a name that the root leads to, nor a place in the base that still shows, nor the list of
 * orphans. A subtree that is cut off is told once, at its top.
 */
import type { Operation } from "../../operation.ts";
import type { NodeRecord } from "../../storage/storage.ts";
import { rootIno } from "../inode.ts";
import type { Problem, Scene } from "./finding.ts";

/** Nodes that nothing leads to. */
export function* lostProblems(scene: Scene): Operation<Problem[]> {
  const { records, tree } = scene;
  const lost = new Set<number>();
  for (const node of records.nodes.values()) {
    if (!(yield* isFound(scene, node))) lost.add(node.ino);
  }
  const told = new Set<number>();
  const problems: Problem[] = [];
  const tell = (ino: number): void => {
    const below = [...subtree(scene, ino, lost)];
    for (const one of below) told.add(one);
    problems.push(lostProblem(scene, ino, below));
  };
  for (const ino of lost) {
    const isTop = tree.namesOf(ino).every(({ parent }) => !lost.has(parent));
    if (isTop) tell(ino);
  }
  // What is left has only names within what is lost itself: it lies in a cycle.
  for (const ino of lost) if (!told.has(ino)) tell(ino);
  return problems;
}

function* isFound({ records, tree, base }: Scene, node: NodeRecord): Operation<boolean> {
  const { ino, type, identity, origin, nlink } = node;
  if (ino === rootIno || records.orphans.has(ino)) return true;
  if (type === "directory") return tree.isReachedDirectory(ino);
  if (tree.namesOf(ino).some((named) => tree.isReachedName(named))) return true;
  if (identity === undefined || origin === undefined) return false;
  if (tree.isReachedThroughBase(origin)) return true;
  if (!identity.startsWith("link:")) return false;
  // Other names of its link group may lead to it; the link count tells how many there are.
  const below = base ? yield* base.lookup(origin) : null;
  return below === null || below.nlink + nlink > 0;
}

/** `top` and what is lost because it is. */
function subtree({ records }: Scene, top: number, lost: ReadonlySet<number>): Set<number> {
  const below = new Set([top]);
  for (const ino of below) {
    for (const { record } of records.namesIn(ino)) {
      if (!record.whiteout && lost.has(record.ino)) below.add(record.ino);
    }
  }
  return below;
}

function lostProblem({ records, tree }: Scene, ino: number, below: readonly number[]): Problem {
  const node = records.nodes.get(ino);
  const others = below.length - 1;
  const also = others === 0 ? "" : `, nor to the ${others} below it`;
  const isInCycle = tree.namesOf(ino).some(({ parent }) => below.includes(parent));
  return {
    severity: "damage",
    kind: isInCycle ? "directory-cycle" : "node-lost",
    ino,
    what: isInCycle
      ? `inode ${ino} lies in itself: nothing leads to it${also}`
      : `nothing leads to inode ${ino}, a ${node?.type}${also}`,
    remedy: "sets it aside with its data",
    fix: () => {
      for (const one of below) {
        for (const { parent, name } of tree.namesOf(one)) records.removeName(parent, name);
        for (const { name } of records.namesIn(one)) records.removeName(one, name);
        records.removeNode(one);
        const alias = [...records.aliases].find(([, number]) => number === one);
        if (alias) records.removeAlias(alias[0]);
      }
    },
  };
}
