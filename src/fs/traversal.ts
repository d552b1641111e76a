/** Going through a directory and all below it: what opendir, and readdir if so wished, give their entries from. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Listing } from "../overlay/listing.ts";
import type { ReadableOverlay } from "../overlay/readable.ts";
import { checkSignal } from "./abort.ts";
import { join } from "./path.ts";
import { type Entry, opendir, relativeName } from "./reading-calls.ts";

/**
 * Goes through the directory at `path`, and with `recursive` through all below it, every directory after the entries of
 * the one it lies in. Each listing is a snapshot. Symlinks are not followed; a directory that is gone by the time its
 * turn comes is passed over.
 */
export class Traversal {
  readonly #overlay: ReadableOverlay;
  readonly #recursive: boolean;
  #listing: Listing;
  #directory: string;
  #next = 0;
  /** Directories still to be listed. */
  readonly #ahead: string[] = [];

  private constructor(
    overlay: ReadableOverlay,
    path: string,
    listing: Listing,
    recursive: boolean,
  ) {
    this.#overlay = overlay;
    this.#directory = path;
    this.#listing = listing;
    this.#recursive = recursive;
  }

  /** @throws ENOTDIR there is no directory at `path` */
  static *begin(overlay: ReadableOverlay, path: string, recursive: boolean): Operation<Traversal> {
    return new Traversal(overlay, path, yield* opendir(overlay, path), recursive);
  }

  /** The next entry, undefined after the last. */
  *next(): Operation<Entry | undefined> {
    while (this.#next >= this.#listing.length) {
      const directory = this.#ahead.shift();
      if (directory === undefined) return undefined;
      const listing = yield* this.#list(directory);
      if (!listing) continue;
      this.#listing = listing;
      this.#directory = directory;
      this.#next = 0;
    }
    const { name, type } = this.#listing.entry(this.#next);
    this.#next += 1;
    if (this.#recursive && type === "directory") this.#ahead.push(join(this.#directory, name));
    return { directory: this.#directory, name, type };
  }

  *#list(directory: string): Operation<Listing | undefined> {
    try {
      return yield* opendir(this.#overlay, directory);
    } catch (error) {
      if (error instanceof FsError && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
        return undefined;
      }
      throw error;
    }
  }
}

/**
 * What the directory at `path` and all below it hold, sorted by the path from it on.
 * @throws ENOTDIR it is no directory
 * @throws AbortError `signal` says so
 */
export function* entriesBelow(
  overlay: ReadableOverlay,
  path: string,
  signal: AbortSignal | undefined,
): Operation<Entry[]> {
  const traversal = yield* Traversal.begin(overlay, path, true);
  const found: { readonly entry: Entry; readonly order: string }[] = [];
  for (let entry = yield* traversal.next(); entry; entry = yield* traversal.next()) {
    checkSignal(signal);
    found.push({ entry, order: relativeName(entry, path) });
  }
  return found.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ entry }) => entry);
}
