/**
 * Time and chance as the network code sees them, so that tests can play deadlines and retries through without waiting.
 */

/** What tells the time, calls back later, and draws lots. */
export interface Clock {
  /** Milliseconds since 1970, for dates in headers. */
  now(): number;
  /** Calls `ring` once in `delay_ms`; the returned function calls it off. */
  alarm(delay_ms: number, ring: () => void): () => void;
  /** A number from 0 to below 1. */
  random(): number;
}

/** The runtime's own. */
export const systemClock: Clock = {
  now: () => Date.now(),
  alarm: (delay_ms, ring) => {
    const timer = setTimeout(ring, delay_ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
