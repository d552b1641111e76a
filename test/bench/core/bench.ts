/**
 * `npm run bench -- core`: operations a second in process and memory taken, beside memfs. Synchronous calls are compared
 * with synchronous ones and promises with promises; minifo's promises have committed when they resolve.
 */
import { type Bench, type BenchOptions, isAskedFor } from "../bench.ts";
import { alternate, type Measurement } from "../measure.ts";
import { versionOf } from "../peers.ts";
import type { Report, Row, Value } from "../report.ts";
import { importMemfs, type MakeSubject, minifoInMemory, minifoOnDisk } from "./contenders.ts";
import { memoryRows } from "./memory.ts";
import { type Calls, type Promises, promisedWork, synchronousWork, type Work } from "./work.ts";

const inMemory = "minifo, memory";
const onDisk = "minifo, disk";
const memfs = "memfs";

/** The part of a sample that is enough where every call waits for the disk. */
const diskPart = 1 / 16;

export const bench: Bench = async (options) => {
  const makers = await makersOf();
  const rows: Row[] = [];
  for (const work of synchronousWork) {
    rows.push(...(await rowOf(options, work, makers, ({ calls }) => calls)));
  }
  for (const work of promisedWork) {
    rows.push(...(await rowOf(options, work, makers, ({ promises }) => promises)));
  }
  rows.push(...(await memoryRows(options, { inMemory, onDisk, memfs })));
  return reportOf(rows);
};

function reportOf(rows: readonly Row[]): Report {
  return {
    title: "The core in process",
    contenders: [
      { name: inMemory, remark: "a base in memory, the storage in memory" },
      {
        name: onDisk,
        remark: "a base in memory, the storage on disk, where every commit is synced",
      },
      { name: memfs, remark: `${versionOf("memfs")}; keeps the whole tree in memory, and nothing` },
    ],
    rows,
    targets: [],
    notes: [
      "Rows without await: the overlay's operations driven synchronously, by path, beside memfs's synchronous calls; " +
        "minifo's changes are committed once, within the time.",
      "Rows with await: FsPromises beside memfs's promises, one call after the other; each of minifo's changes is " +
        "committed before its promise resolves.",
    ],
  };
}

/** Who takes part; one that cannot is left with the reason. */
async function makersOf(): Promise<Record<string, MakeSubject>> {
  const makeMemfs = await importMemfs().catch(
    (error: Error): MakeSubject =>
      () => {
        throw error;
      },
  );
  return { [inMemory]: minifoInMemory, [onDisk]: minifoOnDisk, [memfs]: makeMemfs };
}

async function rowOf<T extends Calls | Promises>(
  options: BenchOptions,
  work: Work<T>,
  makers: Readonly<Record<string, MakeSubject>>,
  through: (subject: ReturnType<MakeSubject>) => T,
): Promise<Row[]> {
  const { what, unit, count, commits = false } = work;
  if (!isAskedFor(options, what)) return [];
  const measurement = (name: string, make: MakeSubject): Measurement => {
    const times = commits && name === onDisk ? Math.ceil(count * diskPart) : count;
    return async () => {
      const subject = make();
      try {
        return times / ((await work.run(through(subject), times)) / 1000);
      } finally {
        subject.calls.close();
      }
    };
  };
  const measurements = Object.fromEntries(
    Object.entries(makers).map(([name, make]) => [name, measurement(name, make)]),
  );
  const values: Record<string, Value> = await alternate(measurements, {
    rounds: options.rounds ?? 5,
    progress: (name, round) => options.progress(`${what}: ${name}, round ${round + 1}`),
  });
  return [{ what, unit, better: "more", values }];
}
