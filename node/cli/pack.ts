/**
 * `minifo pack DIR OUT`: makes a packed base image, for large trees and any web server.
 */
import { Command, InvalidArgumentError } from "commander";
import { type PackSummary, packTree } from "../base/packing.ts";
import { err } from "./colors.ts";
import { inUnits, ProgressBar, reportLeftOut } from "./progress-bar.ts";

const help = `
Makes OUT, which any web server can serve as a base: minifo.json, a few KiB that say
where everything is, and objects/, which never change once they are written. A tree
of a million files opens with one request, and small files come many at a time.

Run it again after every change: only what changed is written, and who has the
generation before open goes on reading it. Uploading? Objects first, minifo.json last.

Examples:
  minifo pack site image && minifo serve image
  minifo pack site image --keep 3          three earlier generations stay readable
  minifo pack site image --prune           remove what no kept generation needs
  minifo pack site image --json | jq .written`;

/** The command `pack`. */
export function packCommand(): Command {
  return new Command("pack")
    .description("make a packed image of a directory, a base over HTTP for large trees")
    .argument("<dir>", "directory of the files to pack")
    .argument("<out>", "directory to publish in; made if it is missing")
    .option("--keep <count>", "earlier generations that stay readable", generations, 1)
    .option("--prune", "remove objects that no kept generation needs")
    .option("--json", "print the summary as JSON on stdout")
    .addHelpText("after", help)
    .action(async (directory: string, out: string, options: Options) => {
      const bar = process.stderr.isTTY ? new ProgressBar(process.stderr) : undefined;
      const summary = await packTree(directory, out, {
        keep: options.keep,
        prune: options.prune ?? false,
        progress: (progress) => bar?.show(progress),
        warn: (message) => {
          bar?.clear();
          process.stderr.write(`${err.yellow("warning:")} ${message}\n`);
        },
      });
      bar?.clear();
      report(summary);
      if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    });
}

interface Options {
  readonly keep: number;
  readonly prune?: boolean;
  readonly json?: boolean;
}

function generations(text: string): number {
  if (!/^\d{1,6}$/.test(text))
    throw new InvalidArgumentError("a count of generations is 0 or more.");
  return Number(text);
}

function report(summary: PackSummary): void {
  const { manifest, entries, bytes, generation, unchanged, leftOut, pruned } = summary;
  reportLeftOut(leftOut);
  const omitted = leftOut.length > 0 ? `, ${leftOut.length} left out` : "";
  process.stderr.write(
    `${manifest}: ${entries} ${entries === 1 ? "entry" : "entries"}, ${inUnits(bytes)} in files${omitted}; ` +
      `${unchanged ? "unchanged since" : "now"} generation ${generation}\n`,
  );
  const { written, bytesWritten, reused } = summary;
  process.stderr.write(
    `objects: ${written} written (${inUnits(bytesWritten)}), ${reused} were there already` +
      `${pruned.removed > 0 ? `, ${pruned.removed} pruned (${inUnits(pruned.bytesRemoved)})` : ""}\n`,
  );
}
