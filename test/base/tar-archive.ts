/** Tars for tests, as tar(1) makes them. */
import { execFileSync } from "node:child_process";

/** What tar(1) makes of a directory. */
export function tarOf(directory: string, ...options: readonly string[]): Uint8Array {
  const args = [...options, "--sort=name", "-C", directory, "-cf", "-", "."];
  return new Uint8Array(execFileSync("tar", args, { maxBuffer: 2 ** 30 }));
}
