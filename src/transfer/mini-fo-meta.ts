/**
 * The file in which mini_fo kept what a directory of its storage cannot say by itself: lines of text, `D name` for a name
 * that is deleted and `R /base/path name` for a directory that takes its content from elsewhere in the base. It was
 * appended to without bound, so a later line about a name replaces an earlier one.
 */
import { flawOfName } from "../base/manifest/names.ts";

/** The name of that file, one in each directory of a storage; mini_fo hid it. */
export const metaName = "META_dAfFgHE39ktF3HD2sr";

/** What the file of one directory says. */
export interface Meta {
  /** Names that the base's are hidden under. */
  readonly deleted: ReadonlySet<string>;
  /** Names of renamed directories, with the path of the base that each takes its content from, as it is written there. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Lines that say again what was said. */
  readonly duplicates: number;
  readonly unparsable: readonly UnparsableLine[];
}

/** A line that says nothing; mini_fo skipped it too. */
export interface UnparsableLine {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

const newline = 0x0a;

/** Reads such a file. */
export function parseMeta(bytes: Uint8Array): Meta {
  const deleted = new Set<string>();
  const renamed = new Map<string, string>();
  const unparsable: UnparsableLine[] = [];
  let duplicates = 0;
  let line = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    line += 1;
    const said = parseLine(bytes.subarray(start, end));
    start = end + 1;
    if ("why" in said) {
      unparsable.push({ line, ...said });
      continue;
    }
    const { name, from } = said;
    const isKnown = from === undefined ? deleted.has(name) : renamed.get(name) === from;
    if (isKnown) duplicates += 1;
    if (from === undefined) {
      deleted.add(name);
      renamed.delete(name);
    } else renamed.set(name, from);
  }
  return { deleted, renamed, duplicates, unparsable };
}

function parseLine(
  bytes: Uint8Array,
):
  | { readonly name: string; readonly from?: string }
  | { readonly text: string; readonly why: string } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Told as what it is: a line that cannot be read.
    return { text: new TextDecoder().decode(bytes), why: "it is no valid UTF-8" };
  }
  const letter = text.slice(0, 2);
  if (letter !== "D " && letter !== "R ") return { text, why: "it begins with neither D nor R" };
  const rest = text.slice(2);
  const blank = letter === "R " ? rest.indexOf(" ") : -1;
  if (letter === "R " && blank < 0) return { text, why: "there is no new name" };
  const name = rest.slice(blank + 1);
  const flaw = name === metaName ? "that is mini_fo's own file" : flawOfName(name);
  if (flaw !== undefined) return { text, why: flaw };
  if (letter === "D ") return { name };
  const from = rest.slice(0, blank);
  return from.startsWith("/")
    ? { name, from }
    : { text, why: "the old path does not begin with /" };
}
