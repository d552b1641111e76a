/** `minifo status STORAGE`: what differs from the base. */
import { Command } from "commander";
import type { BaseMove, Change, ChangeState } from "../../src/index.ts";
import { err, out } from "./colors.ts";
import { withOverlay } from "./overlay-access.ts";
import { quoted } from "./quoted.ts";

const help = `
Works while it is mounted too, and then sees everything that was written. STORAGE may be
the mountpoint then.

States:
  created      new; or (link to …) a new name for one of the base's files
  modified     the base's file, with other data
  attributes   the base's, with another mode, owner, time or attribute only
  renamed      the base's, under another name (from …)
  deleted      the base has it, the overlay does not
  replaced     something new where the base has something else

Where the base moved under a change, that is told behind it:
  behind          only name or attributes are yours; the base's new content shows
  conflict        you changed it, and the base did; what is read is yours
  broken          the base changed it; what you had not written of it is lost to
                  reading until the base is what it was
  both added      you made it, and the base has its own by now; yours is read
  base changed    you deleted it, and the base changed or dropped it since
  origin missing  the base has lost what this is another name of

A mount asks its base from time to time whether something newer is published there;
that, and a base that was opened without a network, is told on stderr.

--json prints an array of objects {path, state, type, from, linkTo, content,
attributes, base}; content and attributes say whether these differ, base is
there where the base moved: behind, conflict, broken, both-added, changed,
origin-missing.

Examples:
  minifo status changes
  minifo status changes --json | jq -r '.[] | select(.state == "deleted").path'`;

const marks: Readonly<Record<ChangeState, string>> = {
  created: out.green("created   "),
  modified: out.yellow("modified  "),
  attributes: out.yellow("attributes"),
  renamed: out.cyan("renamed   "),
  deleted: out.red("deleted   "),
  replaced: out.magenta("replaced  "),
};

const moves: Readonly<Record<BaseMove, string>> = {
  behind: out.yellow("behind"),
  conflict: out.red("conflict"),
  broken: out.red("broken"),
  "both-added": out.red("both added"),
  changed: out.yellow("base changed"),
  "origin-missing": out.red("origin missing"),
};

/** The command `status`. */
export function statusCommand(): Command {
  return new Command("status")
    .description("tell what differs from the base")
    .argument("<storage>", "directory that keeps the changes, or where they are mounted")
    .option("--json", "print an array for machines")
    .addHelpText("after", help)
    .action(async (storage: string, options: { json?: boolean }) => {
      const { base, notes, changes } = await withOverlay(storage, false, (overlay) =>
        overlay.status(),
      );
      for (const note of notes) process.stderr.write(`${err.yellow("note:")} ${note}\n`);
      if (options.json) {
        process.stdout.write(`${JSON.stringify(changes, undefined, 2)}\n`);
        return;
      }
      for (const change of changes) process.stdout.write(`${line(change)}\n`);
      process.stderr.write(`${err.dim(summary(base, changes))}\n`);
    });
}

function line({ path, state, type, from, linkTo, content, attributes, base }: Change): string {
  const slash = type === "directory" ? "/" : "";
  const details: string[] = [];
  if (from !== undefined) details.push(`from ${quoted(from)}`);
  if (linkTo !== undefined) details.push(`link to ${quoted(linkTo)}`);
  if (state === "renamed" && content) details.push("modified");
  if (state === "renamed" && attributes) details.push("attributes");
  const told = details.length > 0 ? out.dim(` (${details.join(", ")})`) : "";
  const moved = base === undefined ? "" : `  ${moves[base]}`;
  return `${marks[state]}  ${path === "" ? "." : quoted(path)}${path === "" ? "" : slash}${told}${moved}`;
}

function summary(base: string, changes: readonly Change[]): string {
  if (changes.length === 0) return `nothing differs from ${base}`;
  const told = `${changes.length} ${changes.length === 1 ? "path differs" : "paths differ"} from ${base}`;
  const moved = changes.filter((change) => change.base !== undefined).length;
  return moved === 0 ? told : `${told}; the base moved under ${moved} of them`;
}
