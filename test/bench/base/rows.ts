/** The rows of the table: which quantities of which step are shown, and in what unit. */
import { type Step, steps, type Taken } from "./plan.ts";

/** What is counted of an upload, as it stands in a row's name. */
export const uploadName = {
  files: "republish with one changed file, files uploaded",
  bytes: "republish with one changed file, uploaded",
} as const;

export type Quantity =
  | "requests"
  | "trips"
  | "bytes"
  | "at once"
  | "far away"
  | "heap"
  | "believed";

interface QuantityMeaning {
  /** As it stands in a row's name. */
  readonly named: string;
  readonly unit: string;
  /** Of which run. */
  readonly roundTrip_ms: 0 | 50;
  readonly of: (taken: Taken) => number;
}

export const quantities: Readonly<Record<Quantity, QuantityMeaning>> = {
  requests: { named: "requests", unit: "", roundTrip_ms: 50, of: ({ requests }) => requests },
  trips: { named: "round trips", unit: "", roundTrip_ms: 50, of: ({ trips }) => trips },
  bytes: { named: "fetched", unit: "KiB", roundTrip_ms: 50, of: ({ bytes }) => bytes / 1024 },
  "at once": { named: "at 0 ms", unit: "ms", roundTrip_ms: 0, of: ({ time_ms }) => time_ms },
  "far away": { named: "at 50 ms", unit: "ms", roundTrip_ms: 50, of: ({ time_ms }) => time_ms },
  heap: { named: "heap", unit: "MiB", roundTrip_ms: 0, of: ({ held = 0 }) => held / 2 ** 20 },
  believed: {
    named: "believed",
    unit: "of 5",
    roundTrip_ms: 0,
    of: ({ believed = 0 }) => believed,
  },
};

const ofEach: readonly Quantity[] = ["requests", "bytes", "at once", "far away"];
const more: Partial<Record<Step, readonly Quantity[]>> = {
  mount: [...ofEach, "heap"],
  "stat six deep": ["requests", "trips", "bytes", "at once", "far away"],
  "ENOENT beside it": ["requests", "at once"],
  "first byte of a small file, from nothing": ["requests", "trips", "bytes", "at once", "far away"],
  find: [...ofEach, "heap"],
  "bad answers": ["believed"],
};

export const rowsOfTable = steps.flatMap((step) =>
  (more[step] ?? ofEach).map((quantity) => ({ step, quantity })),
);

export function rowName(tree: string, step: string, quantity: Quantity): string {
  return `${tree}: ${step}, ${quantities[quantity].named}`;
}
