/** `minifo status STORAGE`: what differs from the base. */
import { Command } from "commander";
import type { Change, ChangeState } from "../../src/index.ts";
import { err, out } from "./colors.ts";
import { withOverlay } from "./overlay-access.ts";
import { quoted } from "./quoted.ts";

const help = `
Works while the storage is mounted too, and then sees everything that was written.

States:
  created      new; or (link to …) a new name for one of the base's files
  modified     the base's file, with other data
  attributes   the base's, with another mode, owner, time or attribute only
  renamed      the base's, under another name (from …)
  deleted      the base has it, the overlay does not
  replaced     something new where the base has something else

--json prints an array of objects {path, state, type, from, linkTo, content,
attributes}; content and attributes say whether these differ.

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

/** The command `status`. */
export function statusCommand(): Command {
  return new Command("status")
    .description("tell what differs from the base")
    .argument("<storage>", "directory that keeps the changes")
    .option("--json", "print an array for machines")
    .addHelpText("after", help)
    .action(async (storage: string, options: { json?: boolean }) => {
      const { base, changes } = await withOverlay(storage, false, (overlay) => overlay.status());
      if (options.json) {
        process.stdout.write(`${JSON.stringify(changes, undefined, 2)}\n`);
        return;
      }
      for (const change of changes) process.stdout.write(`${line(change)}\n`);
      process.stderr.write(`${err.dim(summary(base, changes))}\n`);
    });
}

function line({ path, state, type, from, linkTo, content, attributes }: Change): string {
  const slash = type === "directory" ? "/" : "";
  const details: string[] = [];
  if (from !== undefined) details.push(`from ${quoted(from)}`);
  if (linkTo !== undefined) details.push(`link to ${quoted(linkTo)}`);
  if (state === "renamed" && content) details.push("modified");
  if (state === "renamed" && attributes) details.push("attributes");
  const told = details.length > 0 ? out.dim(` (${details.join(", ")})`) : "";
  return `${marks[state]}  ${path === "" ? "." : quoted(path)}${path === "" ? "" : slash}${told}`;
}

function summary(base: string, changes: readonly Change[]): string {
  if (changes.length === 0) return `nothing differs from ${base}`;
  return `${changes.length} ${changes.length === 1 ? "path differs" : "paths differ"} from ${base}`;
}
