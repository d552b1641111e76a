/**
 * `fs.promises` on the page: every method an own function that asks the worker. Results have their classes, errors are
 * `FsError`s, the caller's buffers stay the caller's. An AbortSignal cannot cross: it ends the waiting here, while the
 * worker finishes what it began. Which calls may be made twice, if nobody knows whether they were done, is said here.
 */
import {
  AbortError,
  type CopyOptions,
  constants,
  type Dirent,
  FsError,
  type FsPromises,
  type WatchOptions,
  watch,
} from "../src/index.ts";
import type { Connection } from "./connection.ts";
import type { Ask, Link } from "./link.ts";
import { unpack } from "./protocol.ts";
import type { PageDir, PageFileHandle } from "./remote-file.ts";
import { gathered, sendable } from "./sent-values.ts";

/** Methods whose arguments and results cross as they are. */
const plainMethods = [
  "access",
  "chmod",
  "chown",
  "copyFile",
  "lchown",
  "link",
  "lstat",
  "lutimes",
  "mkdir",
  "mkdtemp",
  "readdir",
  "readlink",
  "realpath",
  "rename",
  "rm",
  "rmdir",
  "stat",
  "statfs",
  "symlink",
  "truncate",
  "unlink",
  "utimes",
] as const satisfies readonly (keyof FsPromises)[];

type PlainMethod = (typeof plainMethods)[number];

/** Methods whose arguments cannot all cross as they are: open files in place of paths, functions, iterables. */
type WholeMethod = "cp" | "readFile" | "writeFile" | "appendFile" | "watch";

/** `fs.promises` on the page: as `FsPromises`, with open files and directories of the page. */
export type PageFs = Pick<FsPromises, PlainMethod | WholeMethod | "constants"> & {
  open(...values: Parameters<FsPromises["open"]>): Promise<PageFileHandle>;
  opendir(...values: Parameters<FsPromises["opendir"]>): Promise<PageDir>;
  batch<T>(work: (fs: PageFs) => Promise<T>): Promise<T>;
};

type Method = (...values: unknown[]) => unknown;

/** Methods that may be done twice whatever they are asked. */
const repeatable: ReadonlySet<string> = new Set<PlainMethod | WholeMethod>([
  "access",
  "chmod",
  "chown",
  "lchown",
  "lstat",
  "lutimes",
  "readFile",
  "readdir",
  "readlink",
  "realpath",
  "stat",
  "statfs",
  "truncate",
  "utimes",
]);

/** Whether `method` with `values` may be done twice: the second time finds what the first one made, and agrees. */
function isRepeatable(method: string, values: readonly unknown[]): boolean {
  const options = values.at(-1);
  const given = (key: string): unknown =>
    typeof options === "object" && options !== null ? Reflect.get(options, key) : undefined;
  if (method === "mkdir") return given("recursive") === true;
  if (method === "rm") return given("force") === true;
  if (method === "writeFile") return given("flag") === undefined || given("flag") === "w";
  return repeatable.has(method);
}

