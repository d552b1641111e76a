/** A screen that nobody sees, for browsers that will not do without one. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { xvfb } from "./programs.ts";

/** Starts an X server on a free display, whose number it tells itself; who started it ends it. */
export async function startScreen(): Promise<{ child: ChildProcess; display: string }> {
  const options = ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"];
  const child = spawn(xvfb, options, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const pipe = child.stdio[3];
  if (!pipe) throw new Error("bug: Xvfb was started without the pipe it was to write to");
  const [number] = await Promise.race([
    once(pipe, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("Xvfb ended before it had a display"))),
  ]);
  return { child, display: `:${String(number).trim()}` };
}
