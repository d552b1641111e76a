/**
 * Power is cut at random moments of a run on a storage on disk. What was not synced by then may be there, in part, in any
 * order, or not at all; what LMDB made safe is there, and of a transaction under way any pages but those that make it
 * count. Each such disk is opened and held to the rule of FORMAT.md, 1.3: all but bytes equals the state after some prefix
 * of the steps that contains everything before the last completed fsync; bytes may be newer than it, never older.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDiskStorage } from "../../node/storage/disk.ts";
import { run } from "../../src/index.ts";
import { Fixture } from "../overlay/fixture.ts";
import { randomFrom } from "../random.ts";
import { draw, type Effect, pageSize } from "./cut-run.ts";
import { byExtent, longest_ms } from "./extent.ts";
import { linesOf, type Told, tellOverlay } from "./mirror.ts";
import { chunkSize, tree } from "./steps.ts";

const seeds = Array.from({ length: byExtent(100, 5, 2) }, (_, i) => i + 1);
const cutsPerRun = byExtent(200, 40, 40);
const stepsPerRun = 40;

let place: string;

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), "minifo-cut-"));
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      ssr: fileURLToPath(new URL("./cut-program.ts", import.meta.url)),
      outDir: place,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: "program.mjs" } },
    },
  });
  const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
  symlinkSync(modules, join(place, "node_modules"));
});

afterAll(() => rmSync(place, { recursive: true }));

function effectsOf(seed: number): Effect[] {
  const storage = join(place, `storage-${seed}`);
  const record = join(place, `record-${seed}`);
  execFileSync(process.execPath, [
    join(place, "program.mjs"),
    storage,
    String(seed),
    String(stepsPerRun),
    record,
  ]);
  rmSync(storage, { recursive: true });
  return deserialize(readFileSync(record));
}

/** A file as the disk has it and as the system's memory has it. */
interface File {
  safe: Uint8Array;
  pending: Effect[];
}

/** What a cut leaves: the database, and the files by their paths. */
class Disk {
  records = new Uint8Array(0);
  readonly #next: () => number;
  readonly #files = new Map<string, File>();
  /** What every path meant since its directory was last synced: the first is safe, one of them is what is found. */
  readonly #entries = new Map<string, (File | undefined)[]>();

  constructor(next: () => number) {
    this.#next = next;
  }

  apply(effect: Effect): void {
    if (effect.kind === "records") this.#putPages(effect.pages);
    if (effect.kind === "syncDirectory") {
      for (const [path, entries] of this.#entries) {
        if (dirname(path) === effect.path) this.#entries.set(path, entries.slice(-1));
      }
    }
    if (!("path" in effect) || effect.kind === "syncDirectory") return;
    const { path } = effect;
    if (effect.kind === "unlink") {
      this.#files.delete(path);
      this.#entriesOf(path).push(undefined);
      return;
    }
    let file = this.#files.get(path);
    if (!file) {
      file = { safe: new Uint8Array(0), pending: [] };
      this.#files.set(path, file);
      this.#entriesOf(path).push(file);
    }
    if (effect.kind === "sync") {
      file.safe = file.pending.reduce(changed, file.safe);
      file.pending = [];
    } else file.pending.push(effect);
  }

  /** Of a transaction that was under way some pages are there, but not those by which it counts. */
  tear(pages: readonly (readonly [number, Uint8Array])[]): void {
    this.#putPages(pages.filter(([index]) => index > 1 && this.#next() < 0.5));
  }

  /** Makes a storage in `directory` of what is found after the cut. */
  restore(directory: string): void {
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "records.mdb"), this.records);
    for (const [path, entries] of this.#entries) {
      const file = entries[Math.floor(this.#next() * entries.length)];
      if (!file) continue;
      let bytes = file.safe;
      for (const effect of file.pending) {
        const fate = this.#next();
        if (fate < 0.4) bytes = changed(bytes, effect);
        else if (fate < 0.6) bytes = changed(bytes, this.#torn(effect));
      }
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
  }

  #entriesOf(path: string): (File | undefined)[] {
    let entries = this.#entries.get(path);
    if (!entries) {
      entries = [undefined];
      this.#entries.set(path, entries);
    }
    return entries;
  }

  #torn(effect: Effect): Effect {
    if (effect.kind !== "write") return effect;
    const length = Math.floor(this.#next() * effect.bytes.length);
    return { ...effect, bytes: effect.bytes.subarray(0, length) };
  }

  #putPages(pages: readonly (readonly [number, Uint8Array])[]): void {
    const end = Math.max(0, ...pages.map(([index]) => (index + 1) * pageSize));
    const records = new Uint8Array(Math.max(end, this.records.length));
    records.set(this.records);
    for (const [index, page] of pages) records.set(page, index * pageSize);
    this.records = records;
  }
}

