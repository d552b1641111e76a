/** The breakages follow the code: `npm run mutants` itself takes too long to be run at every change. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly edits: readonly (readonly [find: string, replacement: string])[];
}

test("every breakage of npm run mutants still finds what it breaks, exactly once", async () => {
  const list = new URL("mutants.js", import.meta.url).href;
  const { mutants } = (await import(/* @vite-ignore */ list)) as { mutants: readonly Mutant[] };
  expect(mutants.length).toBeGreaterThan(30);
  for (const { name, file, edits } of mutants) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    for (const [find] of edits) {
      expect([name, find, text.split(find).length - 1]).toEqual([name, find, 1]);
    }
  }
});
