/**
 * What benchmarks compare with: npm packages in pinned versions, installed into `.cache/bench-peers` and not among the
 * project's own dependencies, and Debian packages. What cannot be had is said, and leaves out the contender instead of
 * ending the run.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Cannot } from "./measure.ts";

/** Exactly these: a comparison names its opponent. */
const versions = {
  memfs: "4.80.1",
  "@zenfs/core": "2.7.6",
  "@zenfs/dom": "1.2.14",
  "@isomorphic-git/lightning-fs": "4.10.3",
} as const;

/** An npm package that benchmarks compare with. */
export type Peer = keyof typeof versions;

/** The root of the project; this file runs in dist/test/bench. */
export const projectRoot = resolve(import.meta.dirname, "../../..");

/** What is kept from run to run, and never committed. */
export const cacheFolder = join(projectRoot, ".cache");

const folder = join(cacheFolder, "bench-peers");

/** The version that is compared with. */
export function versionOf(peer: Peer): string {
  return versions[peer];
}

/**
 * The package's folder, installed if it is not there yet.
 * @throws Cannot npm could not install it; the message says why
 */
function peerFolder(peer: Peer): string {
  const place = join(folder, "node_modules", peer);
  if (installedVersion(place) !== versions[peer]) install();
  if (installedVersion(place) !== versions[peer]) {
    throw new Cannot(`${peer} ${versions[peer]} is not in ${place} after npm install`);
  }
  return place;
}

/**
 * The package's module for Node, as `import` gives it.
 * @throws Cannot it could not be installed
 */
export async function importPeer(peer: Peer, subpath = ""): Promise<Record<string, unknown>> {
  peerFolder(peer);
  const require = createRequire(join(folder, "package.json"));
  return await import(pathToFileURL(require.resolve(peer + subpath)).href);
}

/**
 * The folder whose `node_modules` has all of them, for a bundler to resolve them from.
 * @throws Cannot they could not be installed
 */
export function peersFolder(): string {
  for (const peer of Object.keys(versions) as Peer[]) peerFolder(peer);
  return folder;
}

/**
 * Debian packages, installed if they are missing and that may be done (root and apt). No service is started.
 * @throws Cannot some are still missing; the message names them and says what to run
 */
export function needDebianPackages(...packages: string[]): void {
  if (missing(packages).length === 0) return;
  if (process.getuid?.() === 0) {
    // RUNLEVEL=1 is single-user mode: Debian's packages start no services in it.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const options = ["-q", "install", "-y", "--no-install-recommends", ...missing(packages)];
    spawnSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
    spawnSync("apt-get", options, { env, stdio: "ignore" });
  }
  const left = missing(packages);
  if (left.length > 0) {
    throw new Cannot(`missing: ${left.join(" ")} (as root: apt-get install ${left.join(" ")})`);
  }
}

function missing(packages: readonly string[]): string[] {
  return packages.filter((name) => {
    const { stdout } = spawnSync("dpkg-query", ["-s", name], { encoding: "utf8" });
    return !stdout?.includes("\nStatus: install ok installed\n");
  });
}

/** All of them at once: npm would remove what its package.json does not name. */
function install(): void {
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, type: "module", dependencies: versions };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const { status, stderr, error } = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
    { cwd: folder, encoding: "utf8" },
  );
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split("\n").slice(0, 2).join("; ");
  throw new Cannot(`npm install of the peers failed in ${folder}: ${why}`);
}

function installedVersion(place: string): string | undefined {
  const manifest = join(place, "package.json");
  if (!existsSync(manifest)) return undefined;
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version?: string }).version;
}
