/**
 * ZenFS in the browser benchmark: CopyOnWrite of Fetch and IndexedDB, tuned as far as its options go. Nothing is fetched
 * ahead, reads record no access times, and its journal of deletions, which it keeps in memory only, is stored beside it
 * after each change.
 */
import { offer } from "./steps.ts";

/** As much of ZenFS as is used. */
interface ZenFs {
  readonly configureSingle: (options: object) => Promise<void>;
  readonly mounts: ReadonlyMap<string, { readonly attributes: Map<string, unknown> }>;
  readonly CopyOnWrite: unknown;
  readonly Fetch: unknown;
  readonly IndexedDB: unknown;
  readonly Journal: new () => { toString(): string; fromString(text: string): unknown };
  readonly fs: { readonly promises: typeof import("node:fs/promises") };
}

const peer = "/peers/zenfs.js";
const base = new URL("/files/", location.href).href;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const journals = "zenfs-journal";

async function openJournals(): Promise<IDBDatabase> {
  const opening = indexedDB.open(journals);
  opening.onupgradeneeded = () => opening.result.createObjectStore(journals);
  return settled(opening);
}

offer(async () => {
  const zenfs = (await import(/* @vite-ignore */ peer)) as ZenFs;
  const database = await openJournals();
  const stored = (mode: IDBTransactionMode): IDBObjectStore =>
    database.transaction(journals, mode).objectStore(journals);
  const journal = new zenfs.Journal();
  const kept = (await settled(stored("readonly").get(journals))) as string | undefined;
  if (kept !== undefined) journal.fromString(kept);
  let saved = journal.toString();
  const save = async (): Promise<void> => {
    const text = journal.toString();
    if (text === saved) return;
    saved = text;
    await settled(stored("readwrite").put(text, journals));
  };
  // Else every file would be fetched while it mounts.
  const lazy = { disableAsyncCache: true };
  await zenfs.configureSingle({
    backend: zenfs.CopyOnWrite,
    readable: { backend: zenfs.Fetch, index: `${base}zenfs.json`, baseUrl: base, ...lazy },
    writable: { backend: zenfs.IndexedDB, storeName: "bench", ...lazy },
    journal,
    ...lazy,
  });
  zenfs.mounts.get("/")?.attributes.set("no_atime", true);
  const { promises } = zenfs.fs;
  const stat = (path: string) => promises.stat(path);
  return {
    readdir: (path) => promises.readdir(path),
    stat,
    readFile: (path) => promises.readFile(path),
    async writeFile(path, bytes) {
      await promises.writeFile(path, bytes);
      await save();
    },
    async unlink(path) {
      await promises.unlink(path);
      await save();
    },
    async rename(from, to) {
      await promises.rename(from, to);
      await save();
    },
    async readPart(path, offset, length) {
      const file = await promises.open(path);
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
      await file.close();
      return buffer.subarray(0, bytesRead);
    },
    async append(path, bytes) {
      await promises.appendFile(path, bytes);
      await save();
    },
    async list(path) {
      const names = await promises.readdir(path);
      const directory = path === "/" ? path : `${path}/`;
      return Promise.all(
        names.map(async (name) => {
          const stats = await stat(directory + name);
          return { name, size: stats.isDirectory() ? undefined : stats.size };
        }),
      );
    },
    readMany: (paths) => Promise.all(paths.map((path) => promises.readFile(path))),
  };
});
