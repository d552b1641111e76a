/**
 * A clock whose alarms ring when a test says so, so that deadlines and backoffs take no time.
 */
import type { Clock } from "../../src/base/clock.ts";

interface Alarm {
  readonly delay_ms: number;
  readonly ring: () => void;
}

export class FakeClock implements Clock {
  /** Every delay that was asked for, in order, cancelled alarms too. */
  readonly asked: number[] = [];
  /** What `now` tells. */
  time_ms = 1_000_000_000_000;
  /** What `random` gives. */
  chance = 0;
  readonly #pending = new Set<Alarm>();
  #watchers: { readonly delay_ms: number; readonly found: (alarm: Alarm) => void }[] = [];
  readonly #ringsByItself: (delay_ms: number) => boolean;

  /** Alarms that `ringsByItself` do so in the next turn; by default backoffs, but no deadlines. */
  constructor(ringsByItself: (delay_ms: number) => boolean = (delay_ms) => delay_ms < 10_000) {
    this.#ringsByItself = ringsByItself;
  }

  now(): number {
    return this.time_ms;
  }

  random(): number {
    return this.chance;
  }

  alarm(delay_ms: number, ring: () => void): () => void {
    const alarm = { delay_ms, ring };
    this.asked.push(delay_ms);
    this.#pending.add(alarm);
    if (this.#ringsByItself(delay_ms)) setImmediate(() => this.#ring(alarm));
    else {
      for (const watcher of this.#watchers) if (watcher.delay_ms === delay_ms) watcher.found(alarm);
    }
    return () => this.#pending.delete(alarm);
  }

  /** How many alarms are set. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Rings all alarms of `delay_ms` that are set now, and tells how many there were. */
  ring(delay_ms: number): number {
    const due = [...this.#pending].filter((alarm) => alarm.delay_ms === delay_ms);
    for (const alarm of due) this.#ring(alarm);
    return due.length;
  }

  /** Settles when an alarm of `delay_ms` is set (again). */
  set(delay_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const watcher = {
        delay_ms,
        found: () => {
          this.#watchers = this.#watchers.filter((other) => other !== watcher);
          resolve();
        },
      };
      this.#watchers.push(watcher);
    });
  }

  #ring(alarm: Alarm): void {
    if (this.#pending.delete(alarm)) alarm.ring();
  }
}
