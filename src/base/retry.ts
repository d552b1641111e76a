/**
 * When to try again: four times where the server or the network is in trouble, once after a missed deadline (the caller
 * has waited ten seconds by then), and once past the HTTP caches where the answer was wrong. Errors are never kept.
 */
import type { FsError } from "../errno.ts";
import type { Clock } from "./clock.ts";
import type { Answer } from "./exchange.ts";

/** How often a request is repeated when server or network are in trouble, unless it says otherwise. */
const busyRetries = 4;
/** A Retry-After above this is not waited for. */
const longestWait_ms = 60_000;

/** What to do after an answer that was no good. */
export type NextStep =
  | { readonly step: "again"; readonly delay_ms: number; readonly fresh: boolean }
  | { readonly step: "fail"; readonly error: FsError };

/** Counts the tries of one request. */
export class Tries {
  readonly #clock: Clock;
  readonly #most: number;
  #busy = 0;
  #late = 0;
  #wrong = 0;

  constructor(clock: Clock, most = busyRetries) {
    this.#clock = clock;
    this.#most = most;
  }

  after(answer: Exclude<Answer, { verdict: "good" }>): NextStep {
    const fail: NextStep = { step: "fail", error: answer.error };
    switch (answer.verdict) {
      case "refused":
        return fail;
      case "wrong":
        this.#wrong += 1;
        return this.#wrong > 1 ? fail : { step: "again", delay_ms: 0, fresh: true };
      case "late":
        this.#late += 1;
        return this.#late > 1 || this.#most < busyRetries
          ? fail
          : { step: "again", delay_ms: 0, fresh: false };
      case "busy": {
        if (answer.wait_ms > longestWait_ms) {
          const seconds = Math.ceil(answer.wait_ms / 1000);
          const reason = `${answer.error.reason}, and to come back in ${seconds} s`;
          return { step: "fail", error: answer.error.at({ reason }) };
        }
        if (this.#busy >= this.#most) {
          if (this.#most === 0) return fail;
          const reason = `${answer.error.reason} (tried ${this.#most + 1} times)`;
          return { step: "fail", error: answer.error.at({ reason }) };
        }
        const delay_ms = Math.max(answer.wait_ms, this.#backoff(this.#busy));
        this.#busy += 1;
        return { step: "again", delay_ms, fresh: false };
      }
    }
  }

  /** 0.25 s up to 1, 2, 4, 8 s: a random point between, so that many clients do not come back at once. */
  #backoff(retry: number): number {
    const longest_ms = Math.min(8000, 1000 * 2 ** retry);
    return 250 + this.#clock.random() * (longest_ms - 250);
  }
}
