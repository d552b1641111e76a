/**
 * `minifo index DIR`: writes the `minifo.json` that makes a directory of files a base.
 */
import { Command } from "commander";
import { type IndexProgress, type IndexSummary, indexTree } from "../base/indexing.ts";
import { err } from "./colors.ts";

const help = `
Walks DIR, hashes every file, and writes DIR/minifo.json. Whatever serves DIR over
HTTP then serves a base that can be mounted or opened in a page. Run it again after
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
    .action((directory: string, options: { json?: boolean }) => {
      const bar = process.stderr.isTTY ? new ProgressBar(process.stderr) : undefined;
      const summary = indexTree(directory, {
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

/** Names at most this many of the things left out; the rest is counted. */
const namedLeftOut = 20;

function report({ manifest, entries, bytes, manifestBytes, leftOut }: IndexSummary): void {
  for (const { path, why } of leftOut.slice(0, namedLeftOut)) {
    process.stderr.write(`${err.yellow("left out:")} ${JSON.stringify(path)}: ${why}\n`);
  }
  if (leftOut.length > namedLeftOut) {
    process.stderr.write(`${err.yellow("left out:")} ${leftOut.length - namedLeftOut} more\n`);
  }
  const omitted = leftOut.length > 0 ? `, ${leftOut.length} left out` : "";
  process.stderr.write(
    `${manifest}: ${entries} ${entries === 1 ? "entry" : "entries"}, ${inUnits(bytes)} in files, index of ${inUnits(manifestBytes)}${omitted}\n`,
  );
}

/** A line on a terminal that is drawn over itself, at most ten times a second. */
class ProgressBar {
  readonly #terminal: NodeJS.WriteStream;
  #drawn_ms = 0;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
  }

  show({ files, filesInAll, bytes, bytesInAll }: IndexProgress): void {
    const now_ms = performance.now();
    if (now_ms - this.#drawn_ms < 100) return;
    this.#drawn_ms = now_ms;
    const share = bytesInAll === 0 ? files / Math.max(1, filesInAll) : bytes / bytesInAll;
    const filled = Math.round(Math.min(1, share) * 24);
    const bar = err.green("█".repeat(filled)) + err.dim("░".repeat(24 - filled));
    const words = `${files}/${filesInAll} files, ${inUnits(bytes)}`;
    this.#terminal.write(`\r${bar} ${words}\u001b[K`);
  }

  clear(): void {
    if (this.#drawn_ms > 0) this.#terminal.write("\r\u001b[K");
  }
}

function inUnits(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
