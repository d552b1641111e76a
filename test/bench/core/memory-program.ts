/**
 * Opens a tree of 100,000 files in 1,000 directories, goes over all of it with stat, then appends a byte to 10,000 files,
 * and prints as JSON what memory held after each step, in bytes above what the process began with. Needs --expose-gc.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDiskStorage } from "../../../node/storage/disk.ts";
import {
  type Base,
  type Fetcher,
  fsOf,
  type ManifestEntry,
  Overlay,
  openManifestBase,
  openMemoryStorage,
  run,
  writeManifest,
} from "../../../src/index.ts";
import { expectRight, WrongResult } from "../measure.ts";
import { importPeer } from "../peers.ts";

/** Who holds the tree. */
export type Kind = "inMemory" | "onDisk" | "memfs";

/** Bytes of heap and buffers. */
export interface Found {
  readonly opened: number;
  readonly walked: number;
  readonly changed: number;
}

const directories = 1_000;
const filesEach = 100;
const changes = 10_000;

/** As much of node:fs/promises as the program uses. */
interface Promises {
  readdir(path: string): Promise<readonly unknown[]>;
  lstat(path: string): Promise<{ isFile(): boolean }>;
  appendFile(path: string, text: string): Promise<void>;
  readFile(path: string, encoding: "utf8"): Promise<unknown>;
}

interface Tree {
  readonly promises: Promises;
  /** Does `work` with few commits, as a mount would. */
  readonly batch: (work: (fs: Promises) => Promise<void>) => Promise<void>;
  readonly close: () => unknown;
}

const content = Buffer.from("as it was\n");
const directoryOf = (index: number) => `directory-${String(index).padStart(3, "0")}`;
const fileOf = (index: number) => `chapter-${String(index).padStart(2, "0")}.html`;

function* entries(): Generator<ManifestEntry> {
  const mtime = { seconds: 1_700_000_000, nanoseconds: 0 };
  const sha256 = createHash("sha256").update(content).digest();
  yield { path: "", type: "directory", mode: 0o755, mtime };
  for (let index = 0; index < directories; index += 1) {
    yield { path: directoryOf(index), type: "directory", mode: 0o755, mtime };
    for (let file = 0; file < filesEach; file += 1) {
      const path = `${directoryOf(index)}/${fileOf(file)}`;
      yield { path, type: "file", mode: 0o644, mtime, size: content.length, sha256 };
    }
  }
}

/** The site, without a server: what it would answer. */
function siteFetcher(manifest: Uint8Array<ArrayBuffer>): Fetcher {
  return {
    async get({ url }) {
      const bytes = url.endsWith("/minifo.json") ? manifest : new Uint8Array(content);
      return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
    },
    close() {},
  };
}

async function openMinifo(onDisk: boolean): Promise<Tree> {
  const directory = onDisk ? mkdtempSync(join(tmpdir(), "minifo-bench-")) : undefined;
  const storage = directory === undefined ? openMemoryStorage() : openDiskStorage(directory);
  const base = await openSite();
  const overlay = await run(Overlay.open({ base, storage }));
  const { promises } = fsOf(overlay);
  return {
    promises,
    batch: (work) => promises.batch(work),
    close: async () => {
      await run(overlay.close());
      if (directory !== undefined) rmSync(directory, { recursive: true });
    },
  };
}

/** In a function of its own, so that nothing of what it took to write the manifest is held. */
async function openSite(): Promise<Base> {
  const manifest = new TextEncoder().encode(writeManifest(entries(), { omitted: 0 }));
  const fetcher = siteFetcher(manifest);
  return run(openManifestBase({ url: "http://localhost/", fetcher }));
}

async function openMemfs(): Promise<Tree> {
  const module = (await importPeer("memfs")) as { memfs: () => { fs: typeof import("node:fs") } };
  const { fs } = module.memfs();
  for (const { path, type } of entries()) {
    if (type === "directory") fs.mkdirSync(`/${path}`, { recursive: true });
    else fs.writeFileSync(`/${path}`, content);
  }
  const promises = fs.promises as unknown as Promises;
  return { promises, batch: (work) => work(promises), close: () => {} };
}

/** Bytes of heap and buffers in use. */
async function held(): Promise<number> {
  for (let time = 0; time < 3; time += 1) {
    // What finalizers free is gone only after a turn of the event loop.
    await new Promise((done) => setTimeout(done));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Goes over everything with stat; returns the number of files. */
async function find(promises: Promises, at: string): Promise<number> {
  let files = 0;
  for (const name of await promises.readdir(at)) {
    const path = `${at === "/" ? "" : at}/${name}`;
    const isFile = (await promises.lstat(path)).isFile();
    files += isFile ? 1 : await find(promises, path);
  }
  return files;
}

async function change({ batch }: Tree): Promise<void> {
  const apart = (directories * filesEach) / changes;
  for (let from = 0; from < changes; from += 1_000) {
    await batch(async (fs) => {
      for (let index = from * apart; index < (from + 1_000) * apart; index += apart) {
        await fs.appendFile(pathOf(index), "+");
      }
    });
  }
}

function pathOf(index: number): string {
  return `/${directoryOf(Math.floor(index / filesEach))}/${fileOf(index % filesEach)}`;
}

async function measure(kind: Kind): Promise<Found> {
  if (kind === "memfs") await importPeer("memfs");
  const before = await held();
  const tree = await (kind === "memfs" ? openMemfs() : openMinifo(kind === "onDisk"));
  const opened = (await held()) - before;
  const files = await find(tree.promises, "/");
  expectRight(files === directories * filesEach, `${files} files were found`);
  const walked = (await held()) - before;
  await change(tree);
  const changed = (await held()) - before;
  const last = await tree.promises.readFile(pathOf(directories * filesEach - filesEach), "utf8");
  expectRight(last === `${content}+`, "a changed file does not say what was written");
  await tree.close();
  return { opened, walked, changed };
}

try {
  console.log(JSON.stringify(await measure(process.argv[2] as Kind)));
} catch (error) {
  const failed = error instanceof Error ? error.message : String(error);
  console.log(JSON.stringify({ failed, wrong: error instanceof WrongResult }));
}
