/**
 * The set of a file's chunks held locally, as sorted, disjoint, non-touching ranges in one flat array, the way records
 * store it: a file written from end to end is one range, however long.
 */
export class ChunkSet {
  /** first, end, first, end, …; ascending, no two touching. */
  readonly #bounds: number[];

  constructor(bounds: readonly number[] = []) {
    this.#bounds = [...bounds];
  }

  get isEmpty(): boolean {
    return this.#bounds.length === 0;
  }

  /** The set as records store it. */
  toArray(): number[] {
    return [...this.#bounds];
  }

  has(chunk: number): boolean {
    // The number of bounds at or below `chunk` is odd exactly inside a range.
    return this.#boundsUpTo(chunk) % 2 === 1;
  }

  /** The end of the run that `chunk` lies in: chunks before it are all held, or all not, just as `chunk` is. */
  runEnd(chunk: number): number {
    return this.#bounds[this.#boundsUpTo(chunk)] ?? Number.POSITIVE_INFINITY;
  }

  add(chunk: number): void {
    this.#replace(chunk, chunk + 1, true);
  }

  /** Takes `from` to before `to` out. */
  remove(from: number, to: number): void {
    this.#replace(from, to, false);
  }

  /** How many chunks lie in `from` to before `to`. */
  count(from: number, to: number): number {
    let count = 0;
    for (let i = 0; i < this.#bounds.length; i += 2) {
      const first = Math.max(from, this.#bounds[i] as number);
      const end = Math.min(to, this.#bounds[i + 1] as number);
      if (end > first) count += end - first;
    }
    return count;
  }

  #boundsUpTo(chunk: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#bounds[middle] as number) <= chunk) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes `from` to before `to` all held or all not. */
  #replace(from: number, to: number, held: boolean): void {
    if (from >= to) return;
    const before = this.#boundsUpTo(from - 1);
    const after = this.#boundsUpTo(to);
    const bounds: number[] = [];
    // `before` is odd where the range before reaches up to or over `from`, `after` is odd where one goes on at `to`.
    if ((before % 2 === 1) !== held) bounds.push(from);
    if ((after % 2 === 1) !== held) bounds.push(to);
    this.#bounds.splice(before, after - before, ...bounds);
  }
}
