/**
 * What lies beneath everybody in the browser benchmark, bare: the same bytes by `fetch` alone, the same values put into
 * IndexedDB alone, as many calls to a worker that does nothing. What has no such floor has no number.
 */
import { wrap } from "comlink";
import type { BareCalls } from "./bare-worker.ts";
import { storedBytes } from "./stored.ts";
import { type BenchPage, type Step, type StepTaken, taken } from "./subject.ts";
import {
  chunk,
  contentOf,
  directories,
  filesOf,
  isEqual,
  largeContent,
  largeName,
  middle,
  overwrittenContentOf,
  smallFiles,
  survivors,
} from "./tree.ts";

const store = "raw";
const worker = wrap<BareCalls>(
  new Worker(new URL("./bare-worker.js", import.meta.url), { type: "module" }),
);

let database: IDBDatabase;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function openDatabase(): Promise<void> {
  const opening = indexedDB.open(store);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  database = await settled(opening);
}

/** One transaction with these values, committed. */
function put(entries: Iterable<readonly [string, unknown]>): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, "readwrite", { durability: "relaxed" });
    const values = transaction.objectStore(store);
    for (const [key, value] of entries) values.put(value, key);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

async function fetched(path: string, range?: readonly [first: number, last: number]) {
  const headers = range && { range: `bytes=${range[0]}-${range[1]}` };
  const answer = await fetch(`/files${path}`, headers && { headers });
  return new Uint8Array(await answer.arrayBuffer());
}

async function readOneByOne(): Promise<void> {
  for (const { path } of filesOf("read")) await fetched(path);
}

async function putOneByOne(count: number, entry: (at: number) => [string, unknown]): Promise<void> {
  for (let at = 0; at < count; at += 1) await put([entry(at)]);
}

async function fetchIndex(): Promise<unknown> {
  return (await fetch("/files/minifo.json")).json();
}

const steps: Readonly<Record<Step, () => Promise<StepTaken>>> = {
  open: () =>
    taken(async () => {
      await fetchIndex();
      await openDatabase();
    }),
  stat: () =>
    taken(async () => {
      for (const path of smallFiles) await worker.answer(path);
    }),
  "stat root": () =>
    taken(async () => {
      for (const _ of smallFiles) await worker.answer("");
    }),
  walk: () =>
    taken(async () => {
      await worker.answer("");
      for (const path of directories) await worker.answer(path);
    }),
  read: () => taken(readOneByOne),
  "read again": () => taken(readOneByOne),
  "read at once": () =>
    taken(() => Promise.all(filesOf("readAtOnce").map(({ path }) => fetched(path)))),
  middle: () =>
    taken(
      () => fetched(`/${largeName}`, [middle.offset, middle.offset + middle.length - 1]),
      (bytes) =>
        isEqual(bytes, largeContent(middle.offset, middle.length)) ? undefined : "other bytes",
    ),
  chunk: () =>
    taken(
      async () => {
        const bytes = await fetched(`/${largeName}`, [
          chunk.offset,
          chunk.offset + chunk.length - 1,
        ]);
        await crypto.subtle.digest("SHA-256", bytes);
        return bytes;
      },
      (bytes) =>
        isEqual(bytes, largeContent(chunk.offset, chunk.length)) ? undefined : "other bytes",
    ),
  append: () => taken(() => put([["end", Uint8Array.of(33)]])),
  overwrite: () => {
    const files = filesOf("overwritten");
    return taken(() =>
      putOneByOne(files.length, (at) => {
        const { number, path } = files[at] as (typeof files)[number];
        return [path, overwrittenContentOf(number)];
      }),
    );
  },
  "overwrite at once": () =>
    taken(() =>
      put(
        filesOf("overwrittenAtOnce").map(({ number, path }) => [
          path,
          overwrittenContentOf(number),
        ]),
      ),
    ),
  delete: () => {
    const files = filesOf("deleted");
    return taken(() => putOneByOne(files.length, (at) => [`deleted ${files[at]?.path}`, true]));
  },
  rename: () => taken(() => put([["renamed", true]])),
  "open again": () =>
    taken(async () => {
      await Promise.all([fetchIndex(), openDatabase()]);
      await settled(database.transaction(store).objectStore(store).getAll());
    }),
  write: () => taken(() => putOneByOne(survivors, (at) => [`written ${at}`, contentOf(at)])),
};

const page: BenchPage = {
  run: (step) => steps[step](),
  look: async () => undefined,
  async countSurvivors() {
    await openDatabase();
    const keys = await settled(database.transaction(store).objectStore(store).getAllKeys());
    return keys.filter((key) => String(key).startsWith("written ")).length;
  },
  stored: storedBytes,
};
globalThis.bench = page;
