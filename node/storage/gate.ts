/**
 * Keeps the opening and the closing of a database apart, between processes and threads. Whoever is the last to close it
 * destroys the locks in LMDB's lock file, while one that opens may already wait for that very file: it gets EINVAL and
 * cannot open it any more as long as it lives. So who opens or closes says so first, by an empty file whose name tells
 * the process, and looks for the others then: who opens gives way to who closes, and who closes waits for those that
 * open. Each removes only its own file, or that of a process that is dead, so no `kill -9` leaves anything locked.
 */
import { closeSync, openSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { FsError } from "../../src/index.ts";
import { isTokenAlive, tokenOfThisProcess } from "./ownership.ts";

/** Closing takes milliseconds, and a sync of the disk at most: whoever takes longer is stopped. */
const longestClosing_ms = 10_000;

/** The same of opening. */
const longestOpening_ms = 5_000;

const pause_ms = 1;

type Deed = "opening" | "closing";

/**
 * Runs `open` while nobody closes the database at `path`.
 * @throws EBUSY a living process has been closing it for `patience_ms`
 */
export function openAtGate<T>(path: string, open: () => T, patience_ms = longestClosing_ms): T {
  const deadline = Date.now() + patience_ms;
  for (;;) {
    const announced = announce(path, "opening");
    try {
      const closing = others(path, "closing");
      if (closing.length === 0) return open();
      if (Date.now() > deadline) {
        const reason = `process ${closing[0]?.pid} is closing the storage and does not come to an end; end that process`;
        throw new FsError("EBUSY", { syscall: "open", path: dirname(path), reason });
      }
    } finally {
      announced.withdraw();
    }
    pause();
  }
}

/** Runs `close` while nobody opens the database at `path`, or after `patience_ms` all the same. */
export function closeAtGate(
  path: string,
  close: () => void,
  patience_ms = longestOpening_ms,
): void {
  const announced = announce(path, "closing");
  try {
    const deadline = Date.now() + patience_ms;
    while (others(path, "opening").length > 0 && Date.now() < deadline) pause();
    close();
  } finally {
    announced.withdraw();
  }
}

/** Whether a file beside a database at `path` is one of those that are made here. */
export function isAnnouncement(entry: string): boolean {
  return announcementShape.test(entry);
}

const announcementShape = /^records\.mdb-(opening|closing)-\d+\.\d+-(\d+\.[\da-f]*\.[\da-f]*)$/;

let announcements = 0;

function announce(path: string, deed: Deed): { readonly withdraw: () => void } {
  announcements += 1;
  const file = `${path}-${deed}-${threadId}.${announcements}-${tokenOfThisProcess()}`;
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch {
    // Who may not write here, or has no room, does without: LMDB itself tells then what is wrong, or needs no lock file.
    return { withdraw: () => {} };
  }
  return { withdraw: () => rmSync(file, { force: true }) };
}

/** The living processes that say they do `deed`. What dead ones said is cleared. */
function others(path: string, deed: Deed): { readonly pid: number }[] {
  const directory = dirname(path);
  const prefix = `${basename(path)}-${deed}-`;
  const living: { readonly pid: number }[] = [];
  for (const entry of namesIn(directory)) {
    const token = entry.startsWith(prefix) ? announcementShape.exec(entry)?.[2] : undefined;
    if (token === undefined) continue;
    if (isTokenAlive(token)) living.push({ pid: Number.parseInt(token, 10) });
    else clear(join(directory, entry));
  }
  return living;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // It is gone, or may not be listed: then nobody can be seen, and opening the database says why.
    return [];
  }
}

function clear(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It belongs to somebody else; it counts for nothing anyway.
  }
}

/** Waits in a thread that may never return to its event loop. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause_ms);
}
