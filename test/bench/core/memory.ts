/**
 * The memory part of `bench -- core`: what the heap holds, garbage apart, after work over a large tree, each case in a
 * process of its own. minifo lies over a site with a manifest of 100,000 files, none of which was fetched; memfs has to
 * hold the same names with empty files.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type BenchOptions, isAskedFor } from "../bench.ts";
import { Cannot, measured, WrongResult } from "../measure.ts";
import type { Row, Value } from "../report.ts";
import type { Found, Kind } from "./memory-program.ts";

const program = new URL("./memory-program.js", import.meta.url).pathname;

/** What is measured, and where the program's answer tells it. */
const quantities: readonly { readonly what: string; readonly of: (found: Found) => number }[] = [
  { what: "memory for 100,000 files, open", of: ({ opened }) => opened },
  { what: "memory after find over 100,000 files", of: ({ walked }) => walked },
  { what: "memory after changing 10,000 of 100,000", of: ({ changed }) => changed },
];

/** The rows, in MiB; `contenders` says what each kind is called. */
export async function memoryRows(
  options: BenchOptions,
  contenders: Readonly<Record<Kind, string>>,
): Promise<Row[]> {
  const asked = quantities.filter(({ what }) => isAskedFor(options, what));
  if (asked.length === 0) return [];
  const found = new Map<string, Found | Value>();
  for (const kind of ["inMemory", "onDisk", "memfs"] as const) {
    const name = contenders[kind];
    options.progress(`memory: ${name}`);
    found.set(name, await run(kind));
  }
  return asked.map(({ what, of }) => {
    const values = [...found].map(([name, answer]): [string, Value] => [
      name,
      "opened" in answer ? measured([of(answer) / 2 ** 20]) : answer,
    ]);
    return { what, unit: "MiB", better: "less", values: Object.fromEntries(values) };
  });
}

async function run(kind: Kind): Promise<Found | Value> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program, kind]);
  const answer = JSON.parse(stdout) as Found | { readonly failed: string; readonly wrong: boolean };
  if (!("failed" in answer)) return answer;
  const error = answer.wrong ? WrongResult : Cannot;
  return { instead: `${error === WrongResult ? "wrong result" : "cannot"}: ${answer.failed}` };
}
