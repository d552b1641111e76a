/**
 * `minifo index DIR`: writes the `minifo.json` that makes a directory of files a base.
 */
import { Command } from "commander";
import { objectsNames, run } from "../../src/index.ts";
import { type IndexSummary, indexTree } from "../base/indexing.ts";
import { mirrorTree } from "../base/mirroring.ts";
import { networkFetcher } from "../base/network.ts";
import { openBase } from "../base/open-base.ts";
import type { LeftOut } from "../base/tree-walk.ts";
import { err } from "./colors.ts";
import { inUnits, ProgressBar, reportLeftOut } from "./progress-bar.ts";

const help = `
Walks DIR, hashes every file, and writes DIR/minifo.json; the index of a large tree
is spread over DIR/minifo.objects as well. Whatever serves DIR over HTTP then serves a
base that can be mounted or opened in a page. Run it again after every change of the
files: contents that do not fit the index are refused.

Permissions, times to the nanosecond, symlinks and hard links are kept. Names that
are no UTF-8, special files and files that cannot be read are left out, and told.

With --from, DIR is made first, out of any base at a URL: a server's listing, a
sitemap.xml or list of URLs, a zip, a tar. Every file is fetched once. Serve DIR, or
pack it; for a site that is yours, put its minifo.json (and minifo.objects) beside the
files that are there, and it is verified from then on. Times are kept to about a
microsecond then; set-user-ID and set-group-ID bits are dropped.

Examples:
  minifo index site
  minifo index --from https://old.example/files/ copy
  minifo index --from https://old.example/release.zip copy && minifo pack copy image
  minifo index site && minifo serve site
  minifo index site --json | jq .leftOut`;

/** The command `index`. */
export function indexCommand(): Command {
  return new Command("index")
    .description("write the index (minifo.json) that makes a directory a base over HTTP")
    .argument("<dir>", "directory of the files to index")
    .option("--from <url>", "fetch the files from this base into DIR, which must be empty")
    .option("--json", "print the summary as JSON on stdout")
    .addHelpText("after", help)
    .action(async (directory: string, options: { json?: boolean; from?: string }) => {
      const bar = process.stderr.isTTY ? new ProgressBar(process.stderr) : undefined;
      const fetched =
        options.from === undefined ? [] : await fetchTree(options.from, directory, bar);
      const indexed = await indexTree(directory, {
        progress: (progress) => bar?.show(progress),
        warn: (message) => {
          bar?.clear();
          process.stderr.write(`${err.yellow("warning:")} ${message}\n`);
        },
      });
      bar?.clear();
      const summary = { ...indexed, leftOut: [...fetched, ...indexed.leftOut] };
      report(summary);
      if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    });
}

/** Makes `directory` a copy of the base at `locator`. */
async function fetchTree(
  locator: string,
  directory: string,
  bar: ProgressBar | undefined,
): Promise<readonly LeftOut[]> {
  const base = await run(openBase(locator, networkFetcher));
  try {
    return await mirrorTree(base, directory, (progress) => bar?.show(progress));
  } finally {
    await run(base.close());
    bar?.clear();
  }
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
