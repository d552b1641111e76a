/**
 * The clock that stamps changes: wall time with what the platform has below the millisecond, and always forwards, unless
 * somebody sets the wall clock back: so two changes in a row are told apart.
 */
import type { Time } from "../attributes.ts";

/** A clock over `Date.now` and `performance.now`, good to about a microsecond. */
export function wallClock(): () => Time {
  let lastMilliseconds = 0;
  let lastNanoseconds = 0;
  return () => {
    let milliseconds = Date.now();
    let nanoseconds = Math.floor((performance.now() % 1) * 1e6);
    // The two clocks do not begin their milliseconds together, and some browsers' second one is no finer than that: so
    // a moment can seem to come before the last one, which is then followed by the least there is.
    const behind = lastMilliseconds - milliseconds;
    if (behind === 1 || (behind === 0 && nanoseconds <= lastNanoseconds)) {
      milliseconds = lastMilliseconds;
      nanoseconds = lastNanoseconds + 1;
      if (nanoseconds === 1e6) {
        milliseconds += 1;
        nanoseconds = 0;
      }
    }
    lastMilliseconds = milliseconds;
    lastNanoseconds = nanoseconds;
    const seconds = Math.floor(milliseconds / 1000);
    return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1e6 + nanoseconds };
  };
}
