/**
 * `fs.promises` on the page: every method an own function that asks the worker. Results have their classes, errors are
 * `FsError`s, the caller's buffers stay the caller's. An AbortSignal cannot cross: it ends the waiting here, while the
 * worker finishes what it began.
 */
import { proxy, type Remote } from "comlink";
import { AbortError, constants, type Dirent, type FsPromises } from "../src/index.ts";
import { type CopyFilter, unpack, type WorkerCalls } from "./protocol.ts";
import {
  gathered,
  type PageDir,
  type PageFileHandle,
  RemoteDirectory,
  remoteFile,
  sendable,
} from "./remote-file.ts";

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
type WholeMethod = "cp" | "readFile" | "writeFile" | "appendFile";

/** `fs.promises` on the page: as `FsPromises`, with open files and directories of the page. */
export type PageFs = Pick<FsPromises, PlainMethod | WholeMethod | "constants"> & {
  open(...values: Parameters<FsPromises["open"]>): Promise<PageFileHandle>;
  opendir(...values: Parameters<FsPromises["opendir"]>): Promise<PageDir>;
  batch<T>(work: (fs: PageFs) => Promise<T>): Promise<T>;
};

type Method = (...values: unknown[]) => Promise<unknown>;

/** `fs.promises` over `worker`. */
export function remoteFs(worker: Remote<WorkerCalls>, batch?: number): PageFs {
  const call = (method: string, values: readonly unknown[]): Promise<unknown> => {
    const { signal, rest } = withoutSignal(values);
    return untilAborted(signal, async () =>
      unpack(await worker.call(batch, method, sendable(rest))),
    );
  };
  const methods: Record<string, Method> = {};
  for (const method of plainMethods) methods[method] = (...values) => call(method, values);
  methods.cp = async (from, to, options) => {
    if (typeof options !== "object" || options === null || !("filter" in options)) {
      return call("cp", [from, to, options]);
    }
    const { filter, ...others } = options;
    if (typeof filter !== "function") return call("cp", [from, to, options]);
    return worker.copyFiltered(batch, [from, to, others], proxy(filter as CopyFilter));
  };
  methods.readFile = (path, options) =>
    isOpenFile(path) ? path.readFile(options as never) : call("readFile", [path, options]);
  for (const method of ["writeFile", "appendFile"] as const) {
    methods[method] = async (path, data, options) => {
      if (isOpenFile(path)) return path[method](data as never, options as never);
      return call(method, [path, await gathered(data), options]);
    };
  }
  methods.open = async (...values) => remoteFile(worker, await worker.openFile(batch, values));
  methods.opendir = async (...values) => {
    const entries = unpack(await worker.listDirectory(values)) as Dirent[];
    return new RemoteDirectory(String(values[0]), entries);
  };
  const inBatch = async <T>(work: (fs: PageFs) => Promise<T>): Promise<T> => {
    const number = await worker.beginBatch();
    try {
      return await work(remoteFs(worker, number));
    } finally {
      await worker.endBatch(number);
    }
  };
  return { ...methods, batch: inBatch, constants } as unknown as PageFs;
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

async function untilAborted<T>(
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
