/**
 * The page of the end-to-end proofs: opens overlays in the ways a test asks for and does their work. With `#orders` it
 * asks the lab's server what to do next, so that a browser needs no remote control to be tested; what it has done it
 * tells the server at once, without waiting for an answer.
 */
import {
  check,
  type Finding,
  httpFetcher,
  MemoryDisk,
  MemoryInspection,
  openManifestBase,
  run,
} from "../../../src/index.ts";
import { openOverlay, type PageOverlay, writable } from "../../../web/index.ts";
import { isOtherDatabaseThere } from "../other-database.ts";
import { ChurnModel, make } from "./churn.ts";
import { type GitFound, workWithGit } from "./git-work.ts";

const storage = "lab";
const base = new URL("/base/", location.href).href;
let overlay: PageOverlay | undefined;

function opened(): PageOverlay {
  if (!overlay) throw new Error("bug: nothing is open");
  return overlay;
}

/** What is still to be told, by its name, while a message is on its way. */
const untold = new Map<string, number>();
let telling = false;

/**
 * Tells the server how far `what` is. Nobody waits for it: it may be cut short with the browser, and then less is known to
 * be acknowledged than was. One message at a time, or they would stand in the way of everything else.
 */
function tell(what: string, number: number): void {
  untold.set(what, number);
  if (!telling) void tellAll();
}

async function tellAll(): Promise<void> {
  telling = true;
  for (const [what, number] of untold) {
    untold.delete(what);
    await fetch(`/told/${what}/${number}`, { method: "POST" });
  }
  telling = false;
}

function textOf(prefix: string, at: number): string {
  return `${prefix} ${at} `.repeat(50);
}

let stopped = false;

const work = {
  async open(ownership?: "tab" | "shared"): Promise<void> {
    overlay = await openOverlay({ base, storage, ...(ownership && { ownership }) });
  },

  /** Writes so many files one after the other, each awaited. */
  async write(prefix: string, count: number): Promise<void> {
    const { promises } = opened().fs;
    for (let at = 0; at < count; at += 1) {
      await promises.writeFile(`/${prefix}-${at}`, textOf(prefix, at));
    }
  },

  /** How many of the first `count` such files are there as they were written. */
  async countWritten(prefix: string, count: number): Promise<number> {
    const overlay = opened();
    const names = new Set(await overlay.fs.promises.readdir("/"));
    const isThere = (at: number): boolean => names.has(`${prefix}-${at}`);
    const there = Array.from({ length: count }, (_, at) => at).filter(isThere);
    const contents = await overlay.readMany(there.map((at) => `/${prefix}-${at}`));
    const isWritten = (at: number, place: number): boolean =>
      new TextDecoder().decode(contents[place]) === textOf(prefix, at);
    return there.filter(isWritten).length;
  },

  /** Writes such files until the page ends or is told to stop, and tells of each before the next; returns their number. */
  async writeOn(prefix: string): Promise<number> {
    const { promises } = opened().fs;
    let count = 0;
    while (!stopped) {
      await promises.writeFile(`/${prefix}-${count}`, textOf(prefix, count));
      count += 1;
      await fetch(`/told/${prefix}/${count}`, { method: "POST" });
    }
    return count;
  },

  async stopWriting(): Promise<void> {
    stopped = true;
  },

  /** Makes the changes of that seed from the one numbered `from` on until the page ends, and tells of each. */
  async churn(seed: number, from: number): Promise<never> {
    const model = new ChurnModel(seed, from);
    for (;;) {
      await make(model.advance(), opened().fs.promises as never);
      tell("churn", model.changes);
    }
  },

  isOtherDatabaseThere,

  /** Every file's path and text; a directory's path ends with a slash. */
  async files(): Promise<[path: string, text: string][]> {
    const overlay = opened();
    const entries = await overlay.fs.promises.readdir("/", {
      recursive: true,
      withFileTypes: true,
    });
    const pathOf = ({ parentPath, name }: { parentPath: string; name: string }): string =>
      `${parentPath === "/" ? "" : parentPath}/${name}`;
    const paths = entries.filter((entry) => entry.isFile()).map(pathOf);
    const contents = await overlay.readMany(paths);
    const files = paths.map((path, at): [string, string] => [
      path,
      new TextDecoder().decode(contents[at]),
    ]);
    const directories = entries
      .filter((entry) => entry.isDirectory())
      .map((entry): [string, string] => [`${pathOf(entry)}/`, ""]);
    return [...files, ...directories].sort(([a], [b]) => (a < b ? -1 : 1));
  },

  /** What `minifo check` would find in the storage as it lies there. */
  async check(): Promise<readonly Finding[]> {
    const opening = run(openManifestBase({ url: base, fetcher: httpFetcher() }));
    const disk = await diskOf(`minifo:${storage}`);
    return (await run(check({ storage: new MemoryInspection(disk), base: await opening })))
      .findings;
  },

  /** Streams so many MiB into a file; resolves with the size it has then. */
  async upload(path: string, mebibytes: number): Promise<number> {
    const { fs } = opened();
    let sent = 0;
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (sent === mebibytes) return controller.close();
        controller.enqueue(new Uint8Array(2 ** 20).fill(sent & 255));
        sent += 1;
      },
    });
    await source.pipeTo(writable(fs.promises as never, path));
    return (await fs.promises.stat(path)).size;
  },

  /** The first byte of each MiB of a file. */
  async firstBytes(path: string, mebibytes: number): Promise<number[]> {
    const file = await opened().fs.promises.open(path);
    const bytes: number[] = [];
    for (let at = 0; at < mebibytes; at += 1) {
      const into = new Uint8Array(1);
      await file.read(into, 0, 1, at * 2 ** 20);
      bytes.push(into[0] as number);
    }
    await file.close();
    return bytes;
  },

  /** The names in the root, and the size and the text of a file. */
  async look(path: string): Promise<{ names: string[]; size: number; text: string }> {
    const { promises } = opened().fs;
    const names = await promises.readdir("/");
    const { size } = await promises.stat(path);
    return { names, size, text: (await promises.readFile(path, "utf8")) as string };
  },

  /** The texts of these files, or the code of the error. */
  texts(paths: readonly string[]): Promise<string[]> {
    const { promises } = opened().fs;
    return Promise.all(
      paths.map((path) =>
        promises.readFile(path, "utf8").then(String, (error: { code: string }) => error.code),
      ),
    );
  },

  /** Writes a file; resolves with what the error says, or with nothing. */
  async tryToWrite(path: string, text: string): Promise<string> {
    try {
      await opened().fs.promises.writeFile(path, text);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  },

  /** Opens a file and closes it, and resolves with the number of changes: for all that everything has to be there. */
  async countChanges(path: string): Promise<number> {
    await (await opened().fs.promises.open(path)).close();
    return (await opened().status()).length;
  },

  /** One change of every kind. */
  async changeAll(path: string): Promise<void> {
    const { promises } = opened().fs;
    await promises.mkdir("/made");
    await promises.rename(path, "/made/renamed");
    await promises.appendFile("/made/renamed", " and more");
    await promises.symlink("renamed", "/made/symlink");
    await promises.link("/made/renamed", "/made/link");
    await promises.copyFile("/made/link", "/made/copy");
    await promises.chmod("/made/copy", 0o600);
    const file = await promises.open("/made/file", "w+");
    await file.write(new Uint8Array([1, 2, 3]), 0, 3, 0);
    await file.close();
    await promises.unlink("/made/link");
    await promises.writeFile("/made/short", "short lived");
    await opened().revert(["made/short"]);
    await opened().flush();
  },

  git(url: string): Promise<GitFound> {
    return workWithGit(opened(), url);
  },

  async close(): Promise<void> {
    await opened().close();
  },
};

