/**
 * The command line: one file per command, put together here. Data goes to stdout, messages to stderr. Exit codes:
 * 0 done, 1 it failed, 2 it was called wrongly; as a helper of mount(8) those of mount-helper.ts.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { checkCommand } from "./check.ts";
import { diffCommand } from "./diff.ts";
import { outliveReaders, report } from "./failure.ts";
import { importCommand } from "./import.ts";
import { indexCommand } from "./index-tree.ts";
import { mountCommand } from "./mount.ts";
import { helperCall, mountAsHelper } from "./mount-helper.ts";
import { packCommand } from "./pack.ts";
import { prefetchCommand } from "./prefetch.ts";
import { revertCommand } from "./revert.ts";
import { serveCommand } from "./serve.ts";
import { statusCommand } from "./status.ts";
import { umountCommand } from "./umount.ts";

const help = `
A base is any directory, or what lies at a URL: a site with a minifo.json, a packed image,
a server's listing, a zip, a tar, a sitemap. It is only ever read: every change goes to a
storage, a directory of yours, and stays there.

Try it:
  minifo index site                 describe the files of a site in site/minifo.json
  minifo serve site                 serve it; prints its URL
  minifo pack site image            or pack a large one, to be served in its place
  minifo mount URL mnt --storage changes
                                    the site, writable, at mnt; any file server will do
  minifo status changes             what you changed
  minifo diff changes               how
  minifo revert changes a/file      take a change back
  minifo umount mnt                 until next time; the changes stay
  minifo check changes              whether the storage is sound

minifo help COMMAND tells more of each. Data goes to stdout, words to stderr.
Exit codes: 0 done, 1 it failed, 2 it was called wrongly.`;

/** Runs the command line `argv`, whose first two words are not ours; sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("minifo")
    .description("makes any read-only tree writable; every change goes to a storage of its own")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .showHelpAfterError(hint("COMMAND"))
    .addHelpText("after", help);
  const commands = [
    indexCommand(),
    packCommand(),
    prefetchCommand(),
    serveCommand(),
    mountCommand(),
    umountCommand(),
    statusCommand(),
    diffCommand(),
    revertCommand(),
    checkCommand(),
    importCommand(),
  ];
  commands.push(helpCommand(program, commands));
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    command.showHelpAfterError(hint(command.name()));
  }
  for (const command of [program, ...commands]) command.exitOverride();
  outliveReaders();
  const called = helperCall(argv, new Set(commands.map((command) => command.name())));
  if (called) {
    process.exitCode = await mountAsHelper(called);
    return;
  }
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are no failures; of anything else commander has told already.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      process.exitCode = report(error);
    }
  }
}

/** Of a command that does not exist commander's own would print everything, and not say why. */
function helpCommand(program: Command, commands: readonly Command[]): Command {
  return new Command("help")
    .description("print help, or more of one command")
    .argument("[command]", "its name")
    .action((name: string | undefined) => {
      const command = name === undefined ? program : commands.find((one) => one.name() === name);
      if (!command) program.error(`error: unknown command '${name}'`);
      command.help();
    });
}

function hint(command: string): string {
  return `(minifo help ${command} shows how it is called)`;
}

function version(): string {
  const path = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
