/** `minifo check STORAGE`: whether a storage is sound, and with --repair setting aside what is not. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import {
  type Base,
  type CheckReport,
  check,
  type Finding,
  FsError,
  run,
  type StorageInspection,
} from "../../src/index.ts";
import { networkFetcher } from "../base/network.ts";
import { openBase } from "../base/open-base.ts";
import { callOwner } from "../control/client.ts";
import { waitForClosing } from "../mount/owners.ts";
import { inspectDiskStorage } from "../storage/inspection.ts";
import { err, out } from "./colors.ts";
import { escaped, quoted } from "./quoted.ts";
import { StatusLine } from "./status-line.ts";

const help = `
Reads every record of the storage and looks at all of its data: whether every name
means something, every directory is found once, counts are right, and the data is
there that the records speak of. One line for each finding:

  damage     something is wrong; the line ends with what --repair does about it
  harmless   something is there that nobody needs

While it is mounted, whoever serves it is asked to store everything first, and then
it is read beside them. What can only be told with the base (names that hide nothing,
link counts of its directories) is left out if the base cannot be reached.

--repair needs a storage that is not mounted. It deletes nothing: records that are
wrong, and data that belongs to no file any more, are moved to quarantine/TIME in the
storage, as records.json and content/ID. What is left is sound.

--json prints one object {storage, base, damaged, repaired, quarantine, findings};
findings are objects {severity, kind, path, ino, what, remedy}, base is null if it was
not asked, and damaged says whether anything is.

Exit code: 0 nothing is damaged (any more), 1 something is or it could not be checked,
2 wrong call.

Examples:
  minifo check changes
  minifo check changes --repair
  minifo check changes --offline --json | jq -r '.findings[].path'`;

interface Options {
  readonly repair?: true;
  readonly json?: true;
  readonly base?: string;
  readonly offline?: true;
}

/** How long an owner that is closing is waited for, in milliseconds. */
const closingPatience_ms = 10_000;

/** How often a storage is read again that changed under the reading, and how long it is left alone before, in ms. */
const readings = 5;
const pause_ms = 200;

/** The command `check`. */
export function checkCommand(): Command {
  return new Command("check")
    .description("tell whether a storage is sound, and repair it")
    .argument("<storage>", "directory that keeps the changes")
    .option("--repair", "move what is damaged to a quarantine, so that the rest is sound")
    .option("--base <base>", "URL or directory that lies below, if it is not where it was")
    .addOption(new Option("--offline", "do not ask the base").conflicts("base"))
    .option("--json", "print an object for machines")
    .addHelpText("after", help)
    .action(async (storage: string, options: Options) => {
      const told = await checkStorage(storage, options);
      if (options.json) process.stdout.write(`${JSON.stringify(told, undefined, 2)}\n`);
      else tell(storage, told, options.repair === true);
      if (told.damaged) process.exitCode = 1;
    });
}

/** What `--json` prints. */
interface Told extends CheckReport {
  readonly storage: string;
  /** The base that was asked, or null. */
  readonly base: string | null;
}

async function checkStorage(path: string, options: Options): Promise<Told> {
  const holder = await waitForClosing(path, closingPatience_ms, note);
  if (holder && !options.repair) {
    const answer = await callOwner(path, "flush");
    if (!answer)
      note(
        `process ${holder.pid} has the storage and takes no calls: what it has not stored is not seen`,
      );
  }
  const storage = inspectDiskStorage(path, { repair: options.repair === true });
  const line = new StatusLine(process.stderr);
  try {
    const base = await baseOf(storage, options);
    try {
      const report = await checked(path, storage, base, options, line);
      return { storage: path, base: base?.locator ?? null, ...report };
    } finally {
      if (base) await run(base.close());
    }
  } finally {
    line.clear();
    await run(storage.close());
  }
}

/** Checks, and again if somebody changed the storage meanwhile; after a repair whether that left anything. */
async function checked(
  path: string,
  storage: StorageInspection,
  base: Base | undefined,
  options: Options,
  line: StatusLine,
): Promise<CheckReport> {
  const progress = (step: string) => line.show(step);
  for (let reading = 1; ; reading += 1) {
    const before = await generationOf(storage);
    const report = await run(check({ storage, base, progress, repair: options.repair === true }));
    if (report.repaired) {
      const after = await run(check({ storage, base, progress }));
      return { ...report, damaged: after.damaged };
    }
    if (options.repair || !report.damaged || before === (await generationOf(storage)))
      return report;
    if (reading === readings) {
      const reason = "the storage changes faster than it can be checked; unmount it first";
      throw new FsError("EBUSY", { syscall: "check", path, reason });
    }
    await sleep(pause_ms);
  }
}

async function generationOf(storage: StorageInspection): Promise<unknown> {
  return (await superblockIn(storage))?.generation;
}

/** The superblock as it lies there: of any shape. */
async function superblockIn(
  storage: StorageInspection,
): Promise<{ generation?: unknown; base?: { locator?: unknown } } | undefined> {
  const { records } = await run(storage.state());
  const value = records.find(({ key }) => key.kind === "superblock")?.value;
  return typeof value === "object" && value !== null ? value : undefined;
}

/** The base of the storage; undefined if it is not to be asked or cannot be. */
async function baseOf(
  storage: StorageInspection,
  { base, offline }: Options,
): Promise<Base | undefined> {
  if (offline) return undefined;
  if (base !== undefined) return await run(openBase(base, networkFetcher));
  const locator = (await superblockIn(storage))?.base?.locator;
  if (typeof locator !== "string") return undefined;
  try {
    return await run(openBase(locator, networkFetcher));
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    note(`the base cannot be asked, so what depends on it is left out: ${error.message}`);
    return undefined;
  }
}

const marks = {
  damage: out.red("damage  "),
  harmless: out.dim("harmless"),
} as const;

function tell(
  storage: string,
  { findings, repaired, damaged, quarantine }: Told,
  repair: boolean,
): void {
  const order = [...findings].sort((a, b) =>
    a.severity < b.severity ? -1 : Number(a.severity > b.severity),
  );
  for (const finding of order) process.stdout.write(`${lineOf(finding, repaired)}\n`);
  const bad = findings.filter(({ severity }) => severity === "damage").length;
  const harmless = findings.length - bad;
  const also =
    harmless === 0
      ? ""
      : `; ${harmless} ${harmless === 1 ? "finding is" : "findings are"} harmless`;
  if (quarantine !== undefined) note(`what was taken out is in ${quoted(quarantine)}`);
  if (damaged && repaired) note(`not all of it could be repaired${also}`);
  else if (damaged && !repair)
    note(`${bad} damaged${also}; repair with: minifo check --repair ${quoted(storage)}`);
  else if (damaged) note(`${bad} damaged, and none of it could be repaired${also}`);
  else if (repaired) note(`repaired: nothing is damaged any more${also}`);
  else note(`nothing is damaged${also}`);
}

function lineOf({ severity, path, what, remedy }: Finding, repaired: boolean): string {
  const place = path === undefined ? "" : `${path === "" ? "." : quoted(path)}: `;
  if (severity === "harmless") return `${marks.harmless}  ${place}${escaped(what)}`;
  return `${marks.damage}  ${place}${escaped(what)}; ${repaired ? "the repair" : "--repair"} ${escaped(remedy)}`;
}

function note(message: string): void {
  process.stderr.write(`${err.dim(message)}\n`);
}
