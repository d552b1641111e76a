/**
 * Puts the trees of tests on disk, in directories of their own under the system's temporary one.
 */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { type MemoryEntry, millisecondsOf } from "../../../src/index.ts";
import { bytesOf, modeOf } from "../../base/contract.ts";

const directories: string[] = [];

afterAll(() => {
  for (const directory of directories.splice(0))
    rmSync(directory, { recursive: true, maxRetries: 10 });
});

/** A new empty directory, removed after the file's last test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "minifo-test-"));
  directories.push(directory);
  return directory;
}

/** A new directory that holds `tree`. */
export function treeOnDisk(
  tree: ReadonlyMap<string, MemoryEntry> | Readonly<Record<string, MemoryEntry | string>>,
): string {
  const root = temporaryDirectory();
  const entries = [...(tree instanceof Map ? tree : Object.entries(tree))].map(
    ([path, entry]): [string, MemoryEntry] => [
      path,
      typeof entry === "string" ? { content: entry } : entry,
    ],
  );
  const linked = new Map<string, string>();
  for (const [path, entry] of entries) {
    const place = join(root, path);
    mkdirSync(dirname(place), { recursive: true });
    const first = entry.link === undefined ? undefined : linked.get(entry.link);
    if (first !== undefined) linkSync(first, place);
    else if (entry.target !== undefined) symlinkSync(entry.target, place);
    else if (entry.type === "directory") mkdirSync(place, { recursive: true });
    else writeFileSync(place, bytesOf(entry));
    if (entry.link !== undefined) linked.set(entry.link, first ?? place);
    if (entry.target === undefined) chmodSync(place, modeOf(entry));
  }
  // Last, because what is made in a directory changes its mtime.
  for (const [path, { mtime }] of entries) {
    if (!mtime) continue;
    // A Date, for Node takes a negative number for "now".
    const date = new Date(millisecondsOf(mtime));
    utimesSync(join(root, path), date, date);
  }
  return root;
}
