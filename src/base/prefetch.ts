/**
 * Makes a part of a base available without a network: walks it twice, to know how much there is and to have every object
 * fetched that its files need. Nobody waits for these requests, so they get half of the slots, and those that somebody
 * waits for go first. What is kept is the cache's matter, and failing to keep it fails here.
 */
import { FsError } from "../errno.ts";
import { all, type Operation } from "../operation.ts";
import { type Base, type BaseNode, type ObjectBase, objectBase } from "./base.ts";
import type { ObjectRequest } from "./fetcher.ts";

/** How far it has come. */
export interface PrefetchProgress {
  readonly files: number;
  readonly filesInAll: number;
  /** Bytes of these files, however few have to be fetched for them. */
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface PrefetchOptions {
  /** Told now and then. */
  readonly onProgress?: ((progress: PrefetchProgress) => void) | undefined;
  /** Ends it with ECANCELED; what was fetched stays. */
  readonly signal?: AbortSignal | undefined;
}

/** Objects that are asked for side by side: some more than there are slots for. */
const atOnce = 12;
/** Objects that are remembered to be fetched already: files that share one lie close to each other. */
const mostRemembered = 4096;

/**
 * Fetches all files at and below `paths` of `base`, "" being all of it.
 * @throws ENOENT there is nothing at a path
 * @throws ENOSPC the cache has no room for it
 * @throws EOPNOTSUPP nothing vouches for the contents of this kind of base, or there is no cache
 * @throws ECANCELED `signal`
 * @throws EIO something cannot be fetched
 */
export function* prefetch(
  base: Base,
  paths: readonly string[],
  options: PrefetchOptions = {},
): Operation<PrefetchProgress> {
  const objects = objectBase(base);
  if (!objects) {
    const reason =
      "nothing vouches for the contents of this kind of base, so they are not kept; give it a minifo.json";
    throw new FsError("EOPNOTSUPP", { syscall: "prefetch", path: base.locator, reason });
  }
  return yield* new Prefetch(base, objects, options).run(paths);
}

class Prefetch {
  readonly #base: Base;
  readonly #objects: ObjectBase;
  readonly #options: PrefetchOptions;
  readonly #began_ms = Date.now();
  readonly #asked = new Set<string>();
  #pending: ObjectRequest[] = [];
  #files = 0;
  #filesInAll = 0;
  #bytes = 0;
  #bytesInAll = 0;

  constructor(base: Base, objects: ObjectBase, options: PrefetchOptions) {
    this.#base = base;
    this.#objects = objects;
    this.#options = options;
  }

  *run(paths: readonly string[]): Operation<PrefetchProgress> {
    const nodes: BaseNode[] = [];
    for (const path of paths) {
      const node = yield* this.#base.lookup(path);
      if (!node) throw new FsError("ENOENT", { syscall: "prefetch", path });
      nodes.push(node);
    }
    for (const node of nodes) yield* this.#walk(node, (file) => this.#count(file));
    for (const node of nodes) yield* this.#walk(node, (file) => this.#take(file));
    yield* this.#flush();
    return this.#progress;
  }

  get #progress(): PrefetchProgress {
    const [files, filesInAll] = [this.#files, this.#filesInAll];
    return { files, filesInAll, bytes: this.#bytes, bytesInAll: this.#bytesInAll };
  }

  /** Gives `each` every file at and below `top`, in the order of the tree. */
  *#walk(top: BaseNode, each: (file: BaseNode) => Operation<void>): Operation<void> {
    const ahead = [top];
    for (let node = ahead.pop(); node; node = ahead.pop()) {
      this.#refuseIfCancelled();
      if (node.type === "file") yield* each(node);
      if (node.type !== "directory") continue;
      const entries = yield* this.#base.list(node.path);
      for (const entry of entries.toReversed()) ahead.push(entry.node);
    }
  }

  *#count({ size }: BaseNode): Operation<void> {
    this.#filesInAll += 1;
    this.#bytesInAll += size;
  }

  *#take(file: BaseNode): Operation<void> {
    for (const request of yield* this.#objects.requestsOf(file)) {
      const { sha256 = "" } = request;
      if (this.#asked.has(sha256)) continue;
      if (this.#asked.size >= mostRemembered) this.#asked.clear();
      this.#asked.add(sha256);
      this.#pending.push({ ...request, ahead: true, spare_ms: this.#began_ms });
      if (this.#pending.length >= atOnce) yield* this.#flush();
    }
    this.#files += 1;
    this.#bytes += file.size;
  }

  *#flush(): Operation<void> {
    this.#refuseIfCancelled();
    const requests = this.#pending;
    this.#pending = [];
    yield* all(requests.map((request) => this.#objects.fetch(request)));
    this.#options.onProgress?.(this.#progress);
  }

  #refuseIfCancelled(): void {
    if (!this.#options.signal?.aborted) return;
    const reason = "it was cancelled; what was fetched before stays";
    throw new FsError("ECANCELED", { syscall: "prefetch", path: this.#base.locator, reason });
  }
}
