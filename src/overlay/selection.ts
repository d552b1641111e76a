/**
 * What is reverted together: the differences at and below the paths asked for, and all that has to go with them, so
 * that no object ends up in two places or in none.
 */
import { FsError } from "../errno.ts";
import type { Difference, Records } from "./changes.ts";

/** The differences that are reverted together. To go over `differences` while some are added visits those too. */
export class Selection {
  readonly differences = new Set<Difference>();
  readonly #records: Records;
  readonly #all: readonly Difference[];
  readonly #byIdentity = new Map<string, Difference[]>();

  constructor(records: Records, all: readonly Difference[]) {
    this.#records = records;
    this.#all = all;
    for (const difference of all) {
      const identity = difference.node?.identity;
      if (identity === undefined) continue;
      const others = this.#byIdentity.get(identity);
      if (others) others.push(difference);
      else this.#byIdentity.set(identity, [difference]);
    }
  }

  /**
   * Adds what differs at and below `path` and what was moved away from there.
   * @throws ENOENT there is no such thing
   */
  addPath(path: string): void {
    const found = this.#all.filter((difference) => this.#isOf(path, difference));
    if (found.length === 0) {
      throw new FsError("ENOENT", {
        syscall: "revert",
        path,
        reason: "nothing differs from the base there",
      });
    }
    this.#add(found);
  }

  /** Adds all names of an object: what lives under several of them is reverted at all. */
  addNamesOf(identity: string | undefined): void {
    this.#add(this.#byIdentity.get(identity ?? "") ?? []);
  }

  #isOf(top: string, { change: { path, from } }: Difference): boolean {
    if (isAtOrBelow(path, top) || from === top) return true;
    return from !== undefined && isAtOrBelow(this.#records.pathOfUnrecorded(from), top);
  }

  /** Adds `found`, and whatever has to go with it so that no object ends up in two places or in none. */
  #add(found: readonly Difference[]): void {
    const added: Difference[] = [];
    const take = (differences: readonly Difference[]): void => {
      for (const difference of differences) {
        if (this.differences.has(difference)) continue;
        this.differences.add(difference);
        added.push(difference);
      }
    };
    const takeAll = (belongs: (difference: Difference) => boolean): void => {
      if (this.differences.size < this.#all.length) take(this.#all.filter(belongs));
    };
    take(found);
    for (const { change, node, base } of added) {
      for (const identity of [node?.identity, base?.identity]) {
        take(this.#byIdentity.get(identity ?? "") ?? []);
      }
      // What was moved out of a directory before that was deleted returns with it.
      if (change.state === "deleted" && base?.type === "directory") {
        takeAll(({ change: { from } }) => from !== undefined && isAtOrBelow(from, base.path));
      }
      // What is below a directory that returns, or was moved out of it where it is now, returns with it.
      if (change.from !== undefined && change.type === "directory") {
        takeAll((difference) => this.#isOf(change.path, difference));
      }
    }
  }
}

/** Whether `path` is `top` or lies below it. */
export function isAtOrBelow(path: string, top: string): boolean {
  return top === "" || path === top || path.startsWith(`${top}/`);
}
