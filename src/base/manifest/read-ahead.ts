/**
 * Sees who reads a file from front to back: two reads that touch bring one chunk more, each further one twice as many,
 * up to four. Knows positions only; fetching is the reader's.
 */

/** Chunks ahead at most. */
const mostAhead = 4;
/** Files that are watched at a time. */
const mostFiles = 64;

interface Reading {
  /** Where the next read begins, if it goes on like this. */
  readonly next: number;
  readonly ahead: number;
}

/** See the head of this file. */
export class ReadAhead {
  /** In order of use, the least recent first. */
  readonly #readings = new Map<string, Reading>();

  /** Takes note of a read of the file `path`; returns how many chunks behind it are worth fetching. */
  seen(path: string, offset: number, end: number): number {
    const before = this.#readings.get(path);
    const goesOn = before?.next === offset;
    const ahead = goesOn ? Math.min(mostAhead, before.ahead * 2 || 1) : 0;
    this.#readings.delete(path);
    this.#readings.set(path, { next: end, ahead });
    for (const oldest of this.#readings.keys()) {
      if (this.#readings.size <= mostFiles) break;
      this.#readings.delete(oldest);
    }
    return ahead;
  }
}
