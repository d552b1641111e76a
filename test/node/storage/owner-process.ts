/** Starts `owner-program.ts` in a process of its own. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** What the program can be told to do. */
export type OwnerTask = "hold" | "write" | "read" | "reopen" | "look";

/** The program, built so that Node can run it. */
export interface OwnerProgram {
  start(task: OwnerTask, directory: string): OwnerProcess;
  /** Removes what was built. */
  remove(): void;
}

/** Builds the program. */
export async function buildOwnerProgram(): Promise<OwnerProgram> {
  const directory = mkdtempSync(join(tmpdir(), "minifo-owner-"));
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      ssr: fileURLToPath(new URL("./owner-program.ts", import.meta.url)),
      outDir: directory,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: "owner.mjs" } },
    },
  });
  const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
  symlinkSync(modules, join(directory, "node_modules"));
  return {
    start: (task, storage) => new OwnerProcess(join(directory, "owner.mjs"), task, storage),
    remove: () => rmSync(directory, { recursive: true, maxRetries: 10 }),
  };
}

/** A running `owner-program.ts`. */
export class OwnerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, task: string, directory: string) {
    this.#child = spawn(process.execPath, [program, task, directory], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next line it prints; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Lets it go on where it waits for a line. */
  poke(): void {
    this.#child.stdin.write("\n");
  }

  /** Kills it with SIGKILL and waits for its end; gives the lines it had printed that nobody took. */
  async kill(): Promise<string[]> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await ended;
    }
    const rest: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line())
      rest.push(line);
    return rest;
  }
}
