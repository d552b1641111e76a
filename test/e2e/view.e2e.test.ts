/**
 * The view in a real Chromium: a base that means harm in the workbench's preview, a media element that seeks, and a real
 * documentation site, under a prefix and at its own URLs.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright";
import { expect as playwrightExpect } from "playwright/test";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import { type StaticServer, serveDirectory } from "../../node/static-server.ts";
import type { PageOverlay, View, WritableSite } from "../../web/index.ts";
import { realSite } from "../mount/real-site.ts";
import { bundleInto } from "./bundled-scripts.ts";
import { startDemo } from "./demo-program.ts";
import { type KillableBrowser, startBrowser } from "./killable-browser.ts";
import { areOtherDatabasesThere, untilKept } from "./other-database.ts";

declare global {
  /** What the pages of these tests have opened. */
  var opened: { readonly overlay: PageOverlay; readonly view: View } | undefined;
  var site: WritableSite | undefined;
}

/** Waits for what it expects as long as a busy machine may need. */
const expectPage = playwrightExpect.configure({ timeout: 20_000 });

let directory: string;
let browser: KillableBrowser;
const servers = new Set<StaticServer>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "minifo-view-"));
  browser = await startBrowser(join(directory, "profile"));
});

afterEach(async () => {
  await Promise.all(browser.context.pages().map((page) => page.close()));
  await Promise.all([...servers].map((server) => server.close()));
  servers.clear();
});

afterAll(async () => {
  await browser?.kill();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function serve(root: string, port = 0): Promise<StaticServer> {
  const server = await serveDirectory(root, { port });
  servers.add(server);
  return server;
}

/** A directory of this name with these files, indexed. */
async function madeSite(name: string, files: Readonly<Record<string, string | Uint8Array>>) {
  const root = join(directory, name);
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content);
  await indexTree(root);
  return root;
}

/** What a keeper is asked for over a port that was handed to it, as comlink puts it. */
const question = { id: "1", type: "APPLY", path: ["traffic"], argumentList: [] };

/** What a base's script finds out and does, told as JSON in its page once it is told that it has waited long enough. */
const hostile = `<!doctype html><body>asking<script type="module">
const attempt = async (act) => {
  try {
    return await act();
  } catch (error) {
    return "refused: " + error.name;
  }
};
const answers = [];
const enough = new Promise((resolve) => {
  addEventListener("message", ({ data }) => (data === "enough" ? resolve() : answers.push(data)));
});
const { port1, port2 } = new MessageChannel();
port1.onmessage = ({ data }) => answers.push(data);
for (let at = 0; at < parent.length; at += 1) {
  if (parent[at] !== window) parent[at].postMessage("keep", "*", at === 0 ? [] : [port2]);
}
parent.postMessage("ready", "*");
port1.postMessage(${JSON.stringify(question)});
const seen = {
  parent: await attempt(() => parent.document.title),
  top: await attempt(() => top.minifo),
  leads: await attempt(() => { top.location = "about:blank"; return "led away"; }),
  databases: await attempt(async () => (await indexedDB.databases()).map(({ name }) => name).sort()),
  caches: await attempt(() => caches.keys()),
  cookies: document.cookie,
  stored: Object.keys(localStorage),
  workers: await attempt(async () =>
    (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => new URL(scope).host === location.host)),
  registers: await attempt(async () => (await navigator.serviceWorker.register("/evil.js")).scope),
  answers: (document.body.textContent = "asked", await enough, answers),
};
document.body.textContent = JSON.stringify(seen);
</script>`;

test("scripts of a base in the preview reach neither the workbench nor the storage of any other site", async () => {
  const demo = await startDemo();
  try {
    const [workbench] = demo.address.split("#");
    const open = async (base: string): Promise<Page> => {
      const page = await browser.context.newPage();
      await page.goto(`${workbench}#${new URLSearchParams({ base })}`);
      await page.locator("#status-state", { hasText: /changes?/i }).waitFor();
      return page;
    };
    const other = await open(demo.base);
    await other.evaluate(async () => {
      localStorage.setItem("secret", "of the workbench");
      await Reflect.get(globalThis, "minifo").fs.promises.writeFile("/secret.txt", "mine");
    });
    const root = await madeSite("hostile", { "index.html": hostile, "evil.js": "" });
    const { url } = await serve(root);
    const page = await open(url);
    const shown = page.frameLocator("#preview").locator("body");
    await expectPage(shown).toHaveText("asked");
    // Whoever answers that has done so by the time that the workbench, which may ask, has an answer to the same question.
    await page.evaluate(async (question) => {
      const frame = (id: string) =>
        (document.getElementById(id) as HTMLIFrameElement).contentWindow;
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((resolve) => {
        port1.onmessage = resolve;
      });
      frame("core")?.postMessage("keep", "*", [port2]);
      port1.postMessage(question);
      await answer;
      frame("preview")?.postMessage("enough", "*");
    }, question);
    await expectPage(shown).toContainText('"answers"');
    const seen = JSON.parse((await shown.textContent()) ?? "");
    expect(seen).toEqual({
      parent: "refused: SecurityError",
      top: "refused: SecurityError",
      leads: "refused: SecurityError",
      databases: ["minifo-cache", expect.stringMatching(/^minifo:127\.0\.0\.1-\d+$/)],
      caches: [],
      cookies: "",
      stored: [],
      workers: [true],
      registers: expect.stringContaining("refused:"),
      answers: [],
    });
    expect(seen.databases[1]).toContain(new URL(url).port);
    expect(page.url()).toContain(workbench);
    await expectPage(page.locator("#tree")).toContainText("evil.js");
  } finally {
    await demo.end();
  }
});

/** A page that opens an overlay of `base` and its view under a prefix, in an origin of its own. */
async function prefixedPage(base: string) {
  const app = join(directory, `app-${servers.size}`);
  bundleInto(join(app, "minifo"));
  const script = `import { openOverlay, registerView } from "./minifo/web.js";
const view = await registerView({ script: "/minifo/service-worker.js", scope: "/minifo/view/" });
globalThis.opened = { view, overlay: await openOverlay({ base: ${JSON.stringify(base)}, storage: "docs" }) };`;
  writeFileSync(join(app, "index.html"), `<!doctype html><script type="module">${script}</script>`);
  const { url } = await serve(app);
  const page = await browser.context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => globalThis.opened);
  return {
    page,
    /** Where `path` of the base is in the view. */
    url: (path: string) => `${url}minifo/view/docs/${path}`,
    /** A page of the same origin that opens nothing. */
    plainPage: `${url}minifo/web.js`,
  };
}

