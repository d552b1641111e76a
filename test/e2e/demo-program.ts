/**
 * The program behind `npm start`, run for a test on free ports and ended after it as a reader would: with Ctrl-C.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../bin/minifo-demo.js", import.meta.url));

/** The running program. */
export interface DemoProgram {
  /** The address it told first, which opens the workbench on its base. */
  readonly address: string;
  /** URL of the base, with a slash at its end. */
  readonly base: string;
  /** Everything it wrote to stdout. */
  readonly output: string;
  /** Ends it; resolves with its exit code. */
  end(): Promise<number | null>;
}

/** Starts the program with `options` in place of ports of its choice. */
export async function startDemo(...options: readonly string[]): Promise<DemoProgram> {
  const child = spawn(process.execPath, [program, "--port", "0", "--base-port", "0", ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = await untilReady(child);
  const address = /https?:\/\/\S+/.exec(output)?.[0] ?? "";
  const base = new URLSearchParams(new URL(address).hash.slice(1)).get("base") ?? "";
  return {
    address,
    base,
    output,
    async end() {
      if (child.exitCode !== null) return child.exitCode;
      const exited = once(child, "exit");
      child.kill("SIGINT");
      const [code] = await exited;
      return code;
    },
  };
}

/** Collects what the program says until it has said how to end it. */
function untilReady(child: ChildProcess): Promise<string> {
  let output = "";
  let complaints = "";
  child.stderr?.on("data", (text) => {
    complaints += text;
  });
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (text) => {
      output += text;
      if (output.includes("Ctrl-C")) resolve(output);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`npm start's program ended with ${code}: ${output}${complaints}`));
    });
  });
}
