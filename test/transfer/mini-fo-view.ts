/**
 * What mini_fo would have shown, worked out in the plainest way from the two directories and the META files in one of
 * them: the measure an import is held to.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const metaFile = "META_dAfFgHE39ktF3HD2sr";

/** One line for each path: what stat tells of it, and its content. */
export function miniFoView(base: string, storage: string): string[] {
  const lines: string[] = [];
  show(base, base, storage, "", lines);
  return lines.sort();
}

function show(
  root: string,
  base: string | undefined,
  storage: string | undefined,
  at: string,
  lines: string[],
): void {
  const below = new Set(base === undefined ? [] : readdirSync(base));
  const above = new Set(storage === undefined ? [] : readdirSync(storage));
  const renamed = new Map<string, string>();
  if (storage !== undefined && above.delete(metaFile)) {
    for (const line of readFileSync(join(storage, metaFile), "utf8").split("\n")) {
      if (line.startsWith("D ")) {
        below.delete(line.slice(2));
        renamed.delete(line.slice(2));
      }
      const blank = line.indexOf(" ", 2);
      if (line.startsWith("R /") && blank > 0) {
        renamed.set(line.slice(blank + 1), line.slice(2, blank));
      }
    }
  }
  const isDirectory = (path: string | undefined) =>
    path !== undefined && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  for (const name of new Set([...below, ...above, ...renamed.keys()])) {
    const own = above.has(name) ? join(storage as string, name) : undefined;
    const elsewhere = renamed.get(name);
    const from = elsewhere === undefined ? undefined : join(root, elsewhere);
    const inPlace = below.has(name) ? join(base as string, name) : undefined;
    const origin = isDirectory(from) ? from : inPlace;
    const shown = own ?? origin;
    if (shown === undefined) continue;
    const path = at === "" ? name : `${at}/${name}`;
    lines.push(lineOf(path, shown));
    if (!isDirectory(shown)) continue;
    show(root, isDirectory(origin) ? origin : undefined, own, path, lines);
  }
}

function lineOf(path: string, shown: string): string {
  const { mode, uid, gid, mtimeNs, rdev, size } = lstatSync(shown, { bigint: true });
  const isFile = (mode & 0o170000n) === 0o100000n;
  const isSymlink = (mode & 0o170000n) === 0o120000n;
  const isDevice = (mode & 0o170000n) === 0o020000n || (mode & 0o170000n) === 0o060000n;
  const content = isSymlink
    ? readlinkSync(shown)
    : isFile
      ? `${size} ${sumOf(readFileSync(shown))}`
      : isDevice
        ? String(rdev)
        : "";
  return [path, mode.toString(8), uid, gid, mtimeNs, content].join("\t");
}

/** A number that tells contents apart. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum * 31 + byte) % 4_294_967_291;
  return sum;
}