/** `fs.promises` over `connection`; with a batch, over the owner that it was begun at. */
export function remoteFs(
  connection: Connection,
  batch?: { readonly number: number; readonly link: Link },
): PageFs {
  const call = (method: string, values: readonly unknown[]): Promise<unknown> => {
    const { signal, rest } = withoutSignal(values);
    const path = typeof values[0] === "string" ? values[0] : undefined;
    return untilAborted(signal, async () => {
      const packed = batch
        ? await connection.callOn(batch.link, method, (calls) =>
            calls.call(batch.number, method, sendable(rest)),
          )
        : await connection.call({
            syscall: method,
            path,
            repeatable: isRepeatable(method, rest),
            ask: (calls) => calls.call(undefined, method, sendable(rest)),
          });
      return unpack(packed);
    });
  };
  const methods: Record<string, Method> = {};
  for (const method of plainMethods) methods[method] = (...values) => call(method, values);
  methods.cp = async (from, to, options) => {
    const filtered = typeof options === "object" && options !== null && "filter" in options;
    if (!filtered || typeof options.filter !== "function") return call("cp", [from, to, options]);
    // A function cannot cross, so this one is done from here, over and over the distance.
    const { TreeCopy } = await import("./filtered-copy.ts");
    const copied = async (fs: unknown): Promise<void> => {
      await new TreeCopy(fs as FsPromises, options as CopyOptions, async () => {}).copy(
        String(from),
        String(to),
      );
    };
    await (batch ? copied(fs) : inBatch(copied));
  };
  methods.readFile = (path, options) =>
    isOpenFile(path) ? path.readFile(options as never) : call("readFile", [path, options]);
  for (const method of ["writeFile", "appendFile"] as const) {
    methods[method] = async (path, data, options) => {
      if (isOpenFile(path)) return path[method](data as never, options as never);
      return call(method, [path, await gathered(data), options]);
    };
  }
  methods.open = async (...values) => {
    const { remoteFile } = await loadOpenFiles("open", values[0]);
    const ask: Ask<PageFileHandle>["ask"] = async (calls, link) =>
      remoteFile(connection, link, await calls.openFile(batch?.number, values));
    if (batch) return connection.callOn(batch.link, "open", ask);
    const [path, flags] = values;
    const isExclusive = typeof flags === "number" || String(flags ?? "r").includes("x");
    return connection.call({
      syscall: "open",
      path: String(path),
      repeatable: !isExclusive,
      ask,
    });
  };
  methods.opendir = async (...values) => {
    const { RemoteDirectory } = await loadOpenFiles("opendir", values[0]);
    const packed = await connection.call({
      syscall: "opendir",
      repeatable: true,
      ask: (calls) => calls.listDirectory(values),
    });
    return new RemoteDirectory(String(values[0]), unpack(packed) as Dirent[]);
  };
  methods.watch = (path, options) => {
    const given = typeof options === "object" && options !== null ? options : {};
    return watch(connection.changes.subscribe, String(path), given as WatchOptions);
  };
  const inBatch = async <T>(work: (fs: PageFs) => Promise<T>): Promise<T> => {
    const { link, number } = await connection.call({
      syscall: "batch",
      repeatable: true,
      ask: async (calls, link) => ({ link, number: await calls.beginBatch() }),
    });
    try {
      return await work(remoteFs(connection, { number, link }));
    } finally {
      await connection.callOn(link, "batch", (calls) => calls.endBatch(number));
    }
  };
  const fs = { ...methods, batch: inBatch, constants } as unknown as PageFs;
  return fs;
}

/**
 * Loads what open files and directories are on the page. A page asks for it as soon as its overlay is open.
 * @throws EIO it cannot be loaded; nothing was opened
 */
export async function loadOpenFiles(
  syscall: string,
  path: unknown,
): Promise<typeof import("./remote-file.ts")> {
  try {
    return await import("./remote-file.ts");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const reason =
      `the part of minifo for open files could not be loaded (${why}); nothing was opened; try again once the network ` +
      "is back, and if that does not help reload the page";
    throw new FsError("EIO", { syscall, path: String(path), reason, cause });
  }
}

function isOpenFile(value: unknown): value is PageFileHandle {
  return typeof value === "object" && value !== null && "fd" in value;
}

/** `values` with the signal taken out of the options among them. */
function withoutSignal(values: readonly unknown[]): {
  signal: AbortSignal | undefined;
  rest: readonly unknown[];
} {
  let signal: AbortSignal | undefined;
  const rest = values.map((value) => {
    if (typeof value !== "object" || value === null || !("signal" in value)) return value;
    const { signal: found, ...others } = value;
    if (found instanceof AbortSignal) signal = found;
    return others;
  });
  return { signal, rest };
}

/** What `work` gives; an AbortError as soon as `signal` says so, while `work` goes on. */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (!signal) return work();
  if (signal.aborted) throw new AbortError(signal);
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new AbortError(signal));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
