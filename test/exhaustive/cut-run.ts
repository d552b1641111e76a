/**
 * What the program that writes to a disk storage and the test that cuts its power have in common: the sequence of steps,
 * drawn from a seed, and the record of what the file system was asked to do.
 */
import { randomFrom } from "../random.ts";
import { Clock, Mirror, type Told } from "./mirror.ts";
import { populate, type Step, steps } from "./steps.ts";

/** Something the file system was asked to do, in order. Paths are relative to the storage's directory. */
export type Effect =
  /** The file was made, or emptied if it was there. */
  | { readonly kind: "create"; readonly path: string }
  | {
      readonly kind: "write";
      readonly path: string;
      readonly position: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "truncate"; readonly path: string; readonly length: number }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "sync"; readonly path: string }
  | { readonly kind: "syncDirectory"; readonly path: string }
  /** Pages that a transaction of LMDB changed; it made them safe before anything that follows. */
  | { readonly kind: "records"; readonly pages: readonly (readonly [number, Uint8Array])[] }
  /** So many steps have begun. */
  | { readonly kind: "step"; readonly begun: number }
  /** A fsync has returned that covers so many steps. */
  | { readonly kind: "safe"; readonly steps: number };

export const pageSize = 4096;

/** A step, whether a fsync follows it, and the tree after it. */
export interface Drawn {
  readonly step: Step;
  readonly isSynced: boolean;
  readonly after: readonly Told[];
}

/** `length` steps that succeed one after the other, most of them about data. `first` is the tree before them. */
export function draw(seed: number, length: number): { first: readonly Told[]; drawn: Drawn[] } {
  const next = randomFrom(seed);
  const clock = new Clock();
  const mirror = new Mirror(clock, populate);
  const first = copyOf(mirror.tell());
  const aboutData = steps.filter(({ name }) => /^(write|truncate) /.test(name));
  const others = steps.filter(({ isSeveral, isRevert }) => !isSeveral && !isRevert);
  const drawn: Drawn[] = [];
  while (drawn.length < length) {
    const from = next() < 0.7 ? aboutData : others;
    const step = from[Math.floor(next() * from.length)] as Step;
    clock.seconds += 1;
    if (mirror.code(() => step.onMirror(mirror)) !== undefined) {
      clock.seconds -= 1;
      continue;
    }
    drawn.push({ step, isSynced: next() < 0.4, after: copyOf(mirror.tell()) });
  }
  return { first, drawn };
}

/** The mirror's bytes change: of a state only a copy stays what it is. */
function copyOf(all: readonly Told[]): Told[] {
  return all.map((told) => ({ ...told, data: told.data.slice() }));
}
