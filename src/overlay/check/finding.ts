/** What a check finds, as users are told it, and as the rules hand it on: with the remedy a repair would apply. */
import type { Base } from "../../base/base.ts";
import type { IdentityHash } from "../inode.ts";
import type { RecordSet } from "./record-set.ts";
import type { Tree } from "./tree.ts";

/** How bad a finding is: something is wrong, or something is there that nobody needs. */
export type Severity = "damage" | "harmless";

/** Every kind of finding, as words for programs. */
export const findingKinds = [
  "alias-needless",
  "alias-unreadable",
  "alias-wrong",
  "content-end",
  "content-missing",
  "content-of-no-file",
  "content-record",
  "content-twice",
  "content-unclaimed",
  "content-unreadable",
  "directory-cycle",
  "directory-names",
  "foreign-record",
  "identity-twice",
  "link-count",
  "name-hides",
  "name-illegal",
  "name-in-no-directory",
  "name-of-root",
  "name-origin",
  "name-origin-gone",
  "name-type",
  "name-unreadable",
  "name-without-node",
  "node-attributes",
  "node-lost",
  "node-origin",
  "node-unreadable",
  "number-range",
  "number-without-alias",
  "origin-gone",
  "orphan-gone",
  "orphan-named",
  "orphan-unreadable",
  "root-node",
  "superblock-counter",
  "superblock-fields",
  "superblock-missing",
  "superblock-unreadable",
  "whiteout-over-nothing",
] as const;

/** Which rule a finding breaks. */
export type FindingKind = (typeof findingKinds)[number];

/** One thing that is not as FORMAT.md says. */
export interface Finding {
  readonly severity: Severity;
  readonly kind: FindingKind;
  /** Overlay path, without a leading slash, where one is known; "" is the root. */
  readonly path?: string;
  readonly ino?: number;
  /** What is wrong, in words. */
  readonly what: string;
  /** What a repair does about it, in words: "sets the name aside". */
  readonly remedy: string;
}

/** A finding as a rule gives it. */
export interface Problem extends Finding {
  /**
   * Applies the remedy to the records. Earlier remedies may have changed them since the rule looked, so it looks again.
   * Absent where nothing can or need be done.
   */
  readonly fix?: () => void;
}

/** What the rules look at. */
export interface Scene {
  readonly records: RecordSet;
  readonly tree: Tree;
  /** Undefined if the base cannot be asked: what depends on it is left out. */
  readonly base: Base | undefined;
  readonly hash: IdentityHash;
}
