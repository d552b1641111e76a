/** Records that speak of something the base does not have: harmless, and what a base that changed leaves behind. */
import { joinBasePath } from "../../base/base.ts";
import type { Operation } from "../../operation.ts";
import { rootIno } from "../inode.ts";
import type { FindingKind, Problem, Scene } from "./finding.ts";

/** Whiteouts over nothing, and origins that are gone. */
export function* baseProblems(scene: Scene): Operation<Problem[]> {
  const { records, tree, base } = scene;
  const problems: Problem[] = [];
  const tell = (
    kind: FindingKind,
    path: string | undefined,
    ino: number | undefined,
    what: string,
  ) =>
    problems.push({
      severity: "harmless",
      kind,
      ...(path !== undefined && { path }),
      ...(ino !== undefined && { ino }),
      what,
      remedy: "leaves it",
    });
  for (const named of records.allNames()) {
    const { parent, name, record } = named;
    const directory = parent === rootIno ? "" : records.nodes.get(parent)?.origin;
    if (directory === undefined) {
      if (record.whiteout) {
        const what = "a name is hidden in a directory that shows nothing of the base";
        tell("whiteout-over-nothing", tree.pathOfName(named), undefined, what);
      }
      continue;
    }
    if (!base || (!record.whiteout && record.origin === undefined)) continue;
    const below = yield* base.lookup(joinBasePath(directory, name));
    if (record.whiteout) {
      if (below) continue;
      const what = "a name is hidden that the base does not have";
      tell("whiteout-over-nothing", tree.pathOfName(named), undefined, what);
    } else if (below?.identity !== records.nodes.get(record.ino)?.identity) {
      const what = below
        ? "the base has something else here now"
        : "the base does not have this any more";
      tell("name-origin-gone", tree.pathOfName(named), record.ino, what);
    }
  }
  if (!base) return problems;
  for (const node of records.nodes.values()) {
    const { ino, origin, type } = node;
    if (origin === undefined) continue;
    const below = yield* base.lookup(origin);
    if (below?.type === type) continue;
    const told = JSON.stringify(origin);
    const what = below
      ? `the base's ${told} is a ${below.type} now, no ${type}`
      : `the base does not have ${told} any more`;
    tell("origin-gone", tree.pathOfNode(node), ino, what);
  }
  return problems;
}
