/**
 * What a benchmark found, as data: contenders side by side, row by row, with the targets it was held to and the machine
 * it ran on. A cell is a number with its raw samples, or the words that stand in its place: a wrong result is shown as
 * such and never as a speed. Measuring is measure.ts's matter, drawing table.ts's and picture.ts's.
 */
import { availableParallelism, cpus, loadavg, release } from "node:os";

/** One who does the work that is measured. */
export interface Contender {
  readonly name: string;
  /** What it is exactly: version, options, which of its interfaces was used. */
  readonly remark?: string;
}

/** A number that was measured, or why there is none. */
export type Value =
  | {
      /** The median of `samples`. */
      readonly median: number;
      /** In the order they were taken, one a round. */
      readonly samples: readonly number[];
    }
  | {
      /** In place of a number: "wrong result", "cannot", and what exactly. */
      readonly instead: string;
    };

/** One piece of work, and what it took each contender. */
export interface Row {
  readonly what: string;
  /** As it stands behind the number: "/s", "ms", "bytes", "requests". */
  readonly unit: string;
  readonly better: "more" | "less";
  /** By the contender's name; one that is missing did not take part. */
  readonly values: Readonly<Record<string, Value>>;
}

/** A ratio somebody promised. */
export interface Target {
  /** The row, by its `what`. */
  readonly what: string;
  readonly contender: string;
  readonly against: string;
  /** How many times as good as `against` the contender has to be; 0.5 is half as good. */
  readonly atLeast: number;
  /** What a reader should know when it is missed. */
  readonly because?: string;
}

/** A number somebody promised not to pass. */
export interface Limit {
  /** The row, by its `what`. */
  readonly what: string;
  readonly contender: string;
  /** In the row's unit. */
  readonly atMost: number;
  /** What a reader should know when it is missed. */
  readonly because?: string;
}

/** What a benchmark found. */
export interface Report {
  readonly title: string;
  /** The columns. The first is the one the others are compared to. */
  readonly contenders: readonly Contender[];
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
  readonly limits?: readonly Limit[];
  /** What a reader has to know to judge the numbers. */
  readonly notes: readonly string[];
}

/** A report with where and when it was made, as it is written to a file. */
export interface MachineReport extends Report {
  readonly format: "minifo-bench/1";
  readonly machine: Machine;
}

/** Where and when. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** ISO 8601. */
  readonly date: string;
  /** Processes that wanted to run, over the last minute: above `cores` the machine was busy with other things. */
  readonly load: number;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    kernel: release(),
    node: process.versions.node,
    date: new Date().toISOString(),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

/**
 * How many times as good `contender` is as `against` in this row, more being better whatever the unit. Undefined if one
 * of them has no number, or none that can be divided by.
 */
export function ratio(row: Row, contender: string, against: string): number | undefined {
  const one = numberOf(row.values[contender]);
  const other = numberOf(row.values[against]);
  if (one === undefined || other === undefined) return undefined;
  // Nothing spent by both is as good as each other; nothing spent by one is beyond any ratio.
  if (one === other) return 1;
  const [above, below] = row.better === "more" ? [one, other] : [other, one];
  return below > 0 ? above / below : undefined;
}

/** Whether `target` is met; undefined if it could not be measured. */
export function isMet(report: Report, target: Target): boolean | undefined {
  const row = report.rows.find(({ what }) => what === target.what);
  if (!row) throw new Error(`bug: a target names a row that there is not: ${target.what}`);
  const reached = ratio(row, target.contender, target.against);
  return reached === undefined ? undefined : reached >= target.atLeast;
}

/** Whether `limit` is kept; undefined if it could not be measured. */
export function isKept(report: Report, { what, contender, atMost }: Limit): boolean | undefined {
  const row = report.rows.find((one) => one.what === what);
  if (!row) throw new Error(`bug: a limit names a row that there is not: ${what}`);
  const reached = numberOf(row.values[contender]);
  return reached === undefined ? undefined : reached <= atMost;
}

function numberOf(value: Value | undefined): number | undefined {
  return value && "median" in value ? value.median : undefined;
}
