/**
 * Connections to databases in a worker that its page will end. WebKit never closes one whose worker is ended while it opens,
 * or before all of its transactions are over, and who deletes such a database waits in vain. So a connection is closed
 * after its transactions, and a page that leaves is answered once nothing is being opened or closed.
 */
const underWay = new Set<Promise<unknown>>();
let isEnding = false;

/** How long that is waited for, in milliseconds: another tab may be in its way for ever. */
const patience_ms = 5000;

async function noted<T>(act: Promise<T>): Promise<T> {
  underWay.add(act);
  try {
    return await act;
  } finally {
    underWay.delete(act);
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

/** Closes `database` once what was begun in it is over; at once if it is closed already. */
export function close(database: IDBDatabase): Promise<void> {
  return noted(closed(database));
}

async function closed(database: IDBDatabase): Promise<void> {
  try {
    // A writer's turn comes after all readers'.
    const last = database.transaction(database.objectStoreNames, "readwrite");
    await new Promise((resolve) => {
      last.oncomplete = resolve;
      last.onabort = resolve;
    });
  } catch {
    // It is closed, or has no stores.
  }
  database.close();
}

/** Resolves when no database is being opened or closed here, nor will be opened: this worker may be ended. */
export async function untilClosed(): Promise<void> {
  isEnding = true;
  let isPatient = true;
  const patience = new Promise<void>((resolve) => {
    setTimeout(() => {
      isPatient = false;
      resolve();
    }, patience_ms);
  });
  while (isPatient && underWay.size > 0) {
    await Promise.race([Promise.allSettled(underWay), patience]);
  }
}
