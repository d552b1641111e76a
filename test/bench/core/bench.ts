/** `npm run bench -- core`: the core's operations in process, beside memfs. */
import { type Bench, isAskedFor } from "../bench.ts";
import { alternate, expectRight, perSecond } from "../measure.ts";
import { importPeer, versionOf } from "../peers.ts";

export const bench: Bench = async (options) => {
  const { rounds = 5, progress } = options;
  const { memfs } = (await importPeer("memfs")) as {
    memfs: () => { fs: typeof import("node:fs") };
  };
  const { fs } = memfs();
  fs.mkdirSync("/a");
  const what = "lookup";
  const stats = () =>
    perSecond(20_000, () => {
      for (let i = 0; i < 20_000; i += 1) expectRight(fs.statSync("/a").isDirectory(), "stat");
    });
  const values = await alternate({ memfs: stats }, { rounds, progress: (name) => progress(name) });
  const rows = isAskedFor(options, what)
    ? [{ what, unit: "/s", better: "more" as const, values }]
    : [];
  return {
    title: "The core in process",
    contenders: [{ name: "memfs", remark: versionOf("memfs") }],
    rows,
    targets: [],
    notes: [],
  };
};
