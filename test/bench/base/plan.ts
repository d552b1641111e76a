/** What the benchmark's server tells its clients to do, and what they answer; as JSON, for they are other processes. */

/** Who fetches. */
export type Kind = "minifo" | "zenfs";

/** Something to read, and the digest of what has to come. */
export interface Piece {
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
}

export interface Plan {
  /** The root apart. */
  readonly entries: number;
  readonly inRoot: number;
  /** A small file six levels deep. */
  readonly deep: Piece;
  /** Small files of one subtree. */
  readonly many: readonly Piece[];
  readonly large?: Piece & { readonly offset: number; readonly length: number };
}

/** What a step took. */
export interface Taken {
  readonly requests: number;
  /** Times a request came while none was under way: round trips, as long as each is much longer than what is between. */
  readonly trips: number;
  readonly bytes: number;
  readonly time_ms: number;
  /** Bytes that the process held more than before it mounted; where the step is about that. */
  readonly held?: number;
  /** Wrong contents that were given as right ones; where the step is about that. */
  readonly believed?: number;
}

/** What a client answers: each step it took, or why not. */
export type Answer = Readonly<Record<Step, Taken | { readonly instead: string }>>;

/** The steps, in the words of the table. */
export const steps = [
  "mount",
  "ls /",
  "stat six deep",
  "ENOENT beside it",
  "find",
  "first byte of a small file, from nothing",
  "1,000 small files of a subtree",
  "64 KiB amid 256 MiB",
  "bad answers",
] as const;

export type Step = (typeof steps)[number];

/** How an answer is made a bad one. */
export const spoilings = ["flipped", "truncated", "html", "gzip", "gone"] as const;

export type Spoiling = (typeof spoilings)[number];
