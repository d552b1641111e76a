/** Running what is timed and what serves it, with a rank of its own where that may be done. */
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** What stands before a command. */
export type Prefix = readonly string[];

/**
 * One processor for client and server together, before all other programs. On a virtual machine waking the other
 * processor costs many times what a request does and differs from moment to moment; so that would be measured. Without
 * the right to it (root, util-linux) commands run as they are.
 */
export function rankedPrefix(): Prefix {
  const prefix = ["taskset", "-c", String(availableParallelism() - 1), "chrt", "-r", "10"];
  const { status } = spawnSync(prefix[0] as string, [...prefix.slice(1), "true"]);
  return status === 0 ? prefix : [];
}

/**
 * Runs a command to its end and returns what it printed.
 * @throws Error it failed; the message is what it complained of
 */
export function execute(command: readonly string[], cwd = "/"): Promise<string> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    // Not "close": a server that goes into the background keeps the pipes.
    child.on("exit", (code, signal) => {
      if (code === 0) setImmediate(() => resolve(stdout));
      else reject(new Error(`${command.join(" ")} ended with ${code ?? signal}: ${stderr.trim()}`));
    });
  });
}
