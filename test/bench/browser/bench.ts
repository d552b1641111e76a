/**
 * `npm run bench -- browser`: a file system in a page, in headless Chromium, beside ZenFS's CopyOnWrite and LightningFS,
 * over the same 5,000 small files and one of 256 MiB on loopback, with the bare cost of what lies beneath. Each round
 * begins with a new profile; what was written is looked at after a killed browser or a reload.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { untilKept } from "../../e2e/other-database.ts";
import { type Bench, isAskedFor } from "../bench.ts";
import { measured } from "../measure.ts";
import { versionOf } from "../peers.ts";
import type { Row, Value } from "../report.ts";
import { bundle } from "./bundle.ts";
import { type RowOfStep, rows } from "./rows.ts";
import { TreeServer } from "./server.ts";
import { type Contender, type Round, Session } from "./session.ts";
import { makeSite } from "./site.ts";

interface NamedContender extends Contender {
  readonly name: string;
  readonly remark: string;
}

const contenders: readonly NamedContender[] = [
  {
    name: "minifo",
    page: "minifo",
    base: "/files/",
    remark: "over the site with its minifo.json: each file at its own URL, verified by its digest",
  },
  {
    name: "minifo, packed",
    page: "minifo",
    base: "/packed/",
    remark: "over an image made by `minifo pack`",
  },
  {
    name: "raw",
    page: "raw",
    base: "/files/",
    remark:
      "no file system: fetch alone, IndexedDB alone (a relaxed transaction for each awaited change), a call by comlink to " +
      "an idle worker for each of minifo's",
  },
  {
    name: "ZenFS",
    page: "zenfs",
    base: "/files/",
    remark: `@zenfs/core ${versionOf("@zenfs/core")}, CopyOnWrite of Fetch and IndexedDB in the page; nothing fetched ahead, no access times, its journal stored after each change (by default it is not)`,
  },
  {
    name: "LightningFS",
    page: "lightning",
    base: "/files/",
    remark: `${versionOf("@isomorphic-git/lightning-fs")}, with \`url\`, in the page`,
  },
];

export const bench: Bench = async (options) => {
  const scratch = mkdtempSync(join(tmpdir(), "minifo-bench-"));
  try {
    options.progress("bundling the pages");
    const { app, peers } = await bundle();
    options.progress("making the tree");
    const { files, packed, lists } = await makeSite(scratch);
    const server = await TreeServer.over(
      new Map([
        ["app", { directory: app, counts: false }],
        ["files", { directory: files, files: lists, counts: true }],
        ["packed", { directory: packed, counts: true }],
        ...(typeof peers === "string"
          ? [["peers", { directory: peers, counts: false }] as const]
          : []),
      ]),
    );
    const rounds = new Map(contenders.map(({ name }): [string, Round[]] => [name, []]));
    try {
      for (let round = 0; round < (options.rounds ?? 3); round += 1) {
        for (let turn = 0; turn < contenders.length; turn += 1) {
          const contender = contenders[(round + turn) % contenders.length] as NamedContender;
          if (isPeer(contender) && typeof peers !== "string") continue;
          const tell = (step: string): void =>
            options.progress(`${contender.name}, round ${round + 1}: ${step}`);
          await untilKept(contender.name, async () => {
            const done = await new Session(contender, server, tell).round();
            if (done) rounds.get(contender.name)?.push(done);
            return done !== undefined;
          });
        }
      }
    } finally {
      await server.close();
    }
    const missing = typeof peers === "string" ? undefined : peers.missing;
    return {
      title: "A file system in the browser",
      contenders: contenders.map(({ name, remark }) => ({ name, remark })),
      rows: rows
        .filter(({ what }) => isAskedFor(options, what))
        .map((row) => rowFrom(row, rounds, missing)),
      targets: [],
      notes: [
        "Headless Chromium, a new profile for each contender and round, everything from one server on loopback that sends ETags with `no-cache`.",
        "Times are by the page's clock. Fetched: bodies of what lies below the base. Stored: bytes of all values in IndexedDB. Heap: page and workers with their buffers, garbage apart, above the page before it opened anything.",
        "Right behind the awaited overwrites, and behind the last writes, the browser is killed with SIGKILL; the other changes are looked at after a reload. What was not as it should be then is a wrong result.",
      ],
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

function isPeer({ page }: Contender): boolean {
  return page === "zenfs" || page === "lightning";
}

function rowFrom(
  row: RowOfStep,
  rounds: ReadonlyMap<string, readonly Round[]>,
  missing: string | undefined,
): Row {
  const { what, unit, better } = row;
  const values = contenders.flatMap((contender): [string, Value][] => {
    if (contender.page === "raw" && !hasFloor(row)) return [];
    if (isPeer(contender) && missing !== undefined) {
      return [[contender.name, { instead: `cannot: ${missing}` }]];
    }
    const value = valueFrom(row, rounds.get(contender.name) ?? []);
    return value ? [[contender.name, value]] : [];
  });
  return { what, unit, better, values: Object.fromEntries(values) };
}

/** Whether there is something bare to compare with: it keeps no tree, which would have to be fetched, stored or held. */
function hasFloor({ quantity, step }: RowOfStep): boolean {
  return quantity === "time" || quantity === "survivors" || step === "middle";
}

/** The row's numbers out of the rounds, or what was wrong in one of them; undefined where it has none. */
function valueFrom(row: RowOfStep, rounds: readonly Round[]): Value | undefined {
  const samples: number[] = [];
  for (const { steps, wrong } of rounds) {
    const taken = steps.get(row.step);
    if (!taken) return undefined;
    if ("instead" in taken) return taken as { instead: string };
    const number = taken[row.quantity];
    if (number === undefined) return undefined;
    const found = row.look && wrong.get(row.look);
    if (found !== undefined) return { instead: `wrong result: ${found}` };
    samples.push(number);
  }
  return samples.length === 0 ? undefined : measured(samples);
}
