/** How a failure is told: what was being done, to what, why it failed and what to try. */
import { FsError } from "../../src/index.ts";
import { err } from "./colors.ts";

/** Tells of `error` on stderr; returns the exit code. */
export function report(error: unknown): number {
  process.stderr.write(`${err.red("minifo:")} ${told(error)}\n`);
  return 1;
}

/**
 * Keeps a reader who leaves from being a failure. Whoever closes stdout, as `head` does, has read enough, and what else
 * can go wrong with it is told; without stderr there is nobody to tell, which ends no mount.
 */
export function outliveReaders(): void {
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : report(error));
  });
}

function told(error: unknown): string {
  if (error instanceof FsError) {
    const { cause, code, reason } = error;
    if (!(cause instanceof Error) || reason) return error.message;
    // Node's message repeats the code and its meaning; what it adds is the system call and the path.
    const isSame = (cause as NodeJS.ErrnoException).code === code;
    return `${error.message}: ${isSame ? cause.message.replace(/^[^,]*, /, "") : cause.message}`;
  }
  if (!(error instanceof Error)) return String(error);
  // Not a file's fate but a defect of ours: whoever reports it needs to say where it was.
  return isDefect(error) ? (error.stack ?? error.message) : error.message;
}

function isDefect(error: Error): boolean {
  return error.message.startsWith("bug:") || error instanceof TypeError;
}
