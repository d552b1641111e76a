/** `minifo revert STORAGE PATH…`: takes changes back. */
import { Command } from "commander";
import { err } from "./colors.ts";
import { withOverlay } from "./overlay-access.ts";
import { overlayPath, refuseUnchanged } from "./paths.ts";
import { quoted } from "./quoted.ts";

const help = `
The base shines through again at each PATH and below it; what was changed there is
gone for good. What was renamed returns to where it came from, and a file with
several names is reverted at all of them: every path that changed is listed.
Works while the storage is mounted too.

Examples:
  minifo revert changes docs/index.html
  minifo revert changes docs
  minifo revert changes .            (everything)`;

/** The command `revert`. */
export function revertCommand(): Command {
  return new Command("revert")
    .description("take changes back: the base shines through again")
    .argument("<storage>", "directory that keeps the changes, or where they are mounted")
    .argument("<path...>", "paths in the overlay; . is all")
    .addHelpText("after", help)
    .action(async (storage: string, paths: string[]) => {
      const reverted = await withOverlay(storage, true, async (overlay) => {
        const wanted = paths.map(overlayPath);
        refuseUnchanged("revert", (await overlay.status()).changes, wanted);
        return await overlay.revert(wanted);
      });
      for (const path of reverted) process.stdout.write(`${path === "" ? "." : quoted(path)}\n`);
      const count = reverted.length === 1 ? "1 path is" : `${reverted.length} paths are`;
      process.stderr.write(`${err.dim(`${count} the base's again`)}\n`);
    });
}
