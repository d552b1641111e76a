/** The scripts for sites without a bundler, as `npm run bundle` makes them, for a test. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../bin/bundle-browser.js", import.meta.url));

/** Bundles them into `directory`, which is emptied first. */
export function bundleInto(directory: string): void {
  execFileSync(process.execPath, [program, directory], { stdio: ["ignore", "ignore", "pipe"] });
}
