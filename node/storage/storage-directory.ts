/** The directory that a storage on disk lies in: whether one is there, and making it. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { FsError } from "../../src/index.ts";
import { syncDirectory } from "./content-files.ts";
import { isAnnouncement } from "./gate.ts";

/**
 * What may stand in a directory that is to become a storage: what we may have left while making one, the socket of its
 * owner, and what mkfs puts into a new volume.
 */
const ignoredEntries: ReadonlySet<string> = new Set(["records.mdb-lock", "control", "lost+found"]);

/** Where the records of the storage in `directory` lie. */
export function recordsIn(directory: string): string {
  return join(directory, "records.mdb");
}

/**
 * Whether there is a storage in `directory`; false if it is absent or empty.
 * @throws ENOTEMPTY it holds something else
 */
export function holdsStorage(directory: string): boolean {
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  if (entries.includes("records.mdb")) return true;
  const others = entries.filter((entry) => !ignoredEntries.has(entry) && !isAnnouncement(entry));
  if (others.length === 0) return false;
  const reason = `it is no minifo storage (it holds ${others[0]}); give an empty directory or a new path`;
  throw new FsError("ENOTEMPTY", { syscall: "open", path: directory, reason });
}

/**
 * Makes a directory and those it lies in. Not by mkdir's `recursive`: that tries for ever where mkdir says ENOENT of a
 * directory that exists, as it does below /proc.
 */
export function makeDirectory(directory: string): void {
  const parent = dirname(directory);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || existsSync(parent)) throw error;
    makeDirectory(parent);
    mkdirSync(directory, { mode: 0o700 });
  }
  syncDirectory(parent);
}
