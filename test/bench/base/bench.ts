/**
 * `npm run bench -- base`: what a base over HTTP costs, counted by its server: a packed image beside ZenFS's flat index,
 * over trees of 5,000 and 100,000 entries and the documentation of Python; with --full, of a million entries, too, and
 * Debian's of Rust. Each client is a process of its own, and every content it reads is held against its digest.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { realSite as debianSite } from "../../mount/real-site.ts";
import { type Bench, type BenchOptions, isAskedFor } from "../bench.ts";
import { measured } from "../measure.ts";
import { importPeer, versionOf } from "../peers.ts";
import type { Limit, Row, Value } from "../report.ts";
import type { Answer, Kind, Step, Taken } from "./plan.ts";
import { type Quantity, quantities, rowName, rowsOfTable, uploadName } from "./rows.ts";
import { BenchServer } from "./server.ts";
import { type BenchSite, madeUpSite, realSite } from "./site.ts";

const names: Readonly<Record<Kind, string>> = { minifo: "minifo", zenfs: "ZenFS" };
const kinds: readonly Kind[] = ["minifo", "zenfs"];
const program = new URL("./client-program.js", import.meta.url).pathname;

/** A tree of the benchmark. */
interface Tree {
  readonly name: string;
  /** Of a made-up tree. */
  readonly entries?: number;
  readonly rounds: number;
  readonly make: (scratch: string) => BenchSite | Promise<BenchSite>;
}

