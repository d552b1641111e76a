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

/** Has the tab write files until it ends, and waits until `count` of them are acknowledged. */
async function startWriting(page: Page, name: string, count: number): Promise<void> {
  // Ends with the tab.
  page.evaluate((name) => lab.writeOn(name), name).catch(() => {});
  await server.untilTold(name, count);
}

describe.each<Ownership>(["shared", "tab"])("ownership %s", (ownership) => {
  test("four tabs write; three crash in mid-write, the owner first; the last one goes on, and all that was acknowledged is there", async () => {
    browser = await startBrowser(join(scratch, `profile-${ownership}`));
    const names = Array.from({ length: 4 }, (_, at) => `${ownership}-tab-${at}`);
    const pages: Page[] = [];
    for (const name of names) {
      const page = await openTab(ownership);
      pages.push(page);
      await startWriting(page, name, 3);
    }
    const last = names.at(-1) as string;
    for (const page of pages.slice(0, -1)) {
      await crash(page);
      // It may have been waiting for the one that crashed, and does so no longer.
      await server.untilTold(last, server.told(last) + 2);
    }
    // What crashed tabs told may still be on its way.
    const acknowledged = names.map((name): [string, number] => [name, server.told(name)]);
    const page = await openTab(ownership);
    for (const [name, count] of acknowledged) {
      const there = await page.evaluate(([name, count]) => lab.countWritten(name, count), [
        name,
        count,
      ] as const);
      expect(`${name}: ${there}`).toBe(`${name}: ${count}`);
    }
    expect(await page.evaluate(() => lab.check())).toEqual([]);
  });
});
