/**
 * `minifo index DIR`: writes the `minifo.json` that makes a directory of files a base.
 */
import { Command } from "commander";
import { objectsNames } from "../../src/index.ts";
import { type IndexSummary, indexTree } from "../base/indexing.ts";
import { err } from "./colors.ts";
import { inUnits, ProgressBar, reportLeftOut } from "./progress-bar.ts";

const help = `
Walks DIR, hashes every file, and writes DIR/minifo.json; the index of a large tree
is spread over DIR/minifo.objects as well. Whatever serves DIR over HTTP then serves a base that can be mounted or opened in a page. Run it again after
every change of the files: contents that do not fit the index are refused.

Permissions, times to the nanosecond, symlinks and hard links are kept. Names that
are no UTF-8, special files and files that cannot be read are left out, and told.

Examples:
  minifo index site
  minifo index site && minifo serve site
  minifo index site --json | jq .leftOut`;

/** The command `index`. */
export function indexCommand(): Command {
  return new Command("index")
    .description("write the index (minifo.json) that makes a directory a base over HTTP")
    .argument("<dir>", "directory of the files to index")
    .option("--json", "print the summary as JSON on stdout")
    .addHelpText("after", help)
    .action(async (directory: string, options: { json?: boolean }) => {
      const bar = process.stderr.isTTY ? new ProgressBar(process.stderr) : undefined;
      const summary = await indexTree(directory, {
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

function report(summary: IndexSummary): void {
  const { manifest, entries, bytes, manifestBytes, indexObjects, indexObjectBytes, leftOut } =
    summary;
  reportLeftOut(leftOut);
  const omitted = leftOut.length > 0 ? `, ${leftOut.length} left out` : "";
  const spread =
    indexObjects > 0
      ? ` and ${inUnits(indexObjectBytes)} in ${indexObjects} files of ${objectsNames.tree}`
      : "";
  process.stderr.write(
    `${manifest}: ${entries} ${entries === 1 ? "entry" : "entries"}, ${inUnits(bytes)} in files, index of ${inUnits(manifestBytes)}${spread}${omitted}
`,
  );
}
