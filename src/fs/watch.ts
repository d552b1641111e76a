/** `watch` in the shape of node:fs/promises, over any feed of changes. */

import { AbortError } from "./abort.ts";
import { absolute, type ChangeFeed, type PathChange } from "./change-feed.ts";

/** What `watch` yields; without `filename` anything may have changed. */
export interface WatchEvent {
  readonly eventType: "rename" | "change";
  /** Relative to the directory that is watched; the file's own name if a file is. */
  readonly filename: string | null;
}

export interface WatchOptions {
  /** All below the directory too. */
  readonly recursive?: boolean;
  /** Ends the watching with an AbortError. */
  readonly signal?: AbortSignal;
}

/** Events that wait for their reader; past so many they become one that says anything may have changed. */
const longestQueue = 2048;

/** Changes at `path` and of the names in it, from this call on, as an async iterable that ends with `return` or the signal. */
export function watch(
  subscribe: ChangeFeed["subscribe"],
  path: string,
  { recursive = false, signal }: WatchOptions = {},
): AsyncIterableIterator<WatchEvent> {
  const root = absolute(path);
  let queue: WatchEvent[] = [];
  let wake: () => void = () => {};
  let ended = false;
  const unsubscribe = subscribe((changes) => {
    const heard = changes?.flatMap((change) => eventOf(root, recursive, change)) ?? [anything];
    queue.push(...heard);
    if (queue.length > longestQueue) queue = [anything];
    if (heard.length > 0) wake();
  });
  const end = (): void => {
    ended = true;
    unsubscribe();
    signal?.removeEventListener("abort", end);
    wake();
  };
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) end();
  const done = { done: true, value: undefined } as const;
  return {
    async next() {
      for (;;) {
        if (signal?.aborted) throw new AbortError(signal);
        if (ended) return done;
        const value = queue.shift();
        if (value) return { done: false, value };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async return() {
      end();
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const anything: WatchEvent = { eventType: "rename", filename: null };

function eventOf(root: string, recursive: boolean, { path, kind }: PathChange): WatchEvent[] {
  const below = root === "/" ? "/" : `${root}/`;
  if (path === root) {
    return [{ eventType: kind, filename: path.slice(path.lastIndexOf("/") + 1) }];
  }
  if (!path.startsWith(below)) return [];
  const filename = path.slice(below.length);
  return recursive || !filename.includes("/") ? [{ eventType: kind, filename }] : [];
}
