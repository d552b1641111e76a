/**
 * What a conformance case is. A case is data and one function over an API of `node:fs/promises` shape; what it must give
 * stands beside it, so that the same table runs on Node's own (which shows that the case is right), on ours in
 * process, through a worker, and through a mount.
 */
import type { FsPromises } from "../../src/fs/promises.ts";

/** What there is before a case runs: file contents, `null` for a directory, `to` for a symlink's target. */
export type Tree = Readonly<Record<string, string | null | { readonly to: string }>>;

/** Turns a path of a case ("/f") into one of the implementation that runs it. */
export type At = (path: string) => string;

export interface ConformanceCase {
  /** A sentence of behaviour. */
  readonly name: string;
  readonly given?: Tree;
  readonly run: (fs: FsPromises, at: At) => Promise<unknown>;
  /** What `run` resolves with; by default nothing. */
  readonly gives?: unknown;
  /** The message it rejects with, paths as in the case; or the bare code, where messages may differ. */
  readonly fails?: string;
  /** What it gives, or the code it fails with, for who is not root, if that is something else. */
  readonly asUser?: { readonly gives: unknown } | { readonly fails: string };
}

/** What became of a case. */
export type Outcome = { readonly value: unknown } | { readonly error: ToldError };

/** Runs a case in the directory `root` of `fs`, where what it is given lies. */
export async function outcomeOf(
  testCase: ConformanceCase,
  fs: FsPromises,
  root: string,
): Promise<Outcome> {
  try {
    return { value: await testCase.run(fs, (path) => root + path) };
  } catch (error) {
    return { error: told(error, root) };
  }
}

/** What an error tells, with the paths of the case. */
export interface ToldError {
  readonly message: string;
  readonly code: unknown;
  readonly errno: unknown;
  readonly syscall: unknown;
  readonly path: unknown;
  readonly dest: unknown;
}

/** `error` as a case sees it: paths below `root` begin with "/" there, and a reason of ours is left out. */
function told(error: unknown, root: string): ToldError {
  const { message, code, errno, syscall, path, dest, reason } = error as ToldError & {
    readonly reason?: string;
  };
  const short = (text: unknown) =>
    typeof text === "string" ? text.replaceAll(`${root}/`, "/").replaceAll(root, "/") : text;
  return {
    message: String(short(reason === undefined ? message : message.replace(`: ${reason}`, ""))),
    code,
    errno,
    syscall,
    path: short(path),
    dest: short(dest),
  };
}

/** The fields an error with Node's `message` has: code, syscall, path and dest stand in it. */
export function fieldsIn(message: string): Omit<ToldError, "errno"> {
  const shape = /^([A-Z0-9]+): [^,]+(?:, (\w+)(?: '([^']*)')?(?: -> '([^']*)')?)?$/;
  const [, code, syscall, path, dest] = shape.exec(message) ?? [];
  return { message, code, syscall, path, dest };
}

/** The bytes as text, whichever class of bytes they are. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** What became of a promise: "ok", or its error's code. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** Makes `tree` below the directory `root`. */
export async function plant(fs: FsPromises, root: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const at = root + path;
    const parent = at.slice(0, at.lastIndexOf("/"));
    await fs.mkdir(parent, { recursive: true });
    if (content === null) await fs.mkdir(at, { recursive: true });
    else if (typeof content === "string") await fs.writeFile(at, content);
    else await fs.symlink(content.to, at);
  }
}