/** What tests can ask of the page. */
export type Lab = typeof work;

declare global {
  /** What the page offers. */
  var lab: Lab;
}

globalThis.lab = work;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A copy of everything in the database, as it lies there. */
async function diskOf(name: string): Promise<MemoryDisk> {
  const database = await settled(indexedDB.open(name));
  const transaction = database.transaction([...database.objectStoreNames]);
  const entries = async (store: string): Promise<[never, never][]> => {
    const from = transaction.objectStore(store);
    const [keys, values] = await Promise.all([settled(from.getAllKeys()), settled(from.getAll())]);
    return keys.map((key, at) => [key as never, values[at] as never]);
  };
  const stores = ["superblock", "nodes", "names", "aliases", "orphans", "data"];
  const [superblocks, nodes, names, aliases, orphans, data] = (await Promise.all(
    stores.map(entries),
  )) as [never, never][][];
  database.close();
  const disk = new MemoryDisk();
  disk.superblock = superblocks?.[0]?.[1];
  for (const [ino, node] of nodes ?? []) disk.nodes.set(ino, node);
  for (const [identity, ino] of aliases ?? []) disk.aliases.set(identity, ino);
  for (const [ino] of orphans ?? []) disk.orphans.add(ino);
  for (const [[parent, child], record] of (names ?? []) as [[number, string], never][]) {
    inside(disk.names, parent).set(child, record);
  }
  for (const [[content, chunk], bytes] of (data ?? []) as [[number, number], Uint8Array][]) {
    inside(disk.data, content).set(chunk, bytes);
  }
  return disk;
}

function inside<K, K2, V>(of: Map<K, Map<K2, V>>, key: K): Map<K2, V> {
  let found = of.get(key);
  if (!found) {
    found = new Map();
    of.set(key, found);
  }
  return found;
}

/** Asks for orders, one after the other, and tells what came of each. */
async function obey(): Promise<void> {
  const page = crypto.randomUUID();
  let said: object = {};
  for (;;) {
    const body = JSON.stringify({ page, ...said });
    const answer = await fetch("/orders", { method: "POST", body });
    const { name, values } = (await answer.json()) as { name: keyof Lab; values: unknown[] };
    try {
      const ordered = work[name] as (...values: unknown[]) => Promise<unknown>;
      said = { value: await ordered(...values) };
    } catch (error) {
      said = { error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) };
    }
  }
}

if (location.hash === "#orders") void obey();