export const bench: Bench = async (options) => {
  const rows: Row[] = [];
  const limits: Limit[] = [];
  const notes: string[] = [];
  const refusal = await importPeer("@zenfs/core").then(
    () => undefined,
    (error: Error) => error.message,
  );
  for (const tree of treesOf(options)) {
    if (!isAnyAskedFor(options, tree.name)) continue;
    const scratch = mkdtempSync(join(tmpdir(), "minifo-bench-"));
    try {
      options.progress(`${tree.name}: making the tree`);
      const site = await tree.make(scratch);
      const samples = await samplesOf(tree, site, options, refusal);
      const found = rowsOf(tree, site, samples).filter(({ what }) => isAskedFor(options, what));
      rows.push(...found);
      const isShown = new Set(found.map(({ what }) => what));
      limits.push(...limitsOf(tree).filter(({ what }) => isShown.has(what)));
    } catch (error) {
      notes.push(`${tree.name}: left out, ${(error as Error).message}`);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return {
    title: "A base over HTTP",
    contenders: [
      {
        name: names.minifo,
        remark: "an overlay in memory over a packed image; nothing is cached from mount to mount",
      },
      {
        name: names.zenfs,
        remark: `@zenfs/core ${versionOf("@zenfs/core")}, its Fetch backend with an index of no more than it needs, gzipped; files are fetched when they are read`,
      },
    ],
    rows,
    targets: [],
    limits,
    notes: [
      "A server on loopback counts the requests and the bytes of their bodies, as they are sent, and holds each answer back for 0 or 50 ms.",
      "Of the made-up trees only the contents that are read exist; they are noise, which no compression makes smaller.",
      "Bad answers: of five files' contents that come flipped, cut short, as an HTML page, compressed without a word, or not at all, how many were given as right.",
      "Heap is what the process holds above what it began with, garbage apart.",
      ...notes,
    ],
  };
};

function treesOf({ full }: BenchOptions): Tree[] {
  const madeUp = (entries: number, rounds: number): Tree => ({
    name: `${entries.toLocaleString("en-US")} entries`,
    entries,
    rounds,
    make: () => madeUpSite(entries),
  });
  const debian = (name: string, packages?: readonly [string, ...string[]]): Tree => ({
    name,
    rounds: 1,
    make: async (scratch) => {
      const site = packages ? debianSite(packages) : debianSite();
      if ("missing" in site) throw new Error(site.missing);
      return await realSite(join(site.directory, "usr/share"), join(scratch, "image"));
    },
  });
  const trees = [madeUp(5_000, 3), madeUp(100_000, 1), debian("python3.11-doc")];
  return full ? [...trees, debian("rust-doc", ["rust-doc"]), madeUp(1_000_000, 1)] : trees;
}

function isAnyAskedFor(options: BenchOptions, tree: string): boolean {
  const uploads = Object.values(uploadName).map((words) => `${tree}: ${words}`);
  const rows = rowsOfTable.map(({ step, quantity }) => rowName(tree, step, quantity));
  return [...rows, ...uploads].some((what) => isAskedFor(options, what));
}

/** Answers by contender and round trip, one a round. */
type Samples = ReadonlyMap<string, readonly (Answer | { readonly instead: string })[]>;

const roundTrips_ms = [0, 50] as const;

function sampleKey(kind: Kind, roundTrip_ms: number): string {
  return `${kind} ${roundTrip_ms}`;
}

async function samplesOf(
  tree: Tree,
  site: BenchSite,
  options: BenchOptions,
  refusal: string | undefined,
): Promise<Samples> {
  const samples = new Map<string, (Answer | { readonly instead: string })[]>();
  const server = await BenchServer.over(site);
  try {
    for (let round = 0; round < (options.rounds ?? tree.rounds); round += 1) {
      for (const roundTrip_ms of roundTrips_ms) {
        for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
          options.progress(`${tree.name}: ${names[kind]}, ${roundTrip_ms} ms, round ${round + 1}`);
          server.roundTrip_ms = roundTrip_ms;
          const key = sampleKey(kind, roundTrip_ms);
          const answer =
            kind === "zenfs" && refusal !== undefined
              ? { instead: `cannot: ${refusal}` }
              : await run(kind, server.url);
          samples.set(key, [...(samples.get(key) ?? []), answer]);
        }
      }
    }
    return samples;
  } finally {
    await server.close();
  }
}

/** How long a client may take for all of its steps. */
const patience_ms = 4 * 60_000;

async function run(kind: Kind, url: string): Promise<Answer | { readonly instead: string }> {
  const limits = { maxBuffer: 1 << 24, timeout: patience_ms, killSignal: "SIGKILL" } as const;
  try {
    const args = ["--expose-gc", program, kind, url];
    const { stdout } = await promisify(execFile)(process.execPath, args, limits);
    return JSON.parse(stdout) as Answer;
  } catch (error) {
    const { stderr = "", signal } = error as { stderr?: string; signal?: string };
    const words = stderr.split("\n").find((line) => /Error\b.*:/.test(line));
    const why = signal ? `no end within ${patience_ms / 60_000} minutes` : words?.trim();
    return { instead: `cannot: ${why ?? "it ended without an answer"}` };
  }
}

function rowsOf(tree: Tree, { republished }: BenchSite, samples: Samples): Row[] {
  const rows = rowsOfTable.map(({ step, quantity }): Row => {
    const { unit, roundTrip_ms, of } = quantities[quantity];
    const values = kinds.map((kind): [string, Value] => [
      names[kind],
      valueFrom(samples.get(sampleKey(kind, roundTrip_ms)) ?? [], step, of),
    ]);
    const what = rowName(tree.name, step, quantity);
    return { what, unit, better: "less", values: Object.fromEntries(values) };
  });
  if (!republished) return rows;
  for (const quantity of ["files", "bytes"] as const) {
    const number = quantity === "files" ? republished.files : republished.bytes / 1024;
    const unit = quantity === "files" ? "" : "KiB";
    const what = `${tree.name}: ${uploadName[quantity]}`;
    rows.push({ what, unit, better: "less", values: { [names.minifo]: measured([number]) } });
  }
  return rows;
}

function valueFrom(
  answers: readonly (Answer | { readonly instead: string })[],
  step: Step,
  of: (taken: Taken) => number,
): Value {
  const numbers: number[] = [];
  for (const answer of answers) {
    const one = "instead" in answer ? answer : answer[step];
    if ("instead" in one) return one as { readonly instead: string };
    numbers.push(of(one));
  }
  return measured(numbers);
}

/** The promises of each row, for a tree of so many entries. */
function limitsOf({ name, entries }: Tree): Limit[] {
  if (entries === undefined) return [];
  const limit = (step: string, quantity: Quantity, atMost: number, because?: string): Limit => ({
    what: rowName(name, step, quantity),
    contender: names.minifo,
    atMost,
    ...(because !== undefined && { because }),
  });
  return [
    limit("mount", "requests", 1),
    limit("mount", "bytes", 64),
    limit("mount", "heap", 10),
    limit("ls /", "requests", 1),
    limit("stat six deep", "requests", 6),
    limit("stat six deep", "trips", 1),
    limit("stat six deep", "bytes", 128),
    limit("ENOENT beside it", "requests", 0),
    limit("first byte of a small file, from nothing", "trips", 3),
    limit("1,000 small files of a subtree", "requests", 10),
    limit("64 KiB amid 256 MiB", "bytes", 1024),
    limit("bad answers", "believed", 0),
    {
      what: `${name}: ${uploadName.files}`,
      contender: names.minifo,
      atMost: 3,
      because: "the pack with the file reaches from one leaf into the next, and both name it",
    },
    // What is promised of a million entries; a small tree lies in a leaf or two, and costs what they do.
    ...(entries < 100_000
      ? []
      : [
          limit("ls /", "bytes", 40),
          limit("find", "requests", Math.ceil(entries / 1667)),
          limit("find", "bytes", (entries * 10.5) / 1024),
        ]),
  ];
}
