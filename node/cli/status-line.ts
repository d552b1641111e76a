/** A line on a terminal that is drawn over itself, at most ten times a second; nothing where no terminal is. */

/** Milliseconds between two drawings. */
const interval_ms = 100;

/** See the head of this file. */
export class StatusLine {
  readonly #terminal: NodeJS.WriteStream;
  #drawn_ms = 0;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
  }

  show(words: string): void {
    if (!this.#terminal.isTTY) return;
    const now_ms = performance.now();
    if (now_ms - this.#drawn_ms < interval_ms) return;
    this.#drawn_ms = now_ms;
    this.#terminal.write(`\r${words} …\u001b[K`);
  }

  clear(): void {
    if (this.#drawn_ms > 0) this.#terminal.write("\r\u001b[K");
    this.#drawn_ms = 0;
  }
}
