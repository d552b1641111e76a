/**
 * What the browser's storage holds, counted from outside: a small change of a large file is small. What killed browsers
 * leave is in kills.e2e.test.ts.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import { serveDirectory } from "../../node/static-server.ts";
import type { PageOverlay } from "../../web/index.ts";
import { type DemoProgram, startDemo } from "./demo-program.ts";
import { type KillableBrowser, startBrowser } from "./killable-browser.ts";

let demo: DemoProgram;
let directory: string;
let browser: KillableBrowser;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "minifo-e2e-"));
  demo = await startDemo();
  browser = await startBrowser(join(directory, "profile"));
});

afterAll(async () => {
  await browser?.kill();
  await demo?.end();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

declare global {
  /** The workbench's open overlay. */
  var minifo: PageOverlay;
}

/** Opens the workbench on `base` and waits until it has its overlay and has shown the site. */
async function openWorkbench(base: string): Promise<Page> {
  const page = await browser.context.newPage();
  const workbench = demo.address.split("#")[0];
  await page.goto(`${workbench}#${new URLSearchParams({ base })}`);
  await page.waitForFunction(() => "minifo" in globalThis);
  await page.locator("#preview-path", { hasText: "/" }).waitFor();
  await page.locator("#status-state", { hasText: /changes?/i }).waitFor();
  return page;
}

/** The frame on the site's own origin, where its storage and its overlay are. */
function keeperOf(page: Page): Frame {
  const keeper = page.frames().find((frame) => frame.url().endsWith("/core.html"));
  if (!keeper) throw new Error("bug: a workbench without a keeper of its site");
  return keeper;
}

/** What lies in the IndexedDB of the page's overlay. */
function stored(
  keeper: Frame,
): Promise<{ nodes: number; names: number; chunks: number; bytes: number }> {
  return keeper.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await settled(indexedDB.open(`minifo:${minifo.storage}`));
    const all = (store: string) =>
      settled(database.transaction(store).objectStore(store).getAll()) as Promise<unknown[]>;
    const data = (await all("data")) as Uint8Array[];
    const counts = {
      nodes: (await all("nodes")).length,
      names: (await all("names")).length,
      chunks: data.length,
      bytes: data.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    };
    database.close();
    return counts;
  });
}

test("one byte into a file of 256 MiB stores a chunk and a record and fetches at most 1 MiB; its metadata fetch and store no data", async () => {
  const site = join(directory, "site");
  mkdirSync(site);
  const file = openSync(join(site, "large.bin"), "w");
  ftruncateSync(file, 256 * 2 ** 20);
  writeSync(file, "before", 128 * 2 ** 20);
  closeSync(file);
  await indexTree(site);
  const server = await serveDirectory(site);
  try {
    const page = await openWorkbench(server.url);
    const keeper = keeperOf(page);
    const fetchedBefore = server.counts.bytes;
    const requestsBefore = server.counts.requests;
    const size = await keeper.evaluate(async () => {
      const { promises } = minifo.fs;
      await promises.rename("/large.bin", "/moved.bin");
      await promises.chmod("/moved.bin", 0o600);
      await promises.utimes("/moved.bin", 1, 2);
      await promises.link("/moved.bin", "/linked.bin");
      return (await promises.stat("/linked.bin")).size;
    });
    expect(size).toBe(256 * 2 ** 20);
    expect(server.counts.requests).toBe(requestsBefore);
    // The file's record, and that of the directory whose times the new names moved.
    expect(await stored(keeper)).toMatchObject({ nodes: 2, chunks: 0, bytes: 0 });

    const read = await keeper.evaluate(async () => {
      const handle = await minifo.fs.promises.open("/moved.bin", "r+");
      await handle.write(new TextEncoder().encode("!"), 0, 1, 128 * 2 ** 20 + 6);
      const { buffer } = await handle.read(new Uint8Array(8), 0, 8, 128 * 2 ** 20);
      await handle.close();
      return new TextDecoder().decode(buffer);
    });
    expect(read).toBe("before!\0");
    expect(server.counts.bytes - fetchedBefore).toBeLessThanOrEqual(2 ** 20);
    expect(server.counts.bytes - fetchedBefore).toBeGreaterThan(0);
    expect(await stored(keeper)).toMatchObject({ nodes: 2, chunks: 1, bytes: 65_536 });
    await page.close();
  } finally {
    await server.close();
  }
});
