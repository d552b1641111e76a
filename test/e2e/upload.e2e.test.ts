/**
 * A large file streamed into an overlay in a real Chromium: what page and worker hold meanwhile stays bounded, whatever its
 * size, of which MINIFO_UPLOAD_MEBIBYTES tells. Measured is what the DevTools protocol tells of both, garbage apart:
 * JavaScript's heap, the engine's objects and the buffers of typed arrays.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BrowserMemory } from "../rig/browser-memory.ts";
import { type KillableBrowser, startBrowser } from "./killable-browser.ts";
import { LabServer } from "./lab/lab.ts";

const mebibytes = Number(process.env.MINIFO_UPLOAD_MEBIBYTES ?? 128);
const bound = 100;

let scratch: string;
let server: LabServer;
let browser: KillableBrowser;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "minifo-upload-"));
  server = await LabServer.start(scratch);
  browser = await startBrowser(join(scratch, "profile"));
});

afterAll(async () => {
  await browser?.kill();
  await server?.close();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

test(`${mebibytes} MiB through writable() are there, and page and worker never hold ${bound} MiB`, async () => {
  const page = await browser.context.newPage();
  await page.goto(server.url());
  await page.waitForFunction(() => "lab" in globalThis);
  await page.evaluate(() => lab.open());
  const memory = await BrowserMemory.at(browser.endpoint, new URL(server.url()).origin);
  let uploading = true;
  const upload = page
    .evaluate((mebibytes) => lab.upload("/uploaded", mebibytes), mebibytes)
    .finally(() => {
      uploading = false;
    });
  const held: number[] = [];
  while (uploading) held.push((await memory.held(true)) / 2 ** 20);
  expect(await upload).toBe(mebibytes * 2 ** 20);
  await memory.close();
  console.log(
    `uploaded: ${mebibytes} MiB, held at most ${Math.max(...held).toFixed(0)} MiB in ${held.length} samples`,
  );
  expect(held.length).toBeGreaterThan(10);
  expect(Math.max(...held)).toBeLessThan(bound);
  const firstBytes = await page.evaluate(
    (mebibytes) => lab.firstBytes("/uploaded", mebibytes),
    mebibytes,
  );
  expect(firstBytes).toEqual(Array.from({ length: mebibytes }, (_, at) => at & 255));
});
