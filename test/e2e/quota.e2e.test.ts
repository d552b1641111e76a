/** A browser that runs out of quota for real: Firefox, which can be told how much it gives. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PageOverlay } from "../../web/index.ts";
import { firefox } from "../rig/programs.ts";
import { type DemoProgram, startDemo } from "./demo-program.ts";

declare global {
  /** The workbench's open overlay. */
  var minifo: PageOverlay;
}

let demo: DemoProgram;
let directory: string;
let browser: Browser;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "minifo-e2e-"));
  demo = await startDemo();
});

afterAll(async () => {
  await browser?.close();
  await demo?.end();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts Firefox on the one profile with `kibibytes` of storage for all sites together. */
async function start(kibibytes: number): Promise<Page> {
  browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: firefox,
    headless: true,
    userDataDir: join(directory, "profile"),
    extraPrefsFirefox: { "dom.quotaManager.temporaryStorage.fixedLimit": kibibytes },
  });
  const page = await browser.newPage();
  await page.goto(demo.address);
  await page.waitForFunction(() => "minifo" in globalThis);
  return page;
}

const size = 512 * 1024;

test("an exceeded quota is ENOSPC and loses nothing; reads go on, and with more room so does all", async () => {
  const page = await start(16 * 1024);
  const filled = await page.evaluate(async (size) => {
    const { promises } = minifo.fs;
    await promises.mkdir("/filling");
    const acknowledged: number[] = [];
    const refusals: string[] = [];
    for (let i = 0; i < 100 && refusals.length < 5; i += 1) {
      // Bytes that compress to nothing would not fill anything.
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65_536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      }
      bytes[0] = i;
      await promises.writeFile(`/filling/${i}`, bytes).then(
        () => acknowledged.push(i),
        (error: { code: string }) => refusals.push(error.code),
      );
    }
    const first = (await promises.readFile("/filling/0"))[0];
    return { acknowledged, refusals, first };
  }, size);
  // A browser that freed something meanwhile may take one in between.
  expect(filled.refusals).toEqual(Array.from({ length: 5 }, () => "ENOSPC"));
  expect(filled.acknowledged.length).toBeGreaterThan(3);
  expect(filled.first).toBe(0);
  await browser.close();

  const roomy = await start(64 * 1024);
  const kept = await roomy.evaluate(async (acknowledged) => {
    const { promises } = minifo.fs;
    const contents: (number | undefined)[][] = [];
    for (const i of acknowledged) {
      const bytes = await promises.readFile(`/filling/${i}`);
      contents.push([bytes[0], bytes.length]);
    }
    await promises.writeFile("/filling/late", "late");
    return { contents, late: await promises.readFile("/filling/late", "utf8") };
  }, filled.acknowledged);
  expect(kept.contents).toEqual(filled.acknowledged.map((i) => [i, size]));
  expect(kept.late).toBe("late");
});
