/** Runs the table of cases on one implementation. */
import { describe, expect, test } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { cases } from "./cases.ts";
import { type ConformanceCase, fieldsIn, told } from "./table.ts";

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

export function conformanceSuite(implementation: Implementation): void {
  const { name, begin, deviations, isRoot = true } = implementation;
  describe(`${name} does as Node does:`, () => {
    for (const [index, testCase] of cases.entries()) {
      const deviates = deviations?.has(testCase.name) ?? false;
      const isSkipped = testCase.needs === "root" && !isRoot;
      test(testCase.name, { fails: deviates, skip: isSkipped }, async () => {
        const { fs, root } = await begin(testCase, index);
        await check(testCase, fs, root);
      });
    }
  });
}

async function check(testCase: ConformanceCase, fs: FsPromises, root: string): Promise<void> {
  const promise = testCase.run(fs, (path) => root + path);
  if (testCase.fails === undefined) {
    expect(await promise).toEqual(testCase.gives);
    return;
  }
  const error = await promise.then(
    (value) => expect.fail(`expected ${testCase.fails}, and it gave ${JSON.stringify(value)}`),
    (reason: unknown) => told(reason, root),
  );
  if (!testCase.fails.includes(":")) {
    expect(error.code).toBe(testCase.fails);
    return;
  }
  const { errno, ...fields } = error;
  expect(fields).toEqual(fieldsIn(testCase.fails));
  expect(errno).toBeLessThan(0);
}
