/**
 * A mount made by the command line, and what tests do with it. Everything that touches the mount is asynchronous or in
 * another process: the base's server runs in this one, and a synchronous call would wait for itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, onTestFinished } from "vitest";
import { type StaticServer, serveDirectory } from "../../node/static-server.ts";

/** The command line, built. */
export const program = new URL("../../bin/minifo.js", import.meta.url).pathname;

/** Why nothing can be mounted here, if so. */
const obstacle = !existsSync("/dev/fuse")
  ? "there is no /dev/fuse"
  : process.getuid?.() !== 0
    ? "only root may mount"
    : !existsSync(new URL("../../dist/node/cli/main.js", import.meta.url))
      ? "it is not built: npm run build"
      : undefined;

/** Describes tests that mount; where that cannot be they are skipped, and the reason stands in the name. */
export function describeMount(name: string, tests: () => void): void {
  if (obstacle === undefined) describe(name, tests);
  else describe.skip(`${name} (skipped: ${obstacle})`, tests);
}

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function execute(command: string, args: readonly string[], cwd?: string): Promise<Ending> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...(cwd && { cwd }) });
  return ended(child);
}

/** Runs a shell script in `cwd`; throws with what it said if it fails. Returns its output. */
export async function shell(script: string, cwd: string): Promise<string> {
  const { code, signal, stdout, stderr } = await execute("bash", ["-euc", script], cwd);
  if (code !== 0) throw new Error(`bash ended with ${code ?? signal}: ${stderr}\n${stdout}`);
  return stdout;
}

export function minifo(...args: readonly string[]): Promise<Ending> {
  return execute(process.execPath, [program, ...args]);
}

/** Runs minifo; throws with what it said if it fails. Returns its output. */
export async function minifoOk(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await minifo(...args);
  if (code !== 0) throw new Error(`minifo ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Starts minifo, which is to go on; `ended` settles when it does not any more. */
function startMinifo(...args: readonly string[]): {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
} {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  return { child, ended: ended(child) };
}

function ended(child: ChildProcess): Promise<Ending> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Waits until `condition` holds; the test's own deadline bounds it. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The lines of the mount table that tell of `mountpoint`. */
export async function mountsAt(mountpoint: string): Promise<string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.filter((line) => line.split(" ")[4] === mountpoint);
}

/** Scratch directories of one test: a base, a mountpoint, a storage; cleared when the test ends. */
export class Scratch {
  readonly directory: string;
  readonly base: string;
  readonly mountpoint: string;
  readonly storage: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.base = join(directory, "base");
    this.mountpoint = join(directory, "mnt");
    this.storage = join(directory, "sto");
  }

  /** Makes them, the base with these files. */
  static async with(files: Readonly<Record<string, string | Uint8Array>>): Promise<Scratch> {
    const scratch = await Scratch.forFile(files);
    onTestFinished(() => scratch.clear());
    return scratch;
  }

  /** As `with`, for all tests of a file, which clears them. */
  static async forFile(files: Readonly<Record<string, string | Uint8Array>>): Promise<Scratch> {
    const scratch = new Scratch(await mkdtemp(join(tmpdir(), "minifo-mount-")));
    await mkdir(scratch.mountpoint);
    await mkdir(scratch.base);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(scratch.base, path)), { recursive: true });
      await writeFile(join(scratch.base, path), content);
    }
    return scratch;
  }

  /** Serves the base over HTTP, with a manifest. */
  async serve(): Promise<StaticServer> {
    await minifoOk("index", this.base);
    const server = await serveDirectory(this.base, { port: 0, host: "127.0.0.1" });
    onTestFinished(() => server.close());
    return server;
  }

  /** A path below the mountpoint. */
  at(path: string): string {
    return join(this.mountpoint, path);
  }

  async mount(base: string, ...options: readonly string[]): Promise<void> {
    await minifoOk("mount", base, this.mountpoint, "--storage", this.storage, ...options);
  }

  async unmount(): Promise<void> {
    await minifoOk("umount", this.mountpoint);
  }

  async remount(base: string): Promise<void> {
    await this.unmount();
    await this.mount(base);
  }

  /** Mounts in a process that stays a child of this one. */
  async mountInForeground(base: string, ...options: readonly string[]) {
    const { mountpoint, storage } = this;
    const args = ["mount", base, mountpoint, "--storage", storage, "--foreground", ...options];
    const started = startMinifo(...args);
    onTestFinished(() => {
      started.child.kill("SIGKILL");
    });
    let isOver = false;
    started.ended.then(() => {
      isOver = true;
    });
    const isServed = () => minifo("status", storage).then(({ code }) => code === 0);
    await until(async () => isOver || ((await mountsAt(mountpoint)).length > 0 && isServed()));
    if (isOver) throw new Error((await started.ended).stderr);
    return started;
  }

  /** `minifo status` as lines of state and path. */
  async status(): Promise<string[]> {
    const changes = JSON.parse(await minifoOk("status", this.storage, "--json")) as {
      path: string;
      state: string;
    }[];
    return changes.map(({ path, state }) => `${state} ${path}`);
  }

  /** Unmounts what is left and removes the directories. */
  async clear(): Promise<void> {
    while ((await mountsAt(this.mountpoint)).length > 0) {
      await execute("umount", ["-l", "-c", this.mountpoint]);
    }
    // A process whose mount has just been taken away is still closing its storage.
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20 });
  }
}
