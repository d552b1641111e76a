/**
 * The patience for one answer: ten seconds for its first byte, and from then on at least 1 kB/s in every ten seconds.
 * Whoever misses it is aborted through `signal`; `missed` then says what was missed.
 */
import type { Clock } from "./clock.ts";

/** Milliseconds to the first byte, and the length of the window a stall is judged by. */
const window_ms = 10_000;
/** Bytes that must arrive within one window. */
const minimumBytes = 10_000;

/** See the head of this file. It runs from its making until `end`. */
export class Deadline {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #cancel: () => void;
  #missed: string | undefined;
  #received = 0;
  #receivedBefore = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#cancel = clock.alarm(window_ms, () => this.#miss("no answer within 10 s"));
  }

  /** Aborts the request, once the deadline was missed or `abandon` was called. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What was missed, as words for a message. */
  get missed(): string | undefined {
    return this.#missed;
  }

  /** Bytes arrived. */
  received(bytes: number): void {
    if (this.#received === 0 && bytes > 0) {
      this.#cancel();
      this.#watch();
    }
    this.#received += bytes;
  }

  /** Aborts the request for a reason of the caller's. */
  abandon(): void {
    this.end();
    this.#abort.abort();
  }

  /** The answer is complete, or no longer of interest. */
  end(): void {
    this.#cancel();
  }

  #watch(): void {
    this.#cancel = this.#clock.alarm(window_ms, () => {
      if (this.#received - this.#receivedBefore < minimumBytes) {
        this.#miss(`stalled: less than 1 kB/s for 10 s, after ${this.#received} bytes`);
        return;
      }
      this.#receivedBefore = this.#received;
      this.#watch();
    });
  }

  #miss(what: string): void {
    this.#missed = what;
    this.#abort.abort();
  }
}
