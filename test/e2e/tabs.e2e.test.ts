/**
 * Real tabs of one Chromium on one storage, of which some crash in mid-write, as a tab does that ran out of memory: the
 * others go on, and nothing that any of them had acknowledged is missing. In both kinds of ownership.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type KillableBrowser, startBrowser } from "./killable-browser.ts";
import { LabServer } from "./lab/lab.ts";

let scratch: string;
let server: LabServer;
let browser: KillableBrowser;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "minifo-tabs-"));
  server = await LabServer.start(scratch);
});

afterAll(async () => {
  await browser?.kill();
  await server?.close();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

afterEach(async () => {
  await browser?.kill();
});

type Ownership = "shared" | "tab";

/** A tab with the overlay open. */
async function openTab(ownership: Ownership): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(server.url());
  await page.waitForFunction(() => "lab" in globalThis);
  await page.evaluate((ownership) => lab.open(ownership), ownership);
  return page;
}

/** Crashes the tab: its process is gone at once. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent("crash");
  const session = await browser.context.newCDPSession(page);
  // It is never answered, for who would answer is gone.
  session.send("Page.crash").catch(() => {});
  await crashed;
}

/** A tab, and the files it writes: as many as it says in the end, if it lives so long. */
interface Writer {
  readonly name: string;
  readonly page: Page;
  readonly wrote: Promise<number>;
}

async function startWriting(ownership: Ownership, at: number): Promise<Writer> {
  const page = await openTab(ownership);
  const name = `${ownership}-tab-${at}`;
  const wrote = page.evaluate((name) => lab.writeOn(name), name);
  wrote.catch(() => {}); // It ends with a tab that crashes; whoever lives is asked.
  return { name, page, wrote };
}

/** Waits until each of them has had two more writes acknowledged, of which it began the second one after this. */
async function goOn(writers: readonly Writer[]): Promise<void> {
  await Promise.all(writers.map(({ name }) => server.untilTold(name, server.told(name) + 2)));
}

describe.each<Ownership>(["shared", "tab"])("ownership %s", (ownership) => {
  test("ten tabs write; the owner and then two more crash in mid-write; the others go on and all see the same tree, with all that was acknowledged", async () => {
    browser = await startBrowser(join(scratch, `profile-${ownership}`));
    // The first one is the owner; in the process of its tab a SharedWorker lies, too.
    const owner = await startWriting(ownership, 0);
    await goOn([owner]);
    const later = Array.from({ length: 9 }, (_, at) => startWriting(ownership, at + 1));
    const writers = [owner, ...(await Promise.all(later))];
    await goOn(writers);
    await crash(owner.page);
    await goOn(writers.slice(1));
    await Promise.all(writers.slice(1, 3).map(({ page }) => crash(page)));
    const survivors = writers.slice(3);
    await goOn(survivors);

    await Promise.all(survivors.map(({ page }) => page.evaluate(() => lab.stopWriting())));
    const finished = survivors.map(async ({ name, wrote }): Promise<[string, number]> => {
      return [name, await wrote];
    });
    const crashed = writers.slice(0, 3).map(({ name }): [string, number] => {
      return [name, server.told(name)];
    });
    const acknowledged = [...crashed, ...(await Promise.all(finished))];
    const trees = survivors.map(async ({ page }) => {
      const there = await page.evaluate(
        (acknowledged) =>
          Promise.all(acknowledged.map(([name, count]) => lab.countWritten(name, count))),
        acknowledged,
      );
      expect(there).toEqual(acknowledged.map(([, count]) => count));
      return JSON.stringify(await page.evaluate(() => lab.files()));
    });
    expect(new Set(await Promise.all(trees)).size).toBe(1);
    expect(await survivors[0]?.page.evaluate(() => lab.check())).toEqual([]);
  });
});
