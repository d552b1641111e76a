/**
 * An operation is a generator that yields only when it must wait, and what it yields is the thing it waits for.
 * Everything under the API (overlay, base, storage) is written in this form, once: driven to the end synchronously
 * where all is at hand (the FUSE loop, where neither promises nor timers run), as a promise everywhere else.
 * A hit costs no promise and no turn of the event loop.
 */

/** What an operation can wait for: a promise, or any plain thenable such as `Deferred`. */
export interface Wait<T = unknown> {
  then(done: (value: T) => void, failed: (error: unknown) => void): unknown;
}

/** A computation of a `T` that may have to wait on the way. */
export type Operation<T> = Generator<Wait, T, unknown>;

let promisesSettleHere = true;

/**
 * Declares that this thread blocks in a loop of its own, so that no native promise ever settles in it.
 * From then on waiting for one throws at once instead of hanging for ever. There is no way back.
 */
export function refusePromises(): void {
  promisesSettleHere = false;
}

/** Waits for `wait` and returns what it gives; throws what it rejects with. */
export function* waitFor<T>(wait: Wait<T>): Operation<T> {
  if (!promisesSettleHere && wait instanceof Promise) {
    throw new Error("bug: a native promise was waited for in a thread where none ever settles");
  }
  if (wait instanceof Deferred && wait.settled) return wait.take();
  return (yield wait as Wait) as T;
}

/**
 * Drives `operation` to its end, synchronously as far as it goes; exactly one of `done` and `failed` is called, before
 * this returns if the operation never had to wait. An exception from `done` or `failed` itself goes to the caller.
 */
export function drive<T>(
  operation: Operation<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  // A hit never waits: nothing is made for it that only a wait needs.
  let step: IteratorResult<Wait, T>;
  try {
    step = operation.next();
  } catch (error) {
    failed(error);
    return;
  }
  if (step.done) done(step.value);
  else driveOn(operation, step.value, done, failed);
}

/** As `drive`, with an operation whose first step was taken and that waits for `wait`. */
export function driveOn<T>(
  operation: Operation<T>,
  wait: Wait,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  let waits = wait;
  let resume: () => IteratorResult<Wait, T>;
  const advance = (): void => {
    for (;;) {
      // A thenable that settles while `then` runs is taken up by this very loop, so that a long chain of such waits
      // cannot exhaust the stack; one that settles later calls advance again.
      let inThen = true;
      let settled = false;
      const settle = (next: () => IteratorResult<Wait, T>): void => {
        if (settled) return;
        settled = true;
        resume = next;
        if (!inThen) goOn();
      };
      waits.then(
        (value) => settle(() => operation.next(value)),
        (error) => settle(() => operation.throw(error)),
      );
      inThen = false;
      if (!settled || !takeStep()) return;
    }
  };
  const goOn = (): void => {
    if (takeStep()) advance();
  };
  /** Whether there is another wait. */
  const takeStep = (): boolean => {
    let step: IteratorResult<Wait, T>;
    try {
      step = resume();
    } catch (error) {
      failed(error);
      return false;
    }
    if (step.done) done(step.value);
    else waits = step.value;
    return !step.done;
  };
  advance();
}

/** Runs `operation` as a promise: for the browser and for programs. */
export function run<T>(operation: Operation<T>): Promise<T> {
  return new Promise((resolve, reject) => drive(operation, resolve, reject));
}

/** Runs `operation` where all is at hand; throws a bug if it had to wait after all. */
export function runSync<T>(operation: Operation<T>): T {
  const step = operation.next();
  if (!step.done) throw new Error("bug: an operation that must not wait wanted to wait");
  return step.value;
}

/**
 * Runs `operations` side by side and returns their results in order. Waits until every one has ended, then throws the
 * first error, if there was one: nothing goes on behind the caller's back.
 */
export function* all<T>(operations: readonly Operation<T>[]): Operation<T[]> {
  const results: T[] = new Array(operations.length);
  let open = operations.length;
  let failure: { error: unknown } | undefined;
  const ended = new Deferred<void>();
  const close = (): void => {
    open -= 1;
    if (open === 0) ended.resolve();
  };
  operations.forEach((operation, index) => {
    drive(
      operation,
      (value) => {
        results[index] = value;
        close();
      },
      (error) => {
        failure ??= { error };
        close();
      },
    );
  });
  if (open > 0) yield* waitFor(ended);
  if (failure) throw failure.error;
  return results;
}

/** A thenable that somebody else settles, and that tells its waiters at once, without a turn of the event loop. */
export class Deferred<T> implements Wait<T> {
  #outcome: { value: T } | { error: unknown } | undefined;
  #waiters: { done: (value: T) => void; failed: (error: unknown) => void }[] = [];

  get settled(): boolean {
    return this.#outcome !== undefined;
  }

  /** The value it was settled with; throws the error it was settled with. */
  take(): T {
    if (!this.#outcome) throw new Error("bug: nothing to take before it is settled");
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  // biome-ignore lint/suspicious/noThenProperty: see Wait
  then(done: (value: T) => void, failed: (error: unknown) => void): void {
    if (!this.#outcome) this.#waiters.push({ done, failed });
    else if ("error" in this.#outcome) failed(this.#outcome.error);
    else done(this.#outcome.value);
  }

  /** Settles with a value; the first settling counts, later ones are ignored. */
  resolve(value: T): void {
    if (this.#outcome) return;
    this.#outcome = { value };
    for (const waiter of this.#takeWaiters()) waiter.done(value);
  }

  /** Settles with an error; the first settling counts, later ones are ignored. */
  reject(error: unknown): void {
    if (this.#outcome) return;
    this.#outcome = { error };
    for (const waiter of this.#takeWaiters()) waiter.failed(error);
  }

  #takeWaiters() {
    const waiters = this.#waiters;
    this.#waiters = [];
    return waiters;
  }
}
