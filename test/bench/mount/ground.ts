/**
 * What the mount benchmark stands on: one directory, so one disk, with the base that every contender lies over, the
 * material of the workloads, and the client that is timed. It is made once a run and removed when the run ends.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cannot } from "../measure.ts";
import { projectRoot } from "../peers.ts";
import type { Prefix } from "./programs.ts";
import { execute } from "./programs.ts";

/** Files of `walk` in the base, of 4 KiB each. */
export const walkFiles = 1000;

/** Files of `many` in the base: the directory that is listed and renamed. */
export const manyFiles = 10_000;

/** Bytes of `large` in the base. */
export const largeBytes = 256 << 20;

/** Bytes of `huge` in the base. */
export const hugeBytes = 1 << 30;

/** Packages that `npm ci` installs: without dependencies, and among this project's own. */
const packages = ["commander", "diff", "idb", "comlink", "picocolors", "mrmime", "fake-indexeddb"];

/** What one run of the client found. */
export interface Timed {
  readonly operations: number;
  readonly ns: number;
  /** A name of errno, where the row shows failures. */
  readonly error?: string;
}

export class Ground {
  readonly directory = mkdtempSync(join(tmpdir(), "minifo-bench-"));
  readonly base = join(this.directory, "base");
  readonly archive = join(this.directory, "tree.tar");
  readonly repository = join(this.directory, "repository.git");
  readonly npmCache = join(this.directory, "npm-cache");
  readonly #client = join(this.directory, "client");
  readonly #prefix: Prefix;
  readonly #made = new Set<string>();

  /** `prefix` stands before every command that is timed. */
  constructor(prefix: Prefix) {
    this.#prefix = prefix;
    for (const path of ["walk", "many", "empty"])
      mkdirSync(join(this.base, path), { recursive: true });
    const block = randomBytes(4096);
    for (let i = 0; i < walkFiles; i += 1) writeFileSync(join(this.base, "walk", named(i)), block);
    for (let i = 0; i < manyFiles; i += 1) writeFileSync(join(this.base, "many", named(i)), "x");
    const source = join(projectRoot, "test/bench/mount/client.c");
    try {
      execFileSync("gcc", ["-O2", "-o", this.#client, source], { stdio: "pipe" });
    } catch (error) {
      throw new Cannot(`gcc cannot make the client: ${(error as Error).message}`);
    }
  }

  /** Runs the client once. */
  async time(operation: string, ...words: readonly (string | number)[]): Promise<Timed> {
    const args = [operation, ...words.map(String)];
    return JSON.parse(await execute([...this.#prefix, this.#client, ...args])) as Timed;
  }

  /** Operations a second, or bytes a second, of one run of the client. */
  async rate(operation: string, ...words: readonly (string | number)[]): Promise<number> {
    const { operations, ns } = await this.time(operation, ...words);
    return operations / (ns / 1e9);
  }

  /** A file of random bytes in the base, made when it is first needed. */
  file(name: "large" | "huge"): string {
    const path = join(this.base, name);
    this.#once(name, () => {
      const file = openSync(path, "w");
      const length = name === "large" ? largeBytes : hugeBytes;
      const block = randomBytes(1 << 20);
      for (let done = 0; done < length; done += block.length) writeSync(file, block);
      closeSync(file);
    });
    return path;
  }

  /** An archive of 5,000 small files in 200 directories. */
  needArchive(): void {
    this.#once("archive", () => {
      const tree = join(this.directory, "tree");
      writeTree(tree, 200, 25);
      execFileSync("tar", ["-cf", this.archive, "-C", this.directory, "tree"]);
    });
  }

  /** A repository of 20 commits to 1,000 files. */
  needRepository(): void {
    this.#once("repository", () => {
      const work = join(this.directory, "work");
      writeTree(work, 40, 25);
      const git = (...args: string[]): void => {
        const identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        execFileSync("git", [...identity, "-C", work, ...args], { stdio: "pipe" });
      };
      git("init", "-q");
      git("add", "-A");
      git("commit", "-qm", "first");
      for (let i = 0; i < 19; i += 1) {
        writeFileSync(join(work, "d00000", named(i)), randomBytes(2000).toString("hex"));
        git("commit", "-qam", `change ${i}`);
      }
      execFileSync("git", ["clone", "-q", "--bare", work, this.repository], { stdio: "pipe" });
    });
  }

  /** A project in the base whose packages lie beside it as archives. */
  needProject(): void {
    this.#once("project", () => {
      const project = join(this.base, "project");
      const archives = join(project, "archives");
      mkdirSync(archives, { recursive: true });
      const npm = (cwd: string, ...args: string[]): string =>
        execFileSync("npm", [...args, "--offline", "--cache", this.npmCache], {
          cwd,
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        });
      const dependencies: Record<string, string> = {};
      for (const name of packages) {
        const place = join(projectRoot, "node_modules", name);
        const packed = npm(archives, "pack", "--ignore-scripts", "--silent", place).trim();
        dependencies[name] = `file:archives/${packed.split("\n").at(-1)}`;
      }
      const manifest = { name: "project", version: "1.0.0", dependencies };
      writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
      npm(project, "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund");
    });
  }

  /** A C program of 60 files that all include 20 headers. */
  needSources(): void {
    this.#once("sources", () => {
      const program = join(this.base, "program");
      mkdirSync(join(program, "include"), { recursive: true });
      let includes = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n";
      for (let i = 0; i < 20; i += 1) {
        writeFileSync(join(program, "include", `h${i}.h`), `int declared_${i}(int);\n`);
        includes += `#include "h${i}.h"\n`;
      }
      for (let i = 0; i < 60; i += 1) {
        const body = `${includes}int part_${i}(int a) { return a * ${i} + (int)strlen("${i}"); }\n`;
        writeFileSync(join(program, `part${i}.c`), body);
      }
      writeFileSync(
        join(program, "main.c"),
        "int part_1(int); int main(void) { return !part_1(1); }\n",
      );
      const makefile =
        "objects = $(patsubst %.c,%.o,$(wildcard *.c))\n" +
        "program: $(objects)\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -Iinclude -c -o $@ $<\n";
      writeFileSync(join(program, "Makefile"), makefile);
    });
  }

  clear(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #once(what: string, make: () => void): void {
    if (this.#made.has(what)) return;
    make();
    this.#made.add(what);
  }
}

function named(number: number): string {
  return `f${String(number).padStart(5, "0")}`;
}

function writeTree(root: string, directories: number, files: number): void {
  for (let d = 0; d < directories; d += 1) {
    const directory = join(root, `d${String(d).padStart(5, "0")}`);
    mkdirSync(directory, { recursive: true });
    for (let f = 0; f < files; f += 1) {
      const length = 500 + ((d * 31 + f * 977) % 3500);
      writeFileSync(join(directory, named(f)), randomBytes(length).toString("hex"));
    }
  }
}
