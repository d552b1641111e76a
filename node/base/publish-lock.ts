/**
 * One publisher at a time in a directory: a second one could prune what the first is about to point to. The lock is a
 * file with the publisher's process id; one whose process is gone counts for nothing.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FsError } from "../../src/index.ts";

/** Tries to take a lock that others leave lying about. */
const tries = 3;

/** See the head of this file. */
export class PublishLock {
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
  }

  /** @throws EBUSY a living process has it */
  static take(directory: string): PublishLock {
    const place = join(directory, ".minifo.lock.tmp");
    for (let left = tries; ; left -= 1) {
      try {
        writeFileSync(place, `${process.pid}\n`, { flag: "wx" });
        return new PublishLock(place);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = holderOf(place);
      if (holder === undefined && left > 0) {
        rmSync(place, { force: true });
        continue;
      }
      const reason = `process ${holder} publishes there; wait for it, or remove ${place} if it is none of yours`;
      throw new FsError("EBUSY", { syscall: "pack", path: directory, reason });
    }
  }

  release(): void {
    rmSync(this.#place, { force: true });
  }
}

/** The living process that has the lock, if any. */
function holderOf(place: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(place, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // A process of another user lives, too.
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : undefined;
  }
}