test("a video element seeks in a file of the view, of which only parts are fetched", async () => {
  // Ten minutes of silence, as PCM, which a video element plays too: 28 MiB.
  const rate = 24_000;
  const seconds = 600;
  const length = rate * 2 * seconds;
  const wave = Buffer.alloc(44 + length);
  wave.write("RIFF", 0);
  wave.writeUInt32LE(36 + length, 4);
  wave.write("WAVEfmt ", 8);
  wave.writeUInt32LE(16, 16);
  wave.writeUInt16LE(1, 20);
  wave.writeUInt16LE(1, 22);
  wave.writeUInt32LE(rate, 24);
  wave.writeUInt32LE(rate * 2, 28);
  wave.writeUInt16LE(2, 32);
  wave.writeUInt16LE(16, 34);
  wave.write("data", 36);
  wave.writeUInt32LE(length, 40);
  const root = await madeSite("media", { "long.wav": wave, "index.html": "<h1>Media</h1>" });
  const server = await serve(root);
  const { page, url } = await prefixedPage(server.url);
  await page.goto(url("index.html"));
  const seeked = await page.evaluate(async () => {
    const video = document.createElement("video");
    const happened = (type: string) =>
      new Promise((resolve, reject) => {
        video.addEventListener(type, resolve, { once: true });
        video.addEventListener("error", () => reject(new Error(video.error?.message)));
      });
    const known = happened("loadedmetadata");
    video.preload = "metadata";
    video.src = "long.wav";
    document.body.append(video);
    await known;
    const times: number[] = [];
    for (const time of [500, 20, 590]) {
      const there = happened("seeked");
      video.currentTime = time;
      await there;
      times.push(Math.round(video.currentTime));
    }
    return { times, duration: Math.round(video.duration), end: Math.round(video.seekable.end(0)) };
  });
  expect(seeked).toEqual({ times: [500, 20, 590], duration: seconds, end: seconds });
  expect(server.counts.bytes).toBeLessThan(wave.length / 2);
});

