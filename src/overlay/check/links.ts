/** Link counts, as far as the records tell them, and with the base at hand those of its directories and link groups. */
import { joinBasePath, pathIdentity } from "../../base/base.ts";
import type { Operation } from "../../operation.ts";
import type { NodeRecord } from "../../storage/storage.ts";
import type { Problem, Scene } from "./finding.ts";

/** Link counts that are wrong. */
export function* linkProblems(scene: Scene): Operation<Problem[]> {
  const { records, tree } = scene;
  const problems: Problem[] = [];
  for (const node of records.nodes.values()) {
    if (records.orphans.has(node.ino)) continue;
    const right =
      node.type === "directory"
        ? yield* linksOfDirectory(scene, node)
        : yield* linksOfFile(scene, node);
    if (right === undefined || right === node.nlink) continue;
    const path = tree.pathOfNode(node);
    const { ino, nlink } = node;
    const kind = node.origin === undefined ? "links" : "links more than the base";
    problems.push({
      severity: "damage",
      kind: "link-count",
      ...(path !== undefined && { path }),
      ino,
      what: `inode ${ino} counts ${nlink} ${kind}, but there are ${right}`,
      remedy: `makes it ${right}`,
      fix: () => records.changeNode(ino, { nlink: right }),
    });
  }
  return problems;
}

/** What the node's link count has to be; undefined if that cannot be told. */
function* linksOfFile(
  { records, tree, base }: Scene,
  node: NodeRecord,
): Operation<number | undefined> {
  const { ino, identity, origin, nlink } = node;
  const names = tree.namesOf(ino).length;
  if (identity === undefined || origin === undefined) return names;
  if (identity === pathIdentity(origin)) {
    const below = base ? yield* base.lookup(origin) : null;
    // It has become one of several names in the base meanwhile: those it counts itself.
    if (below && below.identity !== identity) return undefined;
    return names + Number(tree.isReachedThroughBase(origin)) - 1;
  }
  const below = base ? yield* base.lookup(origin) : null;
  if (!below || below.identity !== identity || below.signature !== node.signature) return undefined;
  // Names that the base has and nobody touched are not recorded: there are at least these.
  return below.nlink + nlink < names && records.nodes.has(ino) ? names - below.nlink : undefined;
}

function* linksOfDirectory(scene: Scene, node: NodeRecord): Operation<number | undefined> {
  const { records, base } = scene;
  const { ino, origin } = node;
  const names = records.namesIn(ino);
  const isDirectory = ({ record }: (typeof names)[number]) =>
    !record.whiteout && record.type === "directory";
  if (origin === undefined) return 2 + names.filter(isDirectory).length;
  const below = base ? yield* base.lookup(origin) : null;
  // Where the base has moved on, its names may not be those that were counted.
  if (!base || below?.type !== "directory") return undefined;
  if (node.signature !== undefined && below.signature !== node.signature) return undefined;
  let links = 0;
  for (const named of names) {
    const inBase = yield* base.lookup(joinBasePath(origin, named.name));
    // The base had it when this was recorded: it has moved on since, and with it what was counted.
    if (!inBase && (named.record.whiteout || named.record.origin !== undefined)) return undefined;
    links += Number(isDirectory(named)) - Number(inBase?.type === "directory");
  }
  return links;
}
