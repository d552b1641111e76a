/**
 * What `npm run bench -- NAME` runs: the function `bench` of `test/bench/NAME/bench.ts`. A folder is all it takes to be
 * one more benchmark.
 */
import type { Report } from "./report.ts";

/** What a benchmark is told. */
export interface BenchOptions {
  /** Samples of each measurement; undefined: as many as the benchmark thinks right. */
  readonly rounds: number | undefined;
  /** Only the rows whose name has one of these words; empty: all. */
  readonly only: readonly string[];
  /** Also what takes long. */
  readonly full: boolean;
  /** Tells what is going on, on a terminal. */
  readonly progress: (words: string) => void;
}

/** What `bench.ts` exports as `bench`. What it needs and cannot have it says in the report, instead of failing. */
export type Bench = (options: BenchOptions) => Promise<Report>;

/** Whether the row is one of those that were asked for. */
export function isAskedFor({ only }: BenchOptions, what: string): boolean {
  return only.length === 0 || only.some((word) => what.includes(word));
}
