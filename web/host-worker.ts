/**
 * The worker that a page brings along: a SharedWorker, which is the same for every tab that names the same storage, or a
 * Worker of its own.
 */
import { releaseProxy, wrap } from "comlink";
import type { WorkerCalls } from "./protocol.ts";

/** A SharedWorker, as far as it is needed: the types of workers, which this is compiled with, know of none. */
export interface SharedWorkerLike {
  readonly port: MessagePort;
  addEventListener(
    type: "error",
    listener: (event: Event) => void,
    options?: { readonly once?: boolean },
  ): void;
}

/** A worker that runs `minifo/worker`, and its calls. */
export interface HostWorker {
  readonly calls: WorkerCalls;
  readonly isShared: boolean;
  readonly hello: Promise<{ readonly host: string; readonly protocol: number }>;
  /** Whether it has ever answered. */
  readonly answers: boolean;
  /** Rejects if its script cannot be loaded or fails: no message would ever come from it. */
  readonly failed: Promise<never>;
  /** Lets go of it; a Worker ends with that. */
  end(): void;
}

/** Takes `worker` as host. */
export function hostWorker(worker: Worker | SharedWorkerLike): HostWorker {
  const isShared = "port" in worker;
  const proxy = wrap<WorkerCalls>(isShared ? worker.port : worker);
  // All of its methods return promises already.
  const calls = proxy as unknown as WorkerCalls;
  let answers = false;
  const hello = calls.hello().then((said) => {
    answers = true;
    return said;
  });
  const failed = new Promise<never>((_, reject) => {
    const fail = (event: Event): void => {
      const why = (event as ErrorEvent).message || "its script cannot be loaded";
      reject(new Error(`The overlay's worker failed: ${why}`));
    };
    worker.addEventListener("error", fail, { once: true });
  });
  // Whoever waits for an answer is told.
  failed.catch(() => {});
  return {
    calls,
    isShared,
    hello,
    get answers() {
      return answers;
    },
    failed,
    end() {
      proxy[releaseProxy]();
      if (!isShared) worker.terminate();
    },
  };
}
