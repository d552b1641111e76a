/**
 * A database that is none of ours, beside ours. Chromium itself, killed with all its processes, drops every database of an
 * origin about once in thirty kills; that this one went too tells such a kill from a loss of ours. What was played is then
 * played anew, a few times at most, and that is printed; where this one is still there, whatever is missing was lost by us.
 */
import type { BrowserContext } from "playwright";

/** Kills in a row at which a browser may drop everything: at four it is no accident any more. */
const patience = 4;

/** Whether the database is there on the origin of the page that this runs in; if not, it is from now on. */
export function isOtherDatabaseThere(): Promise<boolean> {
  // Handed to pages as text, so it knows nothing of this file.
  return new Promise((resolve, reject) => {
    let isThere = true;
    const opening = indexedDB.open("somebody else's", 1);
    opening.onupgradeneeded = () => {
      isThere = false;
      opening.result.createObjectStore("store");
    };
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      opening.result.close();
      resolve(isThere);
    };
  });
}

/** Asks the same, in a tab of its own, for the origin of each of these pages; true if it is there on all. */
export async function areOtherDatabasesThere(
  context: BrowserContext,
  urls: readonly string[],
): Promise<boolean> {
  let areThere = true;
  for (const url of urls) {
    const page = await context.newPage();
    await page.goto(url);
    areThere = (await page.evaluate(isOtherDatabaseThere)) && areThere;
    await page.close();
  }
  return areThere;
}

/**
 * Plays `play` until the browser that it kills has kept the databases, which it tells. What it expects behind the kill it
 * may expect only then.
 */
export async function untilKept(
  what: string,
  play: (tries: number) => Promise<boolean>,
): Promise<void> {
  for (let tries = 1; !(await play(tries)); tries += 1) {
    console.log(`${what}: killed, the browser dropped every database of an origin; done anew`);
    if (tries === patience) {
      throw new Error(
        `${what}: the browser dropped every database of an origin ${tries} times in a row`,
      );
    }
  }
}
