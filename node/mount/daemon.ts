/**
 * A mount in the background: this process starts the one that serves, passes on what that says until it is mounted or
 * has failed, and leaves. They talk over a pipe the child inherits, one JSON object per line.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, realpathSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fromPlainError, type PlainError, toPlainError } from "../control/errors.ts";
import { endSignals, type MountListener } from "./mount.ts";

/** The environment variable that tells a serving process which descriptor its starter listens to. */
const readyVariable = "MINIFO_READY_FD";
const readyDescriptor = 3;

type Line =
  | { readonly said: string }
  | { readonly ready: string }
  | { readonly failed: PlainError };

/**
 * Runs this program again with `args`, detached, and returns once it says that it is ready, with its words. Whoever ends
 * this process before ends that one too, so that nothing is mounted behind a user's back.
 * @throws what it says it failed with
 */
export async function startInBackground(
  args: readonly string[],
  log: string | undefined,
  say: (message: string) => void,
): Promise<string> {
  const output = log === undefined ? "ignore" : openSync(log, "a");
  const called = process.argv[1];
  if (called === undefined) throw new Error("bug: a command line without a program");
  // By its own name: as mount.minifo, which is a link to it, it would take `args` for mount(8)'s.
  const program = realpathSync(called);
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    stdio: ["ignore", output, output, "pipe"],
    env: { ...process.env, [readyVariable]: String(readyDescriptor) },
    detached: true,
    cwd: "/",
  });
  if (typeof output === "number") closeSync(output);
  const ended = new Promise<Error>((resolve) => {
    child.on("error", resolve);
    child.on("exit", (code, signal) => {
      const how = signal === null ? `code ${code}` : `signal ${signal}`;
      const hint = log === undefined ? "--foreground shows more" : `${log} may tell more`;
      resolve(new Error(`the serving process ended with ${how} before it had mounted; ${hint}`));
    });
  });
  const pipe = child.stdio[readyDescriptor] as Readable;
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    child.kill("SIGTERM");
  };
  // Once each: the second Ctrl-C ends this process as ever, should the other one not end.
  for (const signal of endSignals) process.once(signal, interrupt);
  try {
    for await (const text of createInterface({ input: pipe })) {
      const line = JSON.parse(text) as Line;
      if ("said" in line) say(line.said);
      else if ("failed" in line) throw fromPlainError(line.failed);
      else return line.ready;
    }
    const ending = await ended;
    throw interrupted ? new Error("interrupted before it was mounted; nothing is mounted") : ending;
  } finally {
    for (const signal of endSignals) process.off(signal, interrupt);
    pipe.destroy();
    child.unref();
  }
}

/** Whether this is a serving process that was started in the background. To be asked before `listenerOr`. */
export function isStartedByOther(): boolean {
  return process.env[readyVariable] === String(readyDescriptor);
}

/** The listener of a serving process: its starter's, if it was started in the background, else `foreground`. */
export function listenerOr(foreground: MountListener): MountListener & {
  /** Tells why it never was mounted. Returns whether anybody heard it. */
  failed(error: unknown): boolean;
} {
  const descriptor = Number(process.env[readyVariable]);
  delete process.env[readyVariable];
  let open = descriptor === readyDescriptor;
  const tell = (line: Line): boolean => {
    if (!open) return false;
    try {
      writeSync(descriptor, `${JSON.stringify(line)}\n`);
      return true;
    } catch {
      // Whoever started us left early: from now on messages go where those of the foreground go.
      open = false;
      return false;
    }
  };
  return {
    say: (message) => {
      if (!tell({ said: message })) foreground.say(message);
    },
    ready: (message) => {
      foreground.ready(message);
      if (!tell({ ready: message })) return;
      open = false;
      closeSync(descriptor);
    },
    failed: (error) => tell({ failed: toPlainError(error) }),
  };
}
