/** Runs the table of cases on one implementation. */
import { describe, expect, test } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { cases } from "./cases.ts";
import { type ConformanceCase, fieldsIn, type Outcome, outcomeOf } from "./table.ts";

/** Something of `node:fs/promises` shape to run the table on. */
export interface Implementation {
  readonly name: string;
  /** Makes what `testCase` is given in an empty directory of its own, and says where. */
  readonly begin: (
    testCase: ConformanceCase,
    index: number,
  ) => Promise<{ readonly fs: FsPromises; readonly root: string }>;
  /** Cases it cannot pass, by name, and why not: they run and must fail. */
  readonly deviations?: ReadonlyMap<string, string>;
  readonly isRoot?: boolean;
}

export function conformanceSuite({ begin, ...rest }: Implementation): void {
  conformanceOfOutcomes({
    ...rest,
    outcome: async (testCase, index) => {
      const { fs, root } = await begin(testCase, index);
      return await outcomeOf(testCase, fs, root);
    },
  });
}

/** An implementation whose cases run elsewhere: in another process, as somebody else. */
export interface ElsewhereImplementation extends Omit<Implementation, "begin"> {
  readonly outcome: (testCase: ConformanceCase, index: number) => Outcome | Promise<Outcome>;
}

/** As `conformanceSuite`, by what became of each case. */
export function conformanceOfOutcomes(implementation: ElsewhereImplementation): void {
  const { name, outcome, deviations, isRoot = true } = implementation;
  describe(`${name} does as Node does:`, () => {
    for (const [index, testCase] of cases.entries()) {
      const deviates = deviations?.has(testCase.name) ?? false;
      const expected = isRoot || !testCase.asUser ? testCase : testCase.asUser;
      const refused = expected === testCase ? "" : " (as who is not root)";
      test(`${testCase.name}${refused}`, { fails: deviates }, async () =>
        expectOutcome(expected, await outcome(testCase, index)),
      );
    }
  });
}

function expectOutcome(
  expected: { readonly gives?: unknown; readonly fails?: string },
  outcome: Outcome,
): void {
  const { fails } = expected;
  if (fails === undefined) {
    expect(outcome).toEqual({ value: expected.gives });
    return;
  }
  if ("value" in outcome) {
    expect.fail(`expected ${fails}, and it gave ${JSON.stringify(outcome.value)}`);
  }
  const { errno, ...fields } = outcome.error;
  if (!fails.includes(":")) {
    expect(fields.code).toBe(fails);
    return;
  }
  expect(fields).toEqual(fieldsIn(fails));
  expect(errno).toBeLessThan(0);
}
