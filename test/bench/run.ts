/**
 * `npm run bench -- NAME [WORD…] [--full] [--rounds N] [--json FILE] [--svg FILE]`: runs one benchmark and prints its table.
 * Words choose the rows whose name has one of them; --full adds what takes long. Progress goes to stderr where that is a terminal.
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { StatusLine } from "../../node/cli/status-line.ts";
import type { Bench } from "./bench.ts";
import { pictureOf } from "./picture.ts";
import { type MachineReport, machine } from "./report.ts";
import { tableOf } from "./table.ts";

const usage = "npm run bench -- NAME [WORD…] [--full] [--rounds N] [--json FILE] [--svg FILE]";

/** The benchmarks there are: the folders beside this file that have a bench.js. */
function names(): string[] {
  const folder = import.meta.dirname;
  return readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/bench.js`));
}

function refuse(words: string): never {
  console.error(`bench: ${words}\n${usage}\nThere are: ${names().join(", ")}.`);
  process.exit(2);
}

function argumentsOf(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        full: { type: "boolean" },
        rounds: { type: "string" },
        json: { type: "string" },
        svg: { type: "string" },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { positionals, values } = argumentsOf(process.argv.slice(2));
const [name, ...only] = positionals;
if (name === undefined) refuse("name a benchmark.");
if (!names().includes(name)) refuse(`there is no benchmark "${name}".`);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds > 0)) {
  refuse(`--rounds takes a whole number above 0, not "${values.rounds}".`);
}

const { bench } = (await import(`./${name}/bench.js`)) as { bench: Bench };
const line = new StatusLine(process.stderr);
const found = await bench({
  rounds,
  only,
  full: values.full ?? false,
  progress: (words) => line.show(words),
});
line.clear();
const report: MachineReport = { format: "minifo-bench/1", machine: machine(), ...found };
console.log(tableOf(report));
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
if (values.svg !== undefined) writeFileSync(values.svg, pictureOf(report));
