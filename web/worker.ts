/**
 * The core in a module worker: owns one storage, lies its overlay over a base, and answers the page's calls. The first
 * call is `open`. Whatever a call throws reaches the page as the error it was.
 */
import { expose, transfer } from "comlink";
import {
  type CopyOptions,
  type Fetcher,
  type FileHandle,
  FsError,
  type FsPromises,
  fsOf,
  httpFetcher,
  type ObjectRequest,
  Overlay,
  openManifestBase,
  run,
} from "../src/index.ts";
import { openIndexedDbStorage } from "./indexeddb.ts";
import { type Ownership, own } from "./ownership.ts";
import {
  buffersOf,
  installErrorTransfer,
  type OpenRequest,
  pack,
  type Traffic,
  type WorkerCalls,
} from "./protocol.ts";

installErrorTransfer();

/** Everything that is open. */
interface Open {
  readonly overlay: Overlay;
  readonly fs: FsPromises;
  readonly fetcher: CountingFetcher;
  readonly ownership: Ownership;
}

/** A fetcher that counts what it gets. */
class CountingFetcher implements Fetcher {
  readonly #fetcher: Fetcher;
  #requests = 0;
  #bytes = 0;

  constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher;
  }

  get traffic(): Traffic {
    return { requests: this.#requests, bytes: this.#bytes };
  }

  get(request: ObjectRequest) {
    this.#requests += 1;
    const getting = this.#fetcher.get(request);
    getting.then(
      ({ bytes }) => {
        this.#bytes += bytes.length;
      },
      () => {}, // Whoever asked is told; nothing came that could be counted.
    );
    return getting;
  }

  close(): void {
    this.#fetcher.close();
  }
}

/** A batch that is under way. */
interface Batch {
  readonly fs: FsPromises;
  /** Lets it end; resolves once it is committed. */
  end(): Promise<void>;
}

let opening: Promise<Open> | undefined;
/** Open files by the number they have for the page; each batch counts its own, so theirs cannot serve. */
const files = new Map<number, FileHandle>();
const batches = new Map<number, Batch>();
let lastNumber = 0;

function nextNumber(): number {
  lastNumber += 1;
  return lastNumber;
}

async function open({ base: url, storage: name }: OpenRequest): Promise<Open> {
  const ownership = await own(name);
  try {
    const fetcher = new CountingFetcher(httpFetcher());
    const base = await run(openManifestBase({ url, fetcher }));
    const storage = await openIndexedDbStorage(name);
    try {
      const overlay = await run(Overlay.open({ base, storage }));
      return { overlay, fs: fsOf(overlay).promises, fetcher, ownership };
    } catch (error) {
      await run(storage.close());
      throw error;
    }
  } catch (error) {
    ownership.release();
    throw error;
  }
}

async function opened(): Promise<Open> {
  if (!opening) throw new FsError("EBADF", { reason: "no overlay is open in this worker" });
  return opening;
}

/** The API that calls go to: a batch's, or the one that commits each call. */
async function fsFor(batch: number | undefined): Promise<FsPromises> {
  const { fs } = await opened();
  if (batch === undefined) return fs;
  const found = batches.get(batch);
  if (!found) throw new Error("bug: a call for a batch that has ended");
  return found.fs;
}

type Method = (...values: readonly unknown[]) => Promise<unknown>;

/** The method `name` of `object`, for calls that come as messages. */
function methodOf(object: object, name: string): Method {
  const method: unknown = Reflect.get(object, name);
  if (typeof method !== "function") throw new FsError("ENOSYS", { syscall: name });
  return (...values) => method.apply(object, values);
}

function fileOf(fd: number): FileHandle {
  const file = files.get(fd);
  if (!file) throw new FsError("EBADF", { reason: "file closed" });
  return file;
}

const calls: WorkerCalls = {
  async open(request) {
    if (opening) throw new Error("bug: a worker opens one overlay and no second");
    opening = open(request);
    opening.catch(() => {
      opening = undefined;
    });
    const { overlay } = await opening;
    const { locator, identity } = overlay.base;
    return { locator, identity };
  },
  async call(batch, method, values) {
    return pack(await methodOf(await fsFor(batch), method)(...values));
  },
  async copyFiltered(batch, [from, to, options], filter) {
    const { cp } = await fsFor(batch);
    await cp(from as string, to as string, { ...(options as CopyOptions), filter });
  },
  async openFile(batch, values) {
    const file = (await methodOf(await fsFor(batch), "open")(...values)) as FileHandle;
    const fd = nextNumber();
    files.set(fd, file);
    return fd;
  },
  async beginBatch() {
    const number = nextNumber();
    const { fs } = await opened();
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const committed = fs.batch((inner) => {
      const stop = (): Promise<void> => {
        end();
        return committed;
      };
      batches.set(number, { fs: inner, end: stop });
      return ended;
    });
    return number;
  },
  async endBatch(number) {
    const batch = batches.get(number);
    batches.delete(number);
    await batch?.end();
  },
  async callFile(fd, method, values) {
    const file = fileOf(fd);
    if (method === "close") files.delete(fd);
    return pack(await methodOf(file, method)(...values));
  },
  async readFile(fd, length, position) {
    const buffer = new Uint8Array(length);
    const at = position as number | bigint | null;
    const { bytesRead } = await fileOf(fd).read(buffer, 0, length, at);
    const bytes = bytesRead < length ? buffer.slice(0, bytesRead) : buffer;
    return transfer(bytes, buffersOf([bytes]));
  },
  async listDirectory(values) {
    const opendir = methodOf((await opened()).fs, "opendir");
    const directory = (await opendir(...values)) as AsyncIterable<unknown>;
    const entries: unknown[] = [];
    for await (const entry of directory) entries.push(entry);
    return pack(entries);
  },
  async status() {
    return run((await opened()).overlay.changes());
  },
  async revert(paths) {
    const { overlay } = await opened();
    await run(overlay.revert(paths));
    await run(overlay.commit("relaxed"));
  },
  async original(path) {
    const { base } = (await opened()).overlay;
    const node = await run(base.lookup(path));
    if (!node) throw new FsError("ENOENT", { syscall: "open", path });
    const bytes = new Uint8Array(node.size);
    const length = await run(base.read(node, 0, bytes));
    const read = bytes.slice(0, length);
    return transfer(read, buffersOf([read]));
  },
  async traffic() {
    return (await opened()).fetcher.traffic;
  },
  async flush() {
    await run((await opened()).overlay.commit("strict"));
  },
  async close() {
    const { overlay, ownership } = await opened();
    opening = undefined;
    files.clear();
    try {
      await run(overlay.close());
    } finally {
      ownership.release();
    }
  },
};

expose(calls);
