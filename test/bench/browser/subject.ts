/**
 * What the pages of the benchmark and the program that drives them say to each other. A page makes `globalThis.bench`;
 * each of its steps does one piece of work by its own clock and checks the result after it.
 */

/** As much of a file system as the work needs; paths begin with a slash. */
export interface Subject {
  readdir(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<{ readonly size: number }>;
  readFile(path: string): Promise<Uint8Array>;
  /** Replaces or makes the file; resolves as the contender's own call does. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  readPart(path: string, offset: number, length: number): Promise<Uint8Array>;
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** The names in a directory and the size of what is a file, in the fewest calls that there are for it. */
  list(path: string): Promise<readonly Listed[]>;
  /** The contents of many files at once, likewise. */
  readMany(paths: readonly string[]): Promise<readonly Uint8Array[]>;
}

export interface Listed {
  readonly name: string;
  /** Undefined: a directory. */
  readonly size: number | undefined;
}

/** The pieces of work, in the order they are done. */
export type Step =
  | "open"
  | "stat"
  | "stat root"
  | "walk"
  | "read"
  | "read again"
  | "read at once"
  | "middle"
  | "chunk"
  | "append"
  | "overwrite"
  | "overwrite at once"
  | "delete"
  | "rename"
  | "open again"
  | "write";

/** What is looked at after a browser was killed, or a page reloaded. */
export type Look = "append" | "overwrite" | "overwrite at once" | "delete" | "rename";

/** What a step took, or why it has no number. */
export interface StepTaken {
  readonly time_ms: number;
  /** What came out wrong. */
  readonly wrong?: string | undefined;
}

/** What a page offers to who drives it. */
export interface BenchPage {
  run(step: Step): Promise<StepTaken>;
  /** What is wrong with what the step left behind; undefined: nothing. */
  look(look: Look): Promise<string | undefined>;
  /** How many of the files of the last step are there as they were written. */
  countSurvivors(): Promise<number>;
  /** Bytes of all values in this origin's databases. */
  stored(): Promise<number>;
}

declare global {
  /** What the page offers. */
  var bench: BenchPage;
}

/** Milliseconds of `work`, and what `check` finds wrong with what it gave. */
export async function taken<T>(
  work: () => Promise<T>,
  check?: (result: T) => Promise<string | undefined> | string | undefined,
): Promise<StepTaken> {
  const start_ms = performance.now();
  const result = await work();
  const time_ms = performance.now() - start_ms;
  return { time_ms, wrong: await check?.(result) };
}
