/**
 * Measures contenders side by side: each does the same work once a round, and who begins changes from round to round, so
 * that a machine that slows down or is busy treats all alike. The median of the rounds counts; all samples are kept.
 */
import type { Value } from "./report.ts";

/** Thrown by a measurement whose work came out wrong: the contender gets no number. */
export class WrongResult extends Error {}

/**
 * Thrown by a measurement that its contender has no way to do at all. Any other error counts as that too, but with the
 * error's words.
 */
export class Cannot extends Error {}

/** Does the work once and returns the sample. What is not to be measured it does before and after its own clock. */
export type Measurement = () => number | Promise<number>;

/** What `alternate` is told beside its contenders. */
export interface AlternateOptions {
  readonly rounds: number;
  /** Called before each sample. */
  readonly progress?: (contender: string, round: number) => void;
}

/**
 * Takes a sample of each contender in each round. One that throws is not asked again, and has the reason in its place.
 */
export async function alternate(
  contenders: Readonly<Record<string, Measurement>>,
  { rounds, progress }: AlternateOptions,
): Promise<Record<string, Value>> {
  const names = Object.keys(contenders);
  const samples = new Map(names.map((name): [string, number[]] => [name, []]));
  const failures = new Map<string, string>();
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length] as string;
      if (failures.has(name)) continue;
      progress?.(name, round);
      try {
        const sample = await (contenders[name] as Measurement)();
        (samples.get(name) as number[]).push(sample);
      } catch (error) {
        failures.set(name, inPlaceOfNumber(error));
      }
    }
  }
  const value = (name: string): Value => {
    const instead = failures.get(name);
    if (instead !== undefined) return { instead };
    return measured(samples.get(name) as number[]);
  };
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

/** A value out of its samples. */
export function measured(samples: readonly number[]): Value {
  return { median: median(samples), samples };
}

/** The middle sample, or the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError("nothing was measured");
  const sorted = samples.toSorted((a, b) => a - b);
  const above = sorted[Math.floor(sorted.length / 2)] as number;
  const below = sorted[Math.floor((sorted.length - 1) / 2)] as number;
  return (above + below) / 2;
}

/** Milliseconds that `work` takes. */
export async function milliseconds(work: () => unknown): Promise<number> {
  const start_ms = performance.now();
  await work();
  return performance.now() - start_ms;
}

/** @throws WrongResult it is not so */
export function expectRight(isRight: boolean, what: string): void {
  if (!isRight) throw new WrongResult(what);
}

function inPlaceOfNumber(error: unknown): string {
  if (error instanceof WrongResult) return `wrong result: ${error.message}`;
  const words = error instanceof Error ? error.message : String(error);
  return `cannot: ${words.split("\n")[0]}`;
}
