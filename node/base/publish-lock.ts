/**
 * One publisher at a time in a directory: a second one could prune what the first is about to point to. The lock is a
 * file that names the publisher's process; it appears with its text in it, and one whose process is gone counts for
 * nothing and is moved aside by whoever comes next, so that two who come at once cannot both take it away.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { FsError } from "../../src/index.ts";
import { isTokenAlive, tokenOfThisProcess } from "../storage/ownership.ts";

/** Tries to take a lock that others leave lying about. */
const tries = 3;

/** Tells the locks of one process apart. */
let taken = 0;

/** See the head of this file. */
export class PublishLock {
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
  }

  /**
   * Takes the lock of `directory` to do `deed` there.
   * @throws EBUSY a living process has it
   */
  static take(directory: string, deed: "pack" | "index"): PublishLock {
    const place = join(directory, ".minifo.lock.tmp");
    const token = tokenOfThisProcess();
    taken += 1;
    const name = `.minifo.lock-${token}-${threadId}-${taken}`;
    const own = join(directory, `${name}.tmp`);
    writeFileSync(own, token, { flag: "wx" });
    try {
      for (let left = tries; left > 0; left -= 1) {
        if (isLinked(own, place)) return new PublishLock(place);
        const holder = textOf(place);
        if (holder === undefined) continue;
        if (isTokenAlive(holder)) break;
        setAside(place, join(directory, `${name}.dead.tmp`));
      }
    } finally {
      rmSync(own);
    }
    const pid = textOf(place)?.split(".")[0];
    const reason = `process ${pid} publishes there; wait for it, or remove ${place} if it is none of yours`;
    throw new FsError("EBUSY", { syscall: deed, path: directory, reason });
  }

  release(): void {
    rmSync(this.#place, { force: true });
  }
}

/** Makes the lock of the finished file `own`, unless there is one. */
function isLinked(own: string, place: string): boolean {
  try {
    linkSync(own, place);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes a dead process's lock away; one that a living process put there meanwhile goes back. */
function setAside(place: string, aside: string): void {
  try {
    renameSync(place, aside);
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (isTokenAlive(textOf(aside) ?? "")) isLinked(aside, place);
  rmSync(aside, { force: true });
}

function textOf(place: string): string | undefined {
  try {
    return readFileSync(place, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
