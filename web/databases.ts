/**
 * Connections to databases in a worker that may be ended. WebKit never lets go of one whose worker is ended while it opens,
 * or while transactions are under way in it, even after `close()`: a deletion of the database waits for ever then, and so
 * does who needs the stores of those transactions, until all tabs of the site are closed. So a connection is closed after the
 * transactions of its worker, a page that leaves is answered once nothing is being opened or closed, and no answer is waited for for ever.
 */
const underWay = new Set<Promise<unknown>>();
const transactions = new Set<Promise<unknown>>();
let isEnding = false;

/** How long the end of a worker is held up at most, in milliseconds: another tab may be in its way for ever. */
const patience_ms = 5000;

/** How long a cache may take to answer, in milliseconds: without it, what is asked for is fetched. */
export const cachePatience_ms = 3000;

/** How long after a sleep an answer may take to be given, in milliseconds. */
const wake_ms = 1000;

/** What `unlessSilent` rejects with. */
export const silence = new Error(
  "the browser does not answer; close it, or all tabs of this site, and try again",
);

/**
 * What the browser answers; what it says after `ms` milliseconds is not heard.
 * @throws silence it said nothing
 */
export async function unlessSilent<T>(answer: Promise<T>, ms = 10_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Whoever slept meanwhile, as a suspended machine does, is given the answer that has been waiting.
      timer = setTimeout(() => reject(silence), wake_ms);
    }, ms - wake_ms);
  });
  try {
    return await Promise.race([answer, silent]);
  } finally {
    clearTimeout(timer);
  }
}

/** `act`, which is waited for as long as it is under way: by default before this worker is ended. */
export async function noted<T>(act: Promise<T>, set: Set<unknown> = underWay): Promise<T> {
  set.add(act);
  try {
    return await act;
  } finally {
    set.delete(act);
  }
}

/**
 * What `open` gives, which opens a database.
 * @throws Error this worker is about to be ended
 */
export async function whileOpening<T>(open: () => Promise<T>): Promise<T> {
  if (isEnding) throw new Error("This worker is about to end.");
  return noted(open());
}

/** Has `close` wait for the end of every transaction that is begun in `database` from now on. */
export function watched(database: IDBDatabase): IDBDatabase {
  const begin = database.transaction.bind(database);
  database.transaction = (...values) => {
    const transaction = begin(...values);
    const ended = new Promise((resolve) => {
      transaction.addEventListener("complete", resolve);
      transaction.addEventListener("abort", resolve);
    });
    noted(ended, transactions);
    return transaction;
  };
  return database;
}

/** Closes `database` once every transaction is over that was begun in a watched one. */
export function close(database: IDBDatabase): Promise<void> {
  return noted(closed(database));
}

async function closed(database: IDBDatabase): Promise<void> {
  await unlessSilent(Promise.all(transactions)).catch(() => {}); // They end with it, or never.
  database.close();
}

async function allSettled(): Promise<void> {
  while (underWay.size > 0) await Promise.allSettled(underWay);
}

/**
 * Resolves when no database is being opened or closed here, nor, if this worker `isEnding`, will be opened: it may be ended.
 */
export async function untilClosed(isEndingNow: boolean): Promise<void> {
  isEnding ||= isEndingNow;
  // Whoever is in the way is not ours to end.
  await unlessSilent(allSettled(), patience_ms).catch(() => {});
}
