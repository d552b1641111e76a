/**
 * The table of cases as a program, for tests that need another user: built and started by `outcomesAs`. It runs each case
 * on Node's own API in a directory of its own below the one it is given, and prints what became of it, a line each.
 */
import * as native from "node:fs/promises";
import { join } from "node:path";
import { serialize } from "node:v8";
import type { FsPromises } from "../../src/fs/promises.ts";
import { cases } from "./cases.ts";
import { outcomeOf, plant } from "./table.ts";

const [, , directory] = process.argv;
if (directory === undefined) throw new Error("usage: user-program DIRECTORY");

// Its types say Buffer where ours say Uint8Array; a Buffer is one.
const fs = native as unknown as FsPromises;
// What the cases expect of modes is meant with this one.
process.umask(0o022);
for (const [index, testCase] of cases.entries()) {
  const root = join(directory, String(index));
  await native.mkdir(root);
  await plant(fs, root, testCase.given ?? {});
  const outcome = await outcomeOf(testCase, fs, root);
  console.log(serialize(outcome).toString("base64"));
}
