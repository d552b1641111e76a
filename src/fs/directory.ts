/** An open directory in the shape of Node's `Dir`: its entries one by one, from a snapshot taken when it was opened. */
import type { Calls } from "./calls.ts";
import { Dirent } from "./stats.ts";
import type { Traversal } from "./traversal.ts";

/** See the head of this file. It may be iterated over once, and is closed after that. */
export class Dir implements AsyncIterable<Dirent> {
  /** As the caller gave it to opendir. */
  readonly path: string;
  readonly #calls: Calls;
  readonly #traversal: Traversal;
  #closed = false;

  constructor(path: string, calls: Calls, traversal: Traversal) {
    this.path = path;
    this.#calls = calls;
    this.#traversal = traversal;
  }

  /** The next entry, null after the last. */
  async read(): Promise<Dirent | null> {
    this.#refuseIfClosed();
    const entry = await this.#calls.read(
      { syscall: "scandir", path: this.path },
      this.#traversal.next(),
    );
    return entry ? new Dirent(entry.name, entry.directory, entry.type) : null;
  }

  async close(): Promise<void> {
    this.#refuseIfClosed();
    this.#closed = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry; entry = await this.read()) yield entry;
    } finally {
      await this.close();
    }
  }

  #refuseIfClosed(): void {
    if (!this.#closed) return;
    throw Object.assign(new Error("Directory handle was closed"), { code: "ERR_DIR_CLOSED" });
  }
}
