/**
 * A mount to work in, as somebody does who builds, clones and copies there: one mount for a file of tests, over a base whose
 * every name, time and byte is looked at again at the end. Whatever a test leaves running is ended with it, and a
 * mount or a process that stays behind fails the file.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { type StaticServer, serveDirectory } from "../../../node/static-server.ts";
import { describeMount, minifoOk, mountsAt, Scratch, shell, until } from "../fixture.ts";

/** The programs the tests call, and the Debian packages they come from. */
const packages = {
  cc: "gcc",
  git: "git",
  make: "make",
  npm: "npm",
  rsync: "rsync",
  setfattr: "attr",
  sqlite3: "sqlite3",
  tar: "tar",
} as const;

/** What a file of tests works over. */
export interface WorkOptions {
  /** Programs without which nothing of it can run. */
  readonly needs?: readonly (keyof typeof packages)[];
  /** Why it cannot run, if there is a further reason. */
  readonly obstacle?: string | undefined;
  /** Whether the base is a directory, or comes over HTTP with a manifest. */
  readonly over?: "directory" | "http";
  /** Fills the base's directory, which is there and empty. */
  readonly fill: (base: string) => Promise<unknown>;
}

/** Options of `minifo mount` for all of these tests, to see what else they hold over: `MINIFO_WORK_OPTIONS="-o writeback"`. */
const mountOptions = (process.env.MINIFO_WORK_OPTIONS ?? "").split(" ").filter(Boolean);

/** Everything about a tree that a program can see, but the access times, and every byte. */
const everything = `
  find . -printf '%P %y %m %U %G %n %i %s %T@ %C@ %l\\n' | LC_ALL=C sort
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum`;

/** How many of `what` a test does: as `MINIFO_WORK_…` says, else `usual`. Stands in the test's name. */
export function countOf(what: string, usual: number): number {
  return Number(process.env[`MINIFO_WORK_${what}`] ?? usual);
}

/**
 * Describes tests that share one mount. Where it cannot be mounted, or a program is missing, they are skipped and the
 * name says why.
 */
export function describeWork(
  name: string,
  options: WorkOptions,
  tests: (place: () => Workplace) => void,
): void {
  const { needs = [], obstacle } = options;
  const missing = needs.filter((program) => !isInstalled(program)).map((name) => packages[name]);
  const reason = missing.length > 0 ? `missing: ${missing.join(", ")}` : obstacle;
  if (reason !== undefined) {
    describe.skip(`${name} (skipped: ${reason})`, () => tests(absent));
    return;
  }
  describeMount(name, () => {
    let opened: Workplace | undefined;
    const place = (): Workplace => opened ?? absent();
    beforeAll(async () => {
      opened = await Workplace.open(options);
    });
    afterAll(async () => {
      await opened?.leave();
    });
    tests(place);
  });
}

function absent(): never {
  throw new Error("there is no mount to work in");
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(":").some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // Absent and forbidden are the same answer here.
      return false;
    }
  });
}

/** A mount, the directories around it, and what is started there. */
export class Workplace {
  readonly scratch: Scratch;
  readonly #source: string;
  readonly #server: StaticServer | undefined;
  readonly #untouched: string;

  private constructor(
    scratch: Scratch,
    source: string,
    server: StaticServer | undefined,
    untouched: string,
  ) {
    this.scratch = scratch;
    this.#source = source;
    this.#server = server;
    this.#untouched = untouched;
  }

  static async open({ over = "directory", fill }: WorkOptions): Promise<Workplace> {
    const scratch = await Scratch.forFile({});
    let server: StaticServer | undefined;
    try {
      await fill(scratch.base);
      await mkdir(join(scratch.directory, "outside"));
      if (over === "http") {
        await minifoOk("index", scratch.base);
        server = await serveDirectory(scratch.base, { port: 0, host: "127.0.0.1" });
      }
      const source = server?.url ?? scratch.base;
      const untouched = await shell(everything, scratch.base);
      const place = new Workplace(scratch, source, server, untouched);
      await place.mount();
      return place;
    } catch (error) {
      await server?.close();
      await scratch.clear();
      throw error;
    }
  }

