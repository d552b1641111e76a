/**
 * `minifo check`: holds a storage to every rule of FORMAT.md section 1, and repairs it. A check applies each remedy to a
 * copy of the records in memory at once and looks again, until nothing is damaged; a repair writes what that came to, in
 * one step. Nothing is deleted: what is wrong goes into the storage's quarantine.
 */
import type { Base } from "../../base/base.ts";
import type { Operation } from "../../operation.ts";
import type { Repair, StorageInspection } from "../../storage/inspection.ts";
import type { Superblock } from "../../storage/storage.ts";
import { identityHash } from "../identity-hash.ts";
import type { IdentityHash } from "../inode.ts";
import { baseProblems } from "./base-names.ts";
import { contentDataProblems, contentRecordProblems, unclaimedProblems } from "./contents.ts";
import type { Finding, Problem, Scene } from "./finding.ts";
import { linkProblems } from "./links.ts";
import { absentNodeProblems, directoryProblems, nameProblems } from "./names.ts";
import { aliasProblems, anonymousProblems, numberProblems, orphanProblems } from "./numbers.ts";
import { lostProblems } from "./reach.ts";
import { RecordSet } from "./record-set.ts";
import { takeIn } from "./shapes.ts";
import { superblockProblems } from "./superblock.ts";
import { Tree } from "./tree.ts";

export type { Finding, Severity } from "./finding.ts";

/** What `check` needs. */
export interface CheckOptions {
  /** Stays open. */
  readonly storage: StorageInspection;
  /** What the storage lies over; without it what depends on the base is left out. Stays open. */
  readonly base?: Base | undefined;
  /** Put right what is damaged. */
  readonly repair?: boolean;
  /** As in `OverlayOptions`. */
  readonly hash?: IdentityHash | undefined;
  /** Called with a few words before each step. */
  readonly progress?: (step: string) => void;
}

/** What a check found. */
export interface CheckReport {
  /** In the order in which they were found; those without a remedy last. */
  readonly findings: readonly Finding[];
  /** Whether damage was put right, all that could be. */
  readonly repaired: boolean;
  /** Whether damage is left. */
  readonly damaged: boolean;
  /** Where the repair put what it took out. */
  readonly quarantine?: string;
}

/** Rounds after which the remedies must have come to an end; each leaves less to put right. */
const maxRounds = 64;

/**
 * Checks a storage, and repairs it if `repair` says so.
 * @throws EINVAL a later minifo wrote the storage
 * @throws ENOSPC, EDQUOT the quarantine does not fit; nothing was changed
 * @throws EIO the storage cannot be read, or its base cannot be asked
 */
export function* check(options: CheckOptions): Operation<CheckReport> {
  const { storage, progress = () => {} } = options;
  progress("reading the records");
  const state = yield* storage.state();
  const records = new RecordSet(state.closed);
  const fixed: Problem[] = takeIn(state, records);
  // Before any remedy takes a claim away.
  const unclaimed = [...unclaimedProblems(records)];
  let open: Problem[] = [];
  for (let round = 1; ; round += 1) {
    if (round > maxRounds) throw new Error("bug: the remedies of a check come to no end");
    const before = fixed.length;
    open = yield* goThrough(records, options, fixed);
    if (fixed.length === before) break;
  }
  const findings = [...fixed, ...open, ...unclaimed].map(findingOf);
  const isDamage = ({ severity }: Finding) => severity === "damage";
  if (!options.repair || fixed.length === 0 || !records.superblock) {
    return { findings, repaired: false, damaged: findings.some(isDamage) };
  }
  progress("repairing");
  const quarantine = yield* storage.repair(repairOf(records, records.superblock, fixed));
  return { findings, repaired: true, damaged: open.some(isDamage), quarantine };
}

/** Applies every rule once, in an order in which each may rely on those before. Returns what has no remedy. */
function* goThrough(
  records: RecordSet,
  { storage, base, hash, progress = () => {} }: CheckOptions,
  fixed: Problem[],
): Operation<Problem[]> {
  const open: Problem[] = [];
  const settle = (problems: Iterable<Problem>): void => {
    // All of a rule's findings first: a remedy changes what it looks at.
    for (const problem of [...problems]) {
      problem.fix?.();
      (problem.fix ? fixed : open).push(problem);
    }
  };
  settle(superblockProblems(records, base, randomId));
  const { superblock } = records;
  if (!superblock) return open;
  const scene: Scene = {
    records,
    tree: new Tree(records),
    base,
    hash: hash ?? identityHash(superblock.overlayId),
  };
  progress("checking the records");
  settle(yield* anonymousProblems(scene));
  settle(numberProblems(scene));
  settle(nameProblems(scene));
  settle(yield* absentNodeProblems(scene));
  settle(aliasProblems(scene));
  settle(orphanProblems(scene));
  settle(directoryProblems(scene));
  settle(contentRecordProblems(scene));
  progress("checking the data");
  settle(yield* contentDataProblems(scene, storage));
  progress("checking what leads where");
  settle(yield* lostProblems(scene));
  settle(yield* linkProblems(scene));
  settle(yield* baseProblems(scene));
  return open;
}

/** The step that makes the storage what `records` have become. */
function repairOf(records: RecordSet, superblock: Superblock, fixed: readonly Problem[]): Repair {
  const { aside, put } = records.changed();
  const claimed = records.claimed();
  return {
    findings: fixed.map(lineOf),
    aside,
    // Raised as by any commit, so that readers drop what they have cached.
    put: { ...put, superblock: { ...superblock, generation: superblock.generation + 1 } },
    contents: [...records.contents.keys()].filter((content) => !claimed.has(content)),
    zeros: [...records.zeros.values()].filter(({ content }) => claimed.has(content)),
  };
}

function findingOf({ fix: _, ...finding }: Problem): Finding {
  return finding;
}

function lineOf({ path, what, remedy }: Finding): string {
  return `${path === undefined ? "" : `${JSON.stringify(path)}: `}${what}; ${remedy}`;
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
