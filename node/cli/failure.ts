/** How a failure is told: what was being done, to what, why it failed and what to try. */
import pc from "picocolors";
import { FsError } from "../../src/index.ts";

/** Tells of `error` on stderr; returns the exit code. */
export function report(error: unknown): number {
  process.stderr.write(`${pc.red("minifo:")} ${told(error)}\n`);
  return 1;
}

function told(error: unknown): string {
  if (error instanceof FsError) {
    const cause = error.cause instanceof Error && !error.reason ? `: ${error.cause.message}` : "";
    return `${error.message}${cause}`;
  }
  if (!(error instanceof Error)) return String(error);
  // Not a file's fate but a defect of ours: whoever reports it needs to say where it was.
  return isDefect(error) ? (error.stack ?? error.message) : error.message;
}

function isDefect(error: Error): boolean {
  return error.message.startsWith("bug:") || error instanceof TypeError;
}