const documentation = realSite();
const html = "usr/share/doc/python3.11/html";

/** Searches the documentation below `root` for `words`; the titles of what is found. */
async function search(page: Page, root: string, words: string): Promise<string> {
  await page.goto(`${root}search.html?q=${words}`);
  await expectPage(page.locator("#search-results")).toContainText("Search finished");
  return (await page.locator("#search-results").textContent()) ?? "";
}

/** What is done with the documentation, in whatever way it is shown: `change` edits it, `root` is where it is. */
async function isUsed(root: string, change: () => Promise<void>): Promise<void> {
  const page = await browser.context.newPage();
  expect(await search(page, root, "zipimporter")).toContain("zipimport");
  await change();
  await page.goto(`${root}library/zipimport.html`);
  await expectPage(page.locator("h1").first()).toContainText("changed here");
  // The search tells of what it finds by the pages themselves.
  expect(await search(page, root, "zipimporter")).toContain("zipimport");
  await page.reload();
  await page.goto(`${root}library/zipimport.html`);
  await expectPage(page.locator("h1").first()).toContainText("changed here");
  await page.close();
}

/** Changes a page of the documentation as a program would; once more, where that was done already. */
async function edit(fs: PageOverlay["fs"]["promises"]): Promise<void> {
  const path = "/library/zipimport.html";
  const text = await fs.readFile(path, "utf8");
  await fs.writeFile(path, text.replace(/<h1>(changed here: )?/, "<h1>changed here: "));
  await fs.rm("/bugs.html", { force: true });
}

/** What holds after the browser was killed, and the server of the site has ended. */
async function isThereOffline(root: string): Promise<void> {
  const page = await browser.context.newPage();
  await page.goto(`${root}library/zipimport.html`);
  await expectPage(page.locator("h1").first()).toContainText("changed here");
  expect((await page.goto(`${root}bugs.html`))?.status()).toBe(404);
  expect(await search(page, root, "zipimporter")).toContain("zipimport");
  await page.close();
}

test.skipIf("missing" in documentation)(
  `Debian's python3.11-doc is edited, searched, killed and read offline, at its own URLs and under a prefix${"missing" in documentation ? ` (skipped: ${documentation.missing})` : ""}`,
  async () => {
    if ("missing" in documentation) return;
    // The site, and the two lines that make it writable.
    const root = join(directory, "docs");
    cpSync(join(documentation.directory, html), root, { recursive: true, dereference: true });
    for (const folder of ["_sources", "_images", "c-api", "whatsnew"]) {
      rmSync(join(root, folder), { recursive: true, force: true });
    }
    bundleInto(join(root, "minifo"));
    writeFileSync(join(root, "sw.js"), 'importScripts("/minifo/service-worker.js");\n');
    const line =
      '<script type="module">import { writableSite } from "/minifo/web.js"; globalThis.site = await writableSite();</script>';
    const index = join(root, "index.html");
    writeFileSync(index, readFileSync(index, "utf8").replace("</head>", `${line}</head>`));
    await indexTree(root);
    const server = await serve(root);
    const parts = ["_static", "library/zipimport.html", "search.html", "searchindex.js"];

    await untilKept("the documentation", async () => {
      const prefixed = await prefixedPage(server.url);
      const plainPages = [`${server.url}_static/basic.css`, prefixed.plainPage];
      await areOtherDatabasesThere(browser.context, plainPages);
      const own = await browser.context.newPage();
      await own.goto(`${server.url}index.html`);
      await own.waitForFunction(() => globalThis.site);
      await isUsed(server.url, async () => {
        await own.evaluate(`(${edit})(site.overlay.fs.promises)`);
        await own.evaluate((paths) => globalThis.site?.overlay.prefetch(paths), parts);
      });
      await isUsed(prefixed.url(""), async () => {
        await prefixed.page.evaluate(`(${edit})(opened.overlay.fs.promises)`);
        await prefixed.page.evaluate((paths) => globalThis.opened?.overlay.prefetch(paths), parts);
      });

      await browser.kill();
      browser = await startBrowser(join(directory, "profile"));
      if (!(await areOtherDatabasesThere(browser.context, plainPages))) return false;
      await server.close();
      servers.delete(server);
      await isThereOffline(server.url);
      await isThereOffline(prefixed.url(""));
      return true;
    });
  },
);