/** The bytes of a file after `effect`. */
function changed(bytes: Uint8Array, effect: Effect): Uint8Array {
  if (effect.kind === "create") return new Uint8Array(0);
  const length =
    effect.kind === "truncate"
      ? effect.length
      : effect.kind === "write"
        ? Math.max(bytes.length, effect.position + effect.bytes.length)
        : bytes.length;
  const after = new Uint8Array(length);
  after.set(bytes.subarray(0, length));
  if (effect.kind === "write") after.set(effect.bytes, effect.position);
  return after;
}

/** What is wrong with the tree found, or undefined: the rule of the file's head. */
function faultOf(found: readonly Told[], states: readonly (readonly Told[])[]): string | undefined {
  const lines = linesOf(found, { bytes: false }).join("\n");
  const faults: string[] = [];
  for (const [index, state] of states.entries()) {
    if (linesOf(state, { bytes: false }).join("\n") !== lines) continue;
    const fault = faultInBytes(found, state, states.slice(index));
    if (fault === undefined) return undefined;
    faults.push(fault);
  }
  return faults[0] ?? `equals none of ${states.length} states:\n${lines}`;
}

function faultInBytes(
  found: readonly Told[],
  state: readonly Told[],
  later: readonly (readonly Told[])[],
): string | undefined {
  for (const [index, { path, data, type }] of found.entries()) {
    if (type !== "file") continue;
    const { identity } = state[index] as Told;
    const versions = later.flatMap((all) => all.filter((told) => told.identity === identity));
    for (const [at, byte] of data.entries()) {
      // Where a later version is shorter its held chunk has been made zero there.
      if (versions.some((version) => (version.data[at] ?? 0) === byte)) continue;
      const had = versions.map((version) => version.data[at]);
      return `/${path} has ${byte} at ${at}, where this state and later ones have ${had}`;
    }
  }
  return undefined;
}

/** Opens what a cut after `count` effects leaves, and tells what is wrong with it. */
async function faultOfCut(
  effects: readonly Effect[],
  count: number,
  next: () => number,
  states: readonly (readonly Told[])[],
): Promise<string | undefined> {
  const disk = new Disk(next);
  let [least, most] = [0, 0];
  for (const effect of effects.slice(0, count)) {
    disk.apply(effect);
    if (effect.kind === "safe") least = effect.steps;
    if (effect.kind === "step") most = effect.begun;
  }
  const following = effects[count];
  if (following?.kind === "records" && next() < 0.7) disk.tear(following.pages);
  const directory = mkdtempSync(join(place, "cut-"));
  const storage = join(directory, "storage");
  try {
    disk.restore(storage);
    const f = await Fixture.open(tree, {
      chunkSize,
      openStorage: () => openDiskStorage(storage, { create: false }),
    });
    try {
      return faultOf(await tellOverlay(f), states.slice(least, most + 1));
    } finally {
      await run(f.overlay.close());
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Cuts `count` times at random; the faults found, each with where it was. */
async function cut(seed: number, effects: readonly Effect[], count: number): Promise<string[]> {
  const { first, drawn } = draw(seed, stepsPerRun);
  const states = [first, ...drawn.map(({ after }) => after)];
  const next = randomFrom(seed * 7919);
  const begin = effects.findIndex(({ kind }) => kind === "safe") + 1;
  const faults: string[] = [];
  for (let round = 0; round < count; round += 1) {
    const at = begin + Math.floor(next() * (effects.length + 1 - begin));
    const fault = await faultOfCut(effects, at, next, states).catch((error) => String(error));
    const where = `seed ${seed}, cut ${round}, after ${at} of ${effects.length} effects`;
    if (fault !== undefined) faults.push(`${where}: ${fault}`);
  }
  return faults;
}

test(
  "a storage on disk survives a cut of the power at any moment",
  async () => {
    const kinds = new Map<string, number>();
    for (const seed of seeds) {
      const effects = effectsOf(seed);
      for (const { kind } of effects) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      expect(await cut(seed, effects, cutsPerRun)).toEqual([]);
    }
    const seen = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
    console.log(`power cuts: ${seeds.length * cutsPerRun}, among ${seen}`);
    for (const kind of [
      "create",
      "write",
      "truncate",
      "unlink",
      "sync",
      "syncDirectory",
      "records",
    ]) {
      expect([kind, kinds.get(kind) ?? 0]).not.toEqual([kind, 0]);
    }
  },
  longest_ms,
);

for (const kind of ["sync", "syncDirectory"]) {
  test(`and it would not if there were no ${kind}: the cuts are sharp enough to show it`, async () => {
    let faults = 0;
    for (const seed of seeds.slice(0, 3)) {
      const whole = effectsOf(seed);
      const effects = whole.filter((effect) => effect.kind !== kind);
      expect(effects.length).toBeLessThan(whole.length);
      faults += (await cut(seed, effects, cutsPerRun)).length;
    }
    expect(faults).toBeGreaterThan(0);
  });
}
