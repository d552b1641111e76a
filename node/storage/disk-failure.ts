/**
 * What went wrong on the disk, told as an `FsError`. Node's errors carry a code as a word, LMDB's a number, and LMDB
 * says EIO where a write fell short on a full disk: then the file system is asked how full it is.
 */
import { statfsSync } from "node:fs";
import { codeOf, FsError, isErrorCode } from "../../src/index.ts";

/** Bytes below which a disk counts as full when a write fell short: LMDB writes at most this much at once. */
const almostNothing = 1 << 20;

/** Tells `error`, which came of `syscall` on the storage in `directory`. An `FsError` stays as it is. */
export function diskFailure(error: unknown, syscall: string, directory: string): unknown {
  if (error instanceof FsError || !(error instanceof Error)) return error;
  if (error.message.startsWith("bug:") || error instanceof TypeError) return error;
  const { code } = error as { code?: unknown };
  const told = isErrorCode(code)
    ? code
    : typeof code === "number" && code > 0
      ? codeOf(code)
      : "EIO";
  const full = told === "ENOSPC" || (told === "EIO" && isFull(directory));
  const reason =
    full || told === "EDQUOT"
      ? `the disk of the storage is full (${error.message}); nothing of this step was recorded; ` +
        "free some space and try again"
      : error.message;
  if (told === "EACCES" || told === "EPERM") {
    const owned =
      "the storage, or the directory it would be in, belongs to another user, or is protected";
    return new FsError(told, { syscall, path: directory, reason: owned, cause: error });
  }
  return new FsError(full ? "ENOSPC" : told, { syscall, path: directory, reason, cause: error });
}

function isFull(directory: string): boolean {
  try {
    const { bavail, bsize, ffree, files } = statfsSync(directory);
    return bavail * bsize < almostNothing || (files > 0 && ffree === 0);
  } catch {
    // What cannot be asked cannot be told to be full; the error that led here is thrown as it is.
    return false;
  }
}
