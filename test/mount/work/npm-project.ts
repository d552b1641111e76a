/**
 * A small real project for npm: tests of its own that mocha runs, which brings some seventy packages and six hundred files. Its
 * lock file and npm's cache are kept in .cache, so that the registry is asked only once.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cache = fileURLToPath(new URL("../../../.cache/", import.meta.url));

/** What every call of npm needs, so that it says and asks nothing beyond its task. */
export const quietly = "--no-audit --no-fund --no-update-notifier --loglevel=error";

const manifest = {
  name: "project",
  version: "1.0.0",
  private: true,
  scripts: { test: "mocha --reporter dot" },
  devDependencies: { mocha: "10.8.2" },
};

const files = {
  "package.json": JSON.stringify(manifest, null, 2),
  "sum.js": "module.exports = (numbers) => numbers.reduce((a, b) => a + b, 0);\n",
  "test/sum.js": `const assert = require("node:assert");
const sum = require("../sum.js");
describe("sum", () => {
  it("of nothing is 0", () => assert.strictEqual(sum([]), 0));
  for (let n = 1; n <= 40; n += 1)
    it("of 1 to " + n, () => assert.strictEqual(sum(Array.from({ length: n }, (_, i) => i + 1)), (n * (n + 1)) / 2));
});
`,
};

/** The directory with `project` and npm's `cache`, or why there is none. */
export function npmProject(): { readonly directory: string } | { readonly missing: string } {
  const directory = join(cache, "npm-project");
  if (existsSync(directory)) return { directory };
  const making = join(cache, `npm-project-${process.pid}`);
  const project = join(making, "project");
  try {
    mkdirSync(join(project, "test"), { recursive: true });
    for (const [path, text] of Object.entries(files)) writeFileSync(join(project, path), text);
    const npm = (...args: string[]) =>
      execFileSync("npm", [...args, ...quietly.split(" "), "--cache", join(making, "cache")], {
        cwd: project,
        stdio: ["ignore", "ignore", "pipe"],
        timeout: 100_000,
      });
    npm("install", "--package-lock-only", "--fetch-retries=0");
    npm("ci", "--fetch-retries=0");
    rmSync(join(project, "node_modules"), { recursive: true });
    renameSync(making, directory);
    return { directory };
  } catch (error) {
    const told = (error as { stderr?: Buffer }).stderr?.toString() || String(error);
    const [reason = ""] = told.split("\n").filter((line) => line.includes("rror"));
    return { missing: `mocha cannot be had from npm's registry: ${reason.trim()}` };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
