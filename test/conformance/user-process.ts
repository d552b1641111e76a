/** Runs the table of cases in a process of another user. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import { build } from "vite";
import { execute } from "../mount/fixture.ts";
import type { Outcome } from "./table.ts";

/** The program that runs the cases in a directory: one file, which everybody may read and which needs no other. */
export interface UserProgram {
  readonly file: string;
  readonly remove: () => Promise<void>;
}

export async function buildUserProgram(): Promise<UserProgram> {
  const directory = await mkdtemp(join(tmpdir(), "minifo-user-"));
  await chmod(directory, 0o755);
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      ssr: fileURLToPath(new URL("./user-program.ts", import.meta.url)),
      outDir: directory,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: "user.mjs" } },
    },
    ssr: { noExternal: true },
  });
  return {
    file: join(directory, "user.mjs"),
    remove: () => rm(directory, { recursive: true, maxRetries: 10 }),
  };
}

/** Somebody who has no rights but his own; nothing on the machine need know him. */
export const ordinaryUser = 54_321;

/** Runs the cases below `directory`, which is theirs, as the user and group `id`, in no other group. */
export async function outcomesAs(
  id: number,
  program: UserProgram,
  directory: string,
): Promise<Outcome[]> {
  const ids = [`--reuid=${id}`, `--regid=${id}`, "--clear-groups"];
  // Not in the directory this process is in: they may not be allowed to enter that.
  const command = [...ids, process.execPath, program.file, directory];
  const { code, stdout, stderr } = await execute("setpriv", command, directory);
  if (code !== 0) throw new Error(`the program of user ${id} ended with ${code}: ${stderr}`);
  return outcomesIn(stdout);
}

/** What the program printed. */
export function outcomesIn(printed: string): Outcome[] {
  const lines = printed.trim().split("\n");
  return lines.map((line) => deserialize(Buffer.from(line, "base64")) as Outcome);
}
