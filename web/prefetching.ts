/**
 * A prefetch that a page follows step by step: callbacks cannot cross to another tab, so the page asks for the next
 * progress and says each time whether it should go on.
 */
import { type Base, type PrefetchProgress, prefetch, run } from "../src/index.ts";
import type { PrefetchStep } from "./protocol.ts";

/** See the head of this file. It runs from its making. */
export class Prefetching {
  readonly #ending = new AbortController();
  readonly #result: Promise<PrefetchStep>;
  #news: PrefetchProgress | undefined;
  #hear: (() => void) | undefined;

  constructor(base: Base, paths: readonly string[]) {
    const onProgress = (progress: PrefetchProgress): void => {
      this.#news = progress;
      this.#hear?.();
    };
    const { signal } = this.#ending;
    this.#result = run(prefetch(base, paths, { signal, onProgress })).then((progress) => ({
      progress,
      isDone: true,
    }));
    // Told to whoever takes the next step.
    this.#result.catch(() => {});
  }

  /** Resolves with what was not told yet, or with the end; fails as the prefetch does. */
  async step(): Promise<PrefetchStep> {
    const moved = new Promise<void>((resolve) => {
      this.#hear = resolve;
    });
    if (!this.#news) await Promise.race([moved, this.#result]);
    const progress = this.#news;
    this.#news = undefined;
    return progress ? { progress, isDone: false } : await this.#result;
  }

  end(): void {
    this.#ending.abort();
  }
}
