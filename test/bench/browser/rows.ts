/** The rows of the browser benchmark: which step or look each comes from, and which of its quantities it shows. */
import type { Row } from "../report.ts";
import type { Look, Step } from "./subject.ts";

/** What is measured of a step. */
export type Quantity = "time" | "fetched" | "stored" | "heap" | "survivors";

/** A row before it has values. */
export interface RowOfStep {
  readonly what: string;
  readonly unit: string;
  readonly better: Row["better"];
  readonly step: Step;
  readonly quantity: Quantity;
  /** Whose outcome, after a killed browser or a reload, makes the number worth nothing. */
  readonly look?: Look;
}

function row(what: string, step: Step, look?: Look): RowOfStep {
  const named = { what, unit: "ms", better: "less", step, quantity: "time" } as const;
  return look ? { ...named, look } : named;
}

function bytes(what: string, step: Step, quantity: "fetched" | "stored"): RowOfStep {
  return { what: `${what}: ${quantity}`, unit: "KiB", better: "less", step, quantity };
}

const open = "open to first readdir, cold";
const middle = "64 KiB amid 256 MiB";
const append = "1 byte appended to 256 MiB";

export const rows: readonly RowOfStep[] = [
  row(open, "open"),
  bytes(open, "open", "fetched"),
  row("stat of 5,000, one after another", "stat"),
  row("stat of the root, 5,000 times", "stat root"),
  row("list everything, with sizes", "walk"),
  { what: "heap after that", unit: "MiB", better: "less", step: "walk", quantity: "heap" },
  row("1,000 reads, one after another", "read"),
  row("the same again", "read again"),
  row("1,000 reads at once", "read at once"),
  row(middle, "middle"),
  bytes(middle, "middle", "fetched"),
  row("1 MiB elsewhere in it, its digest taken", "chunk"),
  row(append, "append", "append"),
  bytes(append, "append", "fetched"),
  bytes(append, "append", "stored"),
  row("1,000 overwrites, each awaited", "overwrite", "overwrite"),
  row("1,000 overwrites at once", "overwrite at once", "overwrite at once"),
  row("500 deletions, each awaited", "delete", "delete"),
  row("rename of a directory of 1,000", "rename", "rename"),
  row("reload, until all is listed", "open again"),
  {
    what: "300 awaited writes, killed: left",
    unit: "",
    better: "more",
    step: "write",
    quantity: "survivors",
  },
];
