/**
 * cp: copies a file, a symlink or a tree to another place in the same overlay, through the same calls a program would
 * make, so that its errors name the call that failed. What was copied before a failure stays.
 */
import { FsError } from "../errno.ts";
import { checkSignal } from "./abort.ts";
import type { FsPromises } from "./promises.ts";
import type { Stats } from "./stats.ts";
import { TreeError } from "./tree-error.ts";

export interface CopyOptions {
  /** Copy directories with all below them. */
  readonly recursive?: boolean;
  /** Replace files that are there already; default true. */
  readonly force?: boolean;
  /** Without `force`: fail where a file is there already. */
  readonly errorOnExist?: boolean;
  /** Copy what symlinks lead to instead of the symlinks. */
  readonly dereference?: boolean;
  /** Copy targets of symlinks as they are, else relative ones become absolute. */
  readonly verbatimSymlinks?: boolean;
  readonly preserveTimestamps?: boolean;
  /** Bits of `constants.COPYFILE_…` for every file. */
  readonly mode?: number;
  /** Ends the copying with an AbortError; what was copied until then stays. */
  readonly signal?: AbortSignal;
  /** What it answers false to is left out, a directory with all below it. */
  readonly filter?: (source: string, destination: string) => boolean | Promise<boolean>;
}

/** Called after each thing that was copied, to commit now and then. */
export type Checkpoint = () => Promise<void>;

/** See the head of this file. */
export class TreeCopy {
  readonly #fs: FsPromises;
  readonly #options: CopyOptions;
  readonly #checkpoint: Checkpoint;

  constructor(fs: FsPromises, options: CopyOptions, checkpoint: Checkpoint) {
    this.#fs = fs;
    this.#options = options;
    this.#checkpoint = checkpoint;
  }

  /** Copies `source` to `destination`, and makes the directories on the way to it. */
  async copy(source: string, destination: string): Promise<void> {
    if (!(await this.#wanted(source, destination))) return;
    const stats = await this.#stat(source);
    const there = await this.#statIfAny(destination);
    this.#check(source, stats, destination, there);
    if (stats.isDirectory()) await this.#refuseOwnSubtree(source, stats, destination);
    const parent = parentOf(destination);
    if (parent !== "/") await this.#fs.mkdir(parent, { recursive: true });
    await this.#copyOne(source, stats, destination, there);
  }

  async #copyOne(
    source: string,
    stats: Stats,
    destination: string,
    there: Stats | undefined,
  ): Promise<void> {
    if (stats.isDirectory()) await this.#copyDirectory(source, stats, destination, there);
    else if (stats.isFile()) await this.#copyFile(source, stats, destination, there);
    else if (stats.isSymbolicLink()) await this.#copySymlink(source, destination, there);
    else throw new TreeError("ERR_FS_CP_UNKNOWN", "cp", destination, `cannot copy ${source}`);
    await this.#checkpoint();
  }

  async #copyDirectory(
    source: string,
    stats: Stats,
    destination: string,
    there: Stats | undefined,
  ): Promise<void> {
    if (!there) await this.#fs.mkdir(destination);
    for await (const { name } of await this.#fs.opendir(source)) {
      const from = `${source.replace(/\/+$/, "")}/${name}`;
      const to = `${destination.replace(/\/+$/, "")}/${name}`;
      if (!(await this.#wanted(from, to))) continue;
      const below = await this.#stat(from);
      const belowThere = await this.#statIfAny(to);
      this.#check(from, below, to, belowThere);
      await this.#copyOne(from, below, to, belowThere);
    }
    if (!there) await this.#fs.chmod(destination, stats.mode & 0o7777);
    if (this.#options.preserveTimestamps) await this.#keepTimes(stats, destination);
  }

  async #copyFile(
    source: string,
    stats: Stats,
    destination: string,
    there: Stats | undefined,
  ): Promise<void> {
    const { force = true, errorOnExist = false, mode = 0, preserveTimestamps } = this.#options;
    if (there) {
      if (force) await this.#fs.unlink(destination);
      else if (errorOnExist) throw alreadyExists(destination);
      else return;
    }
    await this.#fs.copyFile(source, destination, mode);
    if (preserveTimestamps) await this.#keepTimes(stats, destination);
  }

  async #copySymlink(source: string, destination: string, there: Stats | undefined): Promise<void> {
    const { force = true, errorOnExist = false, verbatimSymlinks } = this.#options;
    const target = await this.#fs.readlink(source);
    const absolute = verbatimSymlinks || target.startsWith("/");
    if (there) {
      if (force) await this.#fs.unlink(destination);
      else if (errorOnExist) throw alreadyExists(destination);
      else return;
    }
    await this.#fs.symlink(
      absolute ? target : normalized(`${parentOf(source)}/${target}`),
      destination,
    );
  }

  async #keepTimes(stats: Stats, destination: string): Promise<void> {
    await this.#fs.utimes(destination, stats.atimeMs / 1000, stats.mtimeMs / 1000);
  }

  #check(source: string, stats: Stats, destination: string, there: Stats | undefined): void {
    if (stats.isDirectory() && !this.#options.recursive) {
      const problem = `${source} is a directory (not copied)`;
      throw new TreeError("ERR_FS_EISDIR", "cp", source, problem);
    }
    if (!there) return;
    if (there.ino === stats.ino) {
      const problem = "src and dest cannot be the same";
      throw new TreeError("ERR_FS_CP_EINVAL", "cp", destination, problem);
    }
    if (stats.isDirectory() && !there.isDirectory()) {
      const problem = `cannot overwrite non-directory ${destination} with directory ${source}`;
      throw new TreeError("ERR_FS_CP_DIR_TO_NON_DIR", "cp", destination, problem);
    }
    if (!stats.isDirectory() && there.isDirectory()) {
      const problem = `cannot overwrite directory ${destination} with non-directory ${source}`;
      throw new TreeError("ERR_FS_CP_NON_DIR_TO_DIR", "cp", destination, problem);
    }
  }

  /** A tree copied into itself would never end. */
  async #refuseOwnSubtree(source: string, stats: Stats, destination: string): Promise<void> {
    for (let path = normalized(destination); path !== "/"; ) {
      path = parentOf(path);
      const above = await this.#fs.stat(path).catch(undefinedIfMissing);
      if (above?.ino !== stats.ino) continue;
      const problem = `cannot copy ${source} to a subdirectory of self ${destination}`;
      throw new TreeError("ERR_FS_CP_EINVAL", "cp", destination, problem);
    }
  }

  async #wanted(source: string, destination: string): Promise<boolean> {
    const { filter, signal } = this.#options;
    checkSignal(signal);
    return filter === undefined || (await filter(source, destination));
  }

  #stat(path: string): Promise<Stats> {
    return this.#options.dereference ? this.#fs.stat(path) : this.#fs.lstat(path);
  }

  #statIfAny(path: string): Promise<Stats | undefined> {
    return this.#stat(path).catch(undefinedIfMissing);
  }
}

function alreadyExists(path: string): TreeError {
  return new TreeError("ERR_FS_CP_EEXIST", "cp", path, `${path} already exists`);
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof FsError && error.code === "ENOENT") return undefined;
  throw error;
}

/** The absolute path without ".", ".." and doubled slashes, as text. */
function normalized(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

function parentOf(path: string): string {
  const at = normalized(path).lastIndexOf("/");
  return at <= 0 ? "/" : normalized(path).slice(0, at);
}