  /** The mountpoint. */
  get inside(): string {
    return this.scratch.mountpoint;
  }

  /** A directory on the file system below, for what is compared with the mount. */
  get outside(): string {
    return join(this.scratch.directory, "outside");
  }

  /**
   * Runs a script that ends at its first failing command, with INSIDE and OUTSIDE set, and returns its output. What it
   * started in the background ends with the test at the latest.
   */
  async run(script: string, cwd = this.inside): Promise<string> {
    const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd,
      detached: true,
      env: { ...process.env, INSIDE: this.inside, OUTSIDE: this.outside, LC_ALL: "C.UTF-8" },
    });
    onTestFinished(() => endGroup(child.pid));
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const how = await new Promise<number | string | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(signal ?? code));
    });
    if (how !== 0) {
      throw new Error(`the script ended with ${how}: ${tail(stderr)}\n${tail(stdout)}`);
    }
    return stdout;
  }

  /** Compiles one of the programs beside this file; returns its path. */
  async compile(name: string): Promise<string> {
    const source = new URL(`./programs/${name}.c`, import.meta.url).pathname;
    const program = join(this.scratch.directory, name);
    await shell(`cc -O1 -Wall -Wextra -Werror -o ${program} ${source}`, "/");
    return program;
  }

  async mount(): Promise<void> {
    await this.scratch.mount(this.#source, ...mountOptions);
  }

  async remount(): Promise<void> {
    await this.scratch.unmount();
    await this.mount();
  }

  /**
   * Unmounts and removes everything.
   * @throws Error the base was touched, or a mount or a process stayed behind; it is cleared nevertheless
   */
  async leave(): Promise<void> {
    const { scratch } = this;
    const faults: unknown[] = [];
    try {
      // A test that failed may have left it unmounted.
      if ((await mountsAt(scratch.mountpoint)).length > 0) await scratch.unmount();
      const left = await mountsAt(scratch.mountpoint);
      if (left.length > 0) faults.push(new Error(`a mount stayed behind: ${left.join()}`));
      const now = await shell(everything, scratch.base);
      if (now !== this.#untouched) faults.push(new Error(firstChange(this.#untouched, now)));
    } catch (error) {
      faults.push(error);
    }
    await this.#server?.close();
    await scratch.clear();
    faults.push(...(await strays(scratch.directory)));
    if (faults.length === 1) throw faults[0];
    if (faults.length > 1) throw new AggregateError(faults, faults.map(String).join("\n"));
  }
}

function firstChange(before: string, now: string): string {
  const [old, current] = [before.split("\n"), now.split("\n")];
  const line = old.findIndex((text, i) => text !== current[i]);
  return `the base was touched: "${old[line]}" became "${current[line]}"`;
}

/** Waits a moment for the processes that belong to `directory`, then ends those that stay and tells of them. */
async function strays(directory: string): Promise<Error[]> {
  const end_ms = Date.now() + 10_000;
  await until(() => processesOf(directory).length === 0 || Date.now() > end_ms);
  return processesOf(directory).map(({ pid, command }) => {
    process.kill(pid, "SIGKILL");
    return new Error(`a process stayed behind: ${command}`);
  });
}

/** Processes that work in `directory` or have its name among their arguments. */
function processesOf(directory: string): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        const cwd = readlinkSync(`/proc/${name}/cwd`);
        const belongs = command.includes(directory) || cwd.startsWith(directory);
        return belongs ? [{ pid: Number(name), command }] : [];
      } catch {
        // It has ended while we looked.
        return [];
      }
    });
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended, as it should.
  }
}

function tail(text: string): string {
  return text.length > 4000 ? `…${text.slice(-4000)}` : text;
}
