/** Overlay paths as users write them, and the changes they mean. */
import { type Change, FsError } from "../../src/index.ts";

/** `docs/a` from `/docs/a`, `./docs/a` or `docs/a/`; "" from `.` or `/`. */
export function overlayPath(text: string): string {
  const names: string[] = [];
  for (const name of text.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names.join("/");
}

/** The changes at and below `paths`, or all. */
export function selected(changes: readonly Change[], paths: readonly string[]): Change[] {
  if (paths.length === 0) return [...changes];
  return changes.filter((change) => paths.some((path) => isMeant(change, path)));
}

/** @throws ENOENT one of `paths` means no change */
export function refuseUnchanged(
  syscall: string,
  changes: readonly Change[],
  paths: readonly string[],
): void {
  for (const path of paths) {
    if (changes.some((change) => isMeant(change, path))) continue;
    const reason = "nothing differs from the base there; `minifo status` lists what does";
    throw new FsError("ENOENT", { syscall, path: path === "" ? "." : path, reason });
  }
}

function isMeant({ path, from }: Change, wanted: string): boolean {
  return wanted === "" || path === wanted || from === wanted || path.startsWith(`${wanted}/`);
}
