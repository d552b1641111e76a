/** The page's side of a prefetch; loaded when one is asked for. */
import { FsError, type PrefetchOptions, type PrefetchProgress } from "../src/index.ts";
import type { WorkerCalls } from "./protocol.ts";

/**
 * Has the files at and below `paths` fetched, and tells how far that is.
 * @throws ECANCELED `signal`; else as the worker's prefetch
 */
export async function followPrefetch(
  calls: WorkerCalls,
  paths: readonly string[],
  { onProgress, signal }: PrefetchOptions,
): Promise<PrefetchProgress> {
  const number = await calls.beginPrefetch(paths);
  try {
    for (;;) {
      if (signal?.aborted) {
        const reason = "it was cancelled; what was fetched before stays";
        throw new FsError("ECANCELED", { syscall: "prefetch", reason });
      }
      const { progress, isDone } = await calls.prefetchStep(number);
      onProgress?.(progress);
      if (isDone) return progress;
    }
  } finally {
    // Not waited for: where it fails there is no prefetch any more.
    calls.endPrefetch(number).catch(() => {});
  }
}
