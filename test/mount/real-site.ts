/**
 * Real sites for tests: Debian's documentation of Python with the scripts it links to, or that of another package,
 * unpacked in one root without installing anything. Kept in .cache between runs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const pythonDoc = ["python3.11-doc", "libjs-jquery", "libjs-underscore"] as const;
/** In the project, also when this file runs in its dist. */
const here = import.meta.url.replace("/dist/test/", "/test/");
const cache = fileURLToPath(new URL("../../.cache/", here));

/** The directory of what is in Debian's packages, which the first one names, or why there is none. */
export function realSite(
  packages: readonly [string, ...string[]] = pythonDoc,
): { readonly directory: string } | { readonly missing: string } {
  const name = packages === pythonDoc ? "python-doc" : packages[0];
  const directory = join(cache, name);
  if (existsSync(directory)) return { directory };
  const making = join(cache, `${name}-${process.pid}`);
  try {
    mkdirSync(join(making, "root"), { recursive: true });
    const options = { cwd: making, stdio: ["ignore", "ignore", "pipe"] as "ignore"[] };
    execFileSync("apt-get", ["download", ...packages], options);
    for (const file of readdirSync(making).filter((name) => name.endsWith(".deb"))) {
      execFileSync("dpkg-deb", ["-x", file, "root"], options);
    }
    renameSync(join(making, "root"), directory);
    return { directory };
  } catch (error) {
    // Another test file's process, which began at the same time, was first.
    if (existsSync(directory)) return { directory };
    const [reason] = String(error instanceof Error ? error.message : error).split("\n");
    return { missing: `${packages[0]} cannot be had: ${reason}` };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
