/**
 * One client of `bench -- base`, in a process of its own: mounts what a server has, takes the steps of the plan, and
 * prints as JSON what each took. Arguments: who it is, and the server's URL. Needs --expose-gc.
 */
import { createHash } from "node:crypto";
import {
  fsOf,
  httpFetcher,
  Overlay,
  openManifestBase,
  openMemoryStorage,
  run,
} from "../../../src/index.ts";
import { Cannot, expectRight, WrongResult } from "../measure.ts";
import { importPeer } from "../peers.ts";
import {
  type Answer,
  type Kind,
  type Piece,
  type Plan,
  type Step,
  spoilings,
  type Taken,
} from "./plan.ts";

/** As much of node:fs/promises as the program uses. */
interface Promises {
  stat(path: string): Promise<{ readonly size: number }>;
  readdir(
    path: string,
    options: { readonly withFileTypes: true },
  ): Promise<readonly { readonly name: string; isDirectory(): boolean }[]>;
  readFile(path: string): Promise<Uint8Array>;
  open(path: string): Promise<File>;
}

interface File {
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** Readers at a time: as many as browsers make connections. */
const readers = 6;
/** When a walk over everything is given up. */
const patience_ms = 180_000;

const [kind, url] = process.argv.slice(2) as [Kind, string];

async function ask<T>(what: string): Promise<T> {
  return (await (await fetch(`${url}~${what}`)).json()) as T;
}

const mounts: Readonly<Record<Kind, () => Promise<() => Promise<Promises>>>> = {
  minifo: async () => async () => {
    const base = await run(openManifestBase({ url: `${url}packed/`, fetcher: httpFetcher() }));
    const overlay = await run(Overlay.open({ base, storage: openMemoryStorage() }));
    return fsOf(overlay).promises as unknown as Promises;
  },
  zenfs: async () => {
    const { configureSingle, Fetch, fs } = (await importPeer("@zenfs/core")) as {
      configureSingle: (options: object) => Promise<void>;
      Fetch: unknown;
      fs: { promises: Promises };
    };
    return async () => {
      const index = `${url}files/zenfs.json`;
      // Else it would fetch every file while it mounts.
      const lazy = { disableAsyncCache: true };
      await configureSingle({ backend: Fetch, index, baseUrl: `${url}files/`, ...lazy });
      return fs.promises;
    };
  },
};

/** Bytes of heap and buffers in use, garbage apart. */
async function held(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function taken(work: () => Promise<unknown>): Promise<Taken> {
  await ask("counts");
  const start_ms = performance.now();
  await work();
  const time_ms = performance.now() - start_ms;
  return { ...(await ask<Omit<Taken, "time_ms">>("counts")), time_ms };
}

function expectContent(bytes: Uint8Array, { path, sha256 }: Piece): void {
  const got = createHash("sha256").update(bytes).digest("hex");
  expectRight(got === sha256, `/${path} has other bytes`);
}

async function find(fs: Promises): Promise<number> {
  const deadline_ms = performance.now() + patience_ms;
  let count = 0;
  const ahead = ["/"];
  for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
    const subdirectories: string[] = [];
    for (const entry of await fs.readdir(at, { withFileTypes: true })) {
      count += 1;
      if (entry.isDirectory()) subdirectories.push(`${at === "/" ? "" : at}/${entry.name}`);
    }
    if (performance.now() > deadline_ms) {
      throw new Cannot(`${count} entries in ${patience_ms / 1000} s`);
    }
    ahead.push(...subdirectories.reverse());
  }
  return count;
}

async function readAtOnce(fs: Promises, pieces: readonly Piece[]): Promise<void> {
  const left = pieces.values();
  const reader = async (): Promise<void> => {
    for (const piece of left) expectContent(await fs.readFile(`/${piece.path}`), piece);
  };
  await Promise.all(Array.from({ length: readers }, reader));
}

async function readPart(fs: Promises, large: NonNullable<Plan["large"]>): Promise<void> {
  const file = await fs.open(`/${large.path}`);
  const into = new Uint8Array(large.length);
  const { bytesRead } = await file.read(into, 0, large.length, large.offset);
  await file.close();
  expectContent(into.subarray(0, bytesRead), large);
}

/** Reads a file through each kind of bad answer; returns how often something wrong was given. */
async function readSpoilt(
  mount: () => Promise<Promises>,
  pieces: readonly Piece[],
): Promise<number> {
  let believed = 0;
  for (const [at, spoiling] of spoilings.entries()) {
    const piece = pieces[at] as Piece;
    const fs = await mount();
    await fs.stat(`/${piece.path}`);
    await ask(`spoil/${spoiling}`);
    try {
      expectContent(await fs.readFile(`/${piece.path}`), piece);
    } catch (error) {
      // Any other error is what is wanted: the reader was told.
      if (error instanceof WrongResult) believed += 1;
    } finally {
      await ask("spoil/");
    }
  }
  return believed;
}

async function answer(plan: Plan): Promise<Answer> {
  const mount = await mounts[kind]();
  const before = await held();
  const answers: Partial<Record<Step, Taken | { instead: string }>> = {};
  const step = async (name: Step, work: () => Promise<Taken>): Promise<void> => {
    try {
      answers[name] = await work();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const kindOfFailure = error instanceof WrongResult ? "wrong result" : "cannot";
      answers[name] = { instead: `${kindOfFailure}: ${words.split("\n")[0]}` };
    }
  };
  const deep = `/${plan.deep.path}`;
  let fs: Promises | undefined;
  const anew = async (): Promise<Promises> => {
    fs = undefined;
    fs = await mount();
    return fs;
  };
  // Who has all of the index from the beginning is no colder for mounting again.
  const mounted = async (): Promise<Promises> => (kind === "zenfs" && fs ? fs : await anew());
  await step("mount", async () => {
    const took = await taken(async () => (await anew()).stat("/"));
    return { ...took, held: (await held()) - before };
  });
  await step("ls /", () =>
    taken(async () => {
      const names = await (fs as Promises).readdir("/", { withFileTypes: true });
      expectRight(names.length === plan.inRoot, `${names.length} names`);
    }),
  );
  await step("stat six deep", async () => {
    const fresh = await mounted();
    return taken(() => fresh.stat(deep));
  });
  await step("ENOENT beside it", () =>
    taken(async () => {
      const found = await (fs as Promises).stat(`${deep}.no`).catch((error) => error.code);
      expectRight(found === "ENOENT", "it was found");
    }),
  );
  await step("first byte of a small file, from nothing", () =>
    taken(async () => {
      const file = await (await anew()).open(deep);
      await file.read(new Uint8Array(1), 0, 1, 0);
      await file.close();
    }),
  );
  await step("1,000 small files of a subtree", async () => {
    const fresh = await mounted();
    return taken(() => readAtOnce(fresh, plan.many.slice(spoilings.length)));
  });
  await step("64 KiB amid 256 MiB", async () => {
    const { large } = plan;
    if (!large) throw new Cannot("no such file in this tree");
    const fresh = await mounted();
    await fresh.stat(`/${large.path}`);
    return taken(() => readPart(fresh, large));
  });
  await step("bad answers", async () => {
    const believed = await readSpoilt(mounted, plan.many);
    return { requests: 0, trips: 0, bytes: 0, time_ms: 0, believed };
  });
  await step("find", async () => {
    const fresh = await mounted();
    const took = await taken(async () => {
      const count = await find(fresh);
      expectRight(count === plan.entries, `${count} entries of ${plan.entries}`);
    });
    return { ...took, held: (await held()) - before };
  });
  return answers as Answer;
}

try {
  console.log(JSON.stringify(await answer(await ask<Plan>("plan"))));
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
