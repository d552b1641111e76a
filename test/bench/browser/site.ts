/**
 * Writes the benchmark's tree into a directory, as each contender needs it: an indexed site, a packed image of it, and the
 * lists that ZenFS and LightningFS want beside the files, which are kept apart from them.
 */
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { indexTree } from "../../../node/base/indexing.ts";
import { packTree } from "../../../node/base/packing.ts";
import { contentOf, directories, largeBytes, largeContent, largeName, smallFiles } from "./tree.ts";

/** What lies below the directory that the site was made in. */
export interface BrowserSite {
  /** The tree itself with its `minifo.json`. */
  readonly files: string;
  readonly packed: string;
  /** What is served among the files without being there, by path. */
  readonly lists: ReadonlyMap<string, Uint8Array>;
}

/** Bytes of the large file that are written at a time. */
const piece = 16 * 2 ** 20;

export async function makeSite(scratch: string): Promise<BrowserSite> {
  const files = join(scratch, "files");
  const packed = join(scratch, "packed");
  for (const directory of directories) mkdirSync(join(files, directory), { recursive: true });
  for (const [number, path] of smallFiles.entries()) {
    writeFileSync(join(files, path), contentOf(number));
  }
  const large = openSync(join(files, largeName), "w");
  for (let at = 0; at < largeBytes; at += piece) writeSync(large, largeContent(at, piece));
  closeSync(large);
  const paths = [...directories, ...smallFiles, largeName];
  const lists = new Map<string, Uint8Array>([
    ["zenfs.json", Buffer.from(zenFsIndex(files, paths))],
    [".superblock.txt", Buffer.from(superblock(files, paths))],
  ]);
  await packTree(files, packed);
  await indexTree(files);
  return { files, packed, lists };
}

/** ZenFS's index with no more in it than it needs. */
function zenFsIndex(root: string, paths: readonly string[]): string {
  const entries = ["", ...paths].map((path, ino) => {
    const { mode, size, mtimeMs } = statSync(join(root, path));
    return [`/${path}`, { mode, size, mtimeMs: Math.floor(mtimeMs), ino }];
  });
  return JSON.stringify({ version: 1, entries: Object.fromEntries(entries) });
}

/** LightningFS's list: a line for each entry, a tab for each directory it is in. */
function superblock(root: string, paths: readonly string[]): string {
  const lines: string[] = [];
  // A directory's line comes before those of what is in it.
  for (const path of paths.toSorted((a, b) => compared(a.split("/"), b.split("/")))) {
    const names = path.split("/");
    const stat = statSync(join(root, path));
    const line = `${"\t".repeat(names.length - 1)}${names.at(-1)}\t${stat.mode.toString(8)}`;
    lines.push(stat.isDirectory() ? line : `${line}\t${stat.size}\t${Math.floor(stat.mtimeMs)}`);
  }
  return `${lines.join("\n")}\n`;
}

function compared(one: readonly string[], other: readonly string[]): number {
  for (const [at, name] of one.entries()) {
    const against = other[at];
    if (against === undefined) return 1;
    if (name !== against) return name < against ? -1 : 1;
  }
  return one.length - other.length;
}
