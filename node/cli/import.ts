/** `minifo import --from mini_fo DIR STORAGE`: changes that another program kept. */
import { realpathSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { Command, Option } from "commander";
import { FsError, importMiniFo, type MiniFoCounts, run } from "../../src/index.ts";
import { openOverlay } from "../open-overlay.ts";
import { openMiniFoDirectory } from "../transfer/mini-fo-directory.ts";
import { err } from "./colors.ts";
import { escaped, quoted } from "./quoted.ts";
import { StatusLine } from "./status-line.ts";

const help = `
Reads changes that another program kept, and puts them into a storage, so that the
overlay over the same base shows what that program showed. DIR is only read.

mini_fo is the kernel's translucent file system that OpenWrt used: DIR is the
directory it wrote to (/overlay, say), with a file META_dAfFgHE39ktF3HD2sr in each
directory where something is deleted (D name) or a directory was renamed
(R /base/path name). Files, directories, symlinks, hard links, devices, modes, owners
and times to the nanosecond are brought over; holes stay holes. Extended attributes
are not: Node cannot read them.

The storage has to be new, or without changes: what is in DIR is what was done to the
base, not to something else. So there is no --force; if an import was cut short,
remove the storage and begin again.

R lines name directories by their path on the machine where mini_fo ran. If the base
lay there at /rom, say --base-path /rom. Without it a path is looked for in the base
as it is, and then, if BASE is a directory, below that.

Each line and each file that is skipped is told on stderr, with the reason. Exit code:
0 all files were brought over (lines that mini_fo skipped too do not count), 1 some
were left out or it failed, 2 wrong call. --json prints the counts on stdout.

Examples:
  minifo import --from mini_fo --base ./rom /mnt/overlay changes
  minifo import --from mini_fo --base https://example.org/rom/ --base-path /rom \\
      /mnt/overlay changes
  minifo status changes`;

interface Options {
  readonly from: "mini_fo";
  readonly base: string;
  readonly basePath?: string;
  readonly json?: true;
}

/** The command `import`. */
export function importCommand(): Command {
  return new Command("import")
    .description("put changes that another program kept into a storage")
    .argument("<dir>", "where that program kept them")
    .argument("<storage>", "directory that is to keep the changes; made if it is not there")
    .addOption(
      new Option("--from <program>", "whose changes they are")
        .choices(["mini_fo"])
        .makeOptionMandatory(),
    )
    .requiredOption("--base <base>", "URL or directory that lies below")
    .option("--base-path <path>", "where the base lay when the changes were made")
    .option("--json", "print the counts for machines")
    .addHelpText("after", help)
    .action(async (directory: string, storage: string, options: Options) => {
      const counts = await imported(directory, storage, options);
      if (options.json) process.stdout.write(`${JSON.stringify(counts)}\n`);
      process.stderr.write(`${summary(counts)}\n`);
      if (counts.leftOut > 0) process.exitCode = 1;
    });
}

async function imported(
  directory: string,
  storage: string,
  { base, basePath }: Options,
): Promise<Readonly<MiniFoCounts>> {
  const source = openMiniFoDirectory(directory);
  refuseWithin(storage, directory);
  const line = new StatusLine(process.stderr);
  const overlay = await openOverlay({ base, storage, holder: "being imported into" });
  try {
    return await run(
      importMiniFo({
        overlay: overlay.overlay,
        storage: source,
        basePath,
        note: (path, what) => {
          line.clear();
          process.stderr.write(`${err.yellow("note:")} ${quoted(path || ".")}: ${escaped(what)}\n`);
        },
        progress: (counts) => line.show(summary(counts)),
      }),
    );
  } catch (error) {
    throw error instanceof FsError && error.path === undefined
      ? error.at({ path: storage })
      : error;
  } finally {
    line.clear();
    await overlay.close();
  }
}

/**
 * What is written must not be read again.
 * @throws EINVAL the storage lies in the directory that is read
 */
function refuseWithin(storage: string, directory: string): void {
  const root = realpathSync(directory);
  for (let at = resolve(storage); ; at = dirname(at)) {
    const real = existing(at);
    if (real !== undefined) {
      if (real !== root && !real.startsWith(root === sep ? sep : root + sep)) return;
      const reason = `it lies in ${directory}, which is to be read; give another place`;
      throw new FsError("EINVAL", { syscall: "import", path: storage, reason });
    }
  }
}

function existing(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // Not there yet: then what it is to be made in tells.
    return undefined;
  }
}

function summary(counts: Readonly<MiniFoCounts>): string {
  const { files, bytes, directories, symlinks, special, links, deleted, renamed } = counts;
  const { duplicates, linesSkipped, leftOut } = counts;
  const told = [
    tally(files, "file", "files", ` (${bytes} bytes)`),
    tally(directories, "directory", "directories"),
    tally(symlinks, "symlink", "symlinks"),
    tally(special, "special file", "special files"),
    tally(links, "hard link", "hard links"),
    tally(deleted, "name deleted", "names deleted"),
    tally(renamed, "directory renamed", "directories renamed"),
    tally(duplicates, "duplicate line", "duplicate lines"),
    tally(linesSkipped, "line skipped", "lines skipped"),
    tally(leftOut, "object left out", "objects left out"),
  ].filter((part) => part !== undefined);
  return told.length === 0 ? "nothing to import" : told.join(", ");
}

function tally(count: number, one: string, more: string, also = ""): string | undefined {
  return count === 0 ? undefined : `${count} ${count === 1 ? one : more}${also}`;
}
