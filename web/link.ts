/**
 * The way to one owner, while it lasts: calls over it end with it. Whose turn it is then is the matter of connection.ts.
 */
import type { Attached, WorkerCalls } from "./protocol.ts";

/** See the head of this file. */
export class Link {
  readonly calls: WorkerCalls;
  readonly attached: Attached;
  /** Whether the owner is the page's own host. */
  readonly isOwn: boolean;
  readonly #hangUp: () => void;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(calls: WorkerCalls, attached: Attached, isOwn: boolean, hangUp: () => void) {
    this.calls = calls;
    this.attached = attached;
    this.isOwn = isOwn;
    this.#hangUp = hangUp;
  }

  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** What `asked` gives; rejects with `interrupted` if the way ends before. */
  during<T>(ask: Ask<T>["ask"]): Promise<T> {
    if (this.#ended) return Promise.reject(interrupted);
    return new Promise((resolve, reject) => {
      const end = (): void => reject(interrupted);
      this.#waiting.add(end);
      ask(this.calls, this)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(end));
    });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const end of this.#waiting) end();
    this.#hangUp();
  }
}

/** What a call rejects with whose owner ended before it answered. */
export const interrupted = new Error("The owner of the storage ended.");

/** A call, and what is said of it if nobody knows whether it was done. */
export interface Ask<T> {
  readonly syscall: string;
  readonly path?: string | undefined;
  /** Doing it twice is as good as once. */
  readonly repeatable: boolean;
  readonly ask: (calls: WorkerCalls, link: Link) => Promise<T>;
}
