/**
 * `npm run bench -- mount`: the mount beside fuse-overlayfs, unionfs-fuse and the kernel's overlayfs, each fresh for
 * every sample, over the same base and on the same disk. A small C program is timed, so that nothing of Node is measured
 * but what serves.
 */
import { type Bench, isAskedFor } from "../bench.ts";
import { alternate, Cannot, type Measurement } from "../measure.ts";
import { needDebianPackages } from "../peers.ts";
import type { Report, Row, Target } from "../report.ts";
import { type Mounter, mounters, whileMounted } from "./contenders.ts";
import { Ground } from "./ground.ts";
import { rankedPrefix } from "./programs.ts";
import { type MountRow, mountRows } from "./rows.ts";

export const bench: Bench = async (options) => {
  const rows = mountRows.filter(({ what }) => isAskedFor(options, what));
  const prefix = rankedPrefix();
  needDebianPackages("gcc", "libc6-dev", "make", "git");
  const ground = new Ground(prefix);
  try {
    const measured: Row[] = [];
    for (const row of rows) {
      const measurements = Object.fromEntries(
        Object.values(mounters).map((mounter): [string, Measurement] => [
          mounter.name,
          measurementOf(row, mounter, ground, prefix),
        ]),
      );
      const values = await alternate(measurements, {
        rounds: row.rounds === 1 ? 1 : (options.rounds ?? row.rounds),
        progress: (name, round) => options.progress(`${row.what}: ${name}, round ${round + 1}`),
      });
      const { what, unit, better } = row;
      measured.push({ what, unit, better, values });
    }
    return reportOf(rows, measured, prefix.length > 0);
  } finally {
    ground.clear();
  }
};

function measurementOf(
  row: MountRow,
  mounter: Mounter,
  ground: Ground,
  prefix: readonly string[],
): Measurement {
  return async () => {
    if (process.getuid?.() !== 0) throw new Cannot("only root may mount");
    needDebianPackages(...mounter.packages);
    const { base, directory } = ground;
    return await whileMounted(mounter, { base, directory, prefix }, (places) =>
      row.sample({ ground, places, prefix }),
    );
  };
}

function reportOf(rows: readonly MountRow[], measured: readonly Row[], isRanked: boolean): Report {
  const targets = rows.flatMap(({ what, promised }): Target[] => {
    const { because } = promised;
    return (["fuseOverlayfs", "kernel"] as const).flatMap((against) => {
      const atLeast = promised[against];
      if (atLeast === undefined) return [];
      const by = mounters[promised.by ?? "minifo"];
      const names = { contender: by.name, against: mounters[against].name };
      return [{ what, ...names, atLeast, ...(because !== undefined && { because }) }];
    });
  });
  return {
    title: "The mount",
    contenders: Object.values(mounters).map(({ name, remark }) => ({ name, remark })),
    rows: measured,
    targets,
    notes: [
      "Every sample in a fresh mount, with the base and all changes on the same disk. minifo's changes are stored durably every quarter of a second; the others leave that to the kernel.",
      isRanked
        ? "Client and server share one processor and go before all other programs (taskset, chrt): waking another processor of a virtual machine costs more than a request, and would be what is measured."
        : "Client and server ran where the kernel put them, beside whatever else was running.",
    ],
  };
}
