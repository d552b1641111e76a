/**
 * The clock that stamps changes: wall time with what the platform has below the millisecond, and never backwards while
 * the wall clock stands within one millisecond, so that two changes in a row are told apart.
 */
import type { Time } from "../attributes.ts";

/** A clock over `Date.now` and `performance.now`, good to about a microsecond. */
export function wallClock(): () => Time {
  let lastMilliseconds = 0;
  let lastNanoseconds = 0;
  return () => {
    const milliseconds = Date.now();
    const fraction = performance.now() % 1;
    let below = Math.floor(fraction * 1e6);
    if (milliseconds === lastMilliseconds) below = Math.max(below, lastNanoseconds);
    lastMilliseconds = milliseconds;
    lastNanoseconds = below;
    const seconds = Math.floor(milliseconds / 1000);
    return {
      seconds,
      nanoseconds: (milliseconds - seconds * 1000) * 1e6 + below,
    };
  };
}
