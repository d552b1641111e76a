/**
 * A real site for tests: Debian's documentation of Python with the scripts it links to, unpacked in one root without
 * installing anything. Kept in .cache between runs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packages = ["python3.11-doc", "libjs-jquery", "libjs-underscore"];
const cache = fileURLToPath(new URL("../../.cache/", import.meta.url));

/** The directory of the site, or why there is none. */
export function realSite(): { readonly directory: string } | { readonly missing: string } {
  const directory = join(cache, "python-doc");
  if (existsSync(directory)) return { directory };
  const making = join(cache, `python-doc-${process.pid}`);
  try {
    mkdirSync(join(making, "root"), { recursive: true });
    const options = { cwd: making, stdio: ["ignore", "ignore", "pipe"] as "ignore"[] };
    execFileSync("apt-get", ["download", ...packages], options);
    for (const name of readdirSync(making).filter((name) => name.endsWith(".deb"))) {
      execFileSync("dpkg-deb", ["-x", name, "root"], options);
    }
    renameSync(join(making, "root"), directory);
    return { directory };
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split("\n");
    return { missing: `${packages[0]} cannot be had: ${reason}` };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
