/** `minifo diff STORAGE [PATH…]`: how files differ from the base, as a patch where they are text. */
import { Command } from "commander";
import { createTwoFilesPatch } from "diff";
import type { Change } from "../../src/index.ts";
import type { Side, Sides } from "../overlay-methods.ts";
import { out } from "./colors.ts";
import { withOverlay } from "./overlay-access.ts";
import { overlayPath, refuseUnchanged, selected } from "./paths.ts";
import { quoted } from "./quoted.ts";

const help = `
Text is shown as a unified diff that patch(1) takes; of anything else one line says
how it differs. Without PATH all changes are shown; a PATH that is a directory
means all below it. Works while the storage is mounted too.

Examples:
  minifo diff changes
  minifo diff changes docs/index.html
  minifo diff changes > site.patch`;

/** How long a comparison of two texts may take, in milliseconds, before they are called too different. */
const patience_ms = 5000;

/** The command `diff`. */
export function diffCommand(): Command {
  return new Command("diff")
    .description("show how files differ from the base")
    .argument("<storage>", "directory that keeps the changes, or where they are mounted")
    .argument("[path...]", "paths in the overlay; default: all")
    .addHelpText("after", help)
    .action(async (storage: string, paths: string[]) => {
      await withOverlay(storage, false, async (overlay) => {
        const wanted = paths.map(overlayPath);
        const { changes } = await overlay.status();
        refuseUnchanged("diff", changes, wanted);
        for (const change of selected(changes, wanted)) {
          process.stdout.write(shown(change, await overlay.sides(change)));
        }
      });
    });
}

function shown(change: Change, { before, after }: Sides): string {
  const { path, from, linkTo } = change;
  const notes: string[] = [];
  if (from !== undefined) notes.push(`renamed from ${quoted(from)}`);
  if (linkTo !== undefined) notes.push(`a new name for ${quoted(linkTo)}`);
  if (before && after && before.type !== after.type) {
    notes.push(`${before.type} replaced by ${after.type}`);
  } else if (before && after && before.mode !== after.mode) {
    notes.push(`mode ${octal(before)} → ${octal(after)}`);
  }
  const data = dataChange(change, before, after);
  if (data.note) notes.push(data.note);
  if (!data.patch && notes.length === 0) notes.push(`${change.state} ${change.type}`);
  const head = notes.length > 0 ? `${out.bold(quoted(path))}: ${notes.join(", ")}\n` : "";
  return head + (data.patch ?? "");
}

function dataChange(
  { linkTo }: Change,
  before: Side | undefined,
  after: Side | undefined,
): { readonly note?: string; readonly patch?: string } {
  const old = before?.type === "file" ? before : undefined;
  const now = after?.type === "file" ? after : undefined;
  if (linkTo !== undefined || (!old && !now)) return symlinkChange(before, after);
  if ((old && old.data === undefined) || (now && now.data === undefined)) {
    return { note: `too large to show, ${sizes(old, now)}` };
  }
  if (old && now && old.data === now.data) return {};
  const oldText = textOf(old);
  const nowText = textOf(now);
  if (oldText === undefined || nowText === undefined) return { note: `binary, ${sizes(old, now)}` };
  if (oldText === nowText) return { note: old ? "deleted, empty" : "created, empty" };
  const patch = createTwoFilesPatch(
    old ? `a/${quoted(old.path)}` : "/dev/null",
    now ? `b/${quoted(now.path)}` : "/dev/null",
    oldText,
    nowText,
    undefined,
    undefined,
    {
      context: 3,
      timeout: patience_ms,
      headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
    },
  );
  return patch === undefined ? { note: `too different to show, ${sizes(old, now)}` } : { patch };
}

function symlinkChange(
  before: Side | undefined,
  after: Side | undefined,
): { readonly note?: string } {
  const [old, now] = [before?.target, after?.target];
  if (old === now) return {};
  return {
    note: `symlink ${[old, now].map((target) => (target === undefined ? "none" : quoted(target))).join(" → ")}`,
  };
}

/** The text of a file, "" for none; undefined if it is no text. */
function textOf(side: Side | undefined): string | undefined {
  if (!side) return "";
  const bytes = Buffer.from(side.data ?? "", "base64");
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8, so no text that could be shown; that is an answer, not a failure.
    return undefined;
  }
}

function sizes(before: Side | undefined, after: Side | undefined): string {
  const told = (side: Side | undefined) => (side ? `${side.size} bytes` : "none");
  return `${told(before)} → ${told(after)}`;
}

function octal({ mode }: Side): string {
  return mode.toString(8).padStart(4, "0");
}
