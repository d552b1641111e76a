/**
 * What a reader does after `npm start`, in a real Chromium: look, edit, delete, reload, lose the browser, come back.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Page, expect as playwrightExpect } from "playwright/test";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import type { PageOverlay } from "../../web/index.ts";
import { type DemoProgram, startDemo } from "./demo-program.ts";
import { type KillableBrowser, startBrowser } from "./killable-browser.ts";
import { areOtherDatabasesThere, untilKept } from "./other-database.ts";

declare global {
  /** The workbench's open overlay. */
  var minifo: PageOverlay;
  /** How often the browser was asked to keep what is stored. */
  var asked: number;
}

const site = fileURLToPath(new URL("../../node_modules/reveal.js", import.meta.url));
const screenshots = fileURLToPath(new URL("screenshots", import.meta.url));

/** Waits for what it expects as long as a busy machine may need. */
const expectPage = playwrightExpect.configure({ timeout: 20_000 });

let demo: DemoProgram;
let profile: string;
let browser: KillableBrowser;

beforeAll(async () => {
  mkdirSync(screenshots, { recursive: true });
  profile = mkdtempSync(join(tmpdir(), "minifo-e2e-"));
  demo = await startDemo();
  browser = await startBrowser(profile);
});

afterAll(async () => {
  await browser?.kill();
  await demo?.end();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

afterEach(async () => {
  await Promise.all(browser.context.pages().map((page) => page.close()));
});

/** Every file of the site by path, as its hash. */
function hashesOf(directory: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hashes.set(path, createHash("sha256").update(readFileSync(path)).digest("hex"));
  }
  return hashes;
}

function row(page: Page, path: string) {
  return page.locator(`.row[data-path="${path}"]`);
}

/** The slide that the preview shows. */
function slide(page: Page) {
  return page.frameLocator("#preview").locator("section.present");
}

/** Opens the workbench; it has shown all that it shows by itself. */
async function openWorkbench(page?: Page): Promise<Page> {
  const opened = page ?? (await browser.context.newPage());
  await opened.goto(demo.address);
  await expectPage(row(opened, "index.html")).toHaveAttribute("aria-selected", "true");
  return opened;
}

/** Where the view has `path` of the site that `page` shows. */
async function viewUrl(page: Page, path: string): Promise<string> {
  const open = page.locator("#preview-open");
  await expectPage(open).toHaveAttribute("href", /./);
  return new URL(path, (await open.getAttribute("href")) ?? "").href;
}

/** What the view answers to a visitor of its own, with no workbench needed. */
async function visit(url: string): Promise<{ status: number | undefined; text: string | null }> {
  const page = await browser.context.newPage();
  const response = await page.goto(url);
  const text = await page.locator("body").textContent();
  await page.close();
  return { status: response?.status(), text };
}

test("an edit and a deletion show in the view, and outlast a reload and a killed browser", async () => {
  const before = hashesOf(site);
  await untilKept("the workbench", editedAndKilled);

  // The base is what it was, on the disk and as it is served.
  expect(hashesOf(site)).toEqual(before);
  for (const path of ["index.html", "README.md"]) {
    const served = Buffer.from(await (await fetch(new URL(path, demo.base))).arrayBuffer());
    expect(served.equals(readFileSync(join(site, path)))).toBe(true);
  }

  // Reverted, both are the base's again.
  const page = await openWorkbench();
  const readme = await viewUrl(page, "README.md");
  await page.getByRole("button", { name: "Revert README.md" }).click();
  await expectPage(row(page, "README.md")).not.toHaveAttribute("data-state", /./);
  expect((await visit(readme)).status).toBe(200);
  await page.getByRole("button", { name: "Revert index.html" }).click();
  await expectPage(slide(page)).toHaveText("Slide 1");
});

/** Edits and deletes, and kills the browser; tells whether that has kept its databases, and if so all is as it was. */
async function editedAndKilled(): Promise<boolean> {
  let page = await openWorkbench();
  await page.setViewportSize({ width: 1440, height: 900 });
  await expectPage(slide(page)).toHaveText("Slide 1");
  await page.screenshot({ path: join(screenshots, "opened.png") });
  const readme = await viewUrl(page, "README.md");
  const index = await viewUrl(page, "index.html");
  // On the site's origin, and opens nothing by itself.
  const keeper = await viewUrl(page, "minifo-workbench/core.html");
  await areOtherDatabasesThere(browser.context, [keeper]);

  // An edit of a page shows in the preview.
  await page.locator(".cm-line", { hasText: "<section>Slide 1</section>" }).click();
  await page.keyboard.press("End");
  for (const _ of "</section>") await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(", edited here");
  await expectPage(slide(page)).toHaveText("Slide 1, edited here");
  await expectPage(row(page, "index.html")).toHaveAttribute("data-state", "modified");

  // A deletion gives 404.
  expect((await visit(readme)).status).toBe(200);
  await row(page, "README.md").click();
  await row(page, "README.md").press("Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expectPage(row(page, "README.md")).toHaveAttribute("data-state", "deleted");
  expect((await visit(readme)).status).toBe(404);
  await page.screenshot({ path: join(screenshots, "edited.png") });

  const isStillSo = async (): Promise<void> => {
    await expectPage(slide(page)).toHaveText("Slide 1, edited here");
    await expectPage(row(page, "README.md")).toHaveAttribute("data-state", "deleted");
    await expectPage(row(page, "index.html")).toHaveAttribute("data-state", "modified");
    expect((await visit(readme)).status).toBe(404);
  };
  await page.reload();
  await isStillSo();

  await browser.kill();
  browser = await startBrowser(profile);
  if (!(await areOtherDatabasesThere(browser.context, [keeper]))) return false;
  // The view answers before any workbench is open.
  expect(await visit(index)).toMatchObject({
    status: 200,
    text: expect.stringContaining("Slide 1, edited here"),
  });
  expect((await visit(readme)).status).toBe(404);
  page = await openWorkbench();
  await isStillSo();
  return true;
}

/** Answers the dialog that asks for a path. */
async function answerWith(page: Page, path: string): Promise<void> {
  await page.locator("dialog input").fill(path);
  await page.keyboard.press("Enter");
}

test("files are made, moved and reverted from the keyboard, and differences shown", async () => {
  const page = await openWorkbench();
  await page.setViewportSize({ width: 1360, height: 800 });

  await row(page, "js").focus();
  await page.keyboard.press("F2");
  await answerWith(page, "scripts");
  await expectPage(row(page, "scripts")).toHaveAttribute("data-state", "renamed");
  await expectPage(row(page, "scripts")).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Delete");
  await expectPage(page.getByRole("dialog")).toContainText("Delete README.md?");
  await page.keyboard.press("Enter");
  await expectPage(row(page, "README.md")).toHaveAttribute("data-state", "deleted");

  await row(page, "demo.html").focus();
  await page.keyboard.press("n");
  await answerWith(page, "notes/today.md");
  await expectPage(row(page, "notes/today.md")).toHaveAttribute("data-state", "created");
  await expectPage(page.locator(".cm-content")).toBeFocused();
  await page.keyboard.type("# Mine alone");
  await page.keyboard.press("Control+s");
  await expectPage(page.locator("#saved")).toHaveText("Saved");

  await row(page, "index.html").click();
  await page.locator(".cm-line", { hasText: "theme/black.css" }).click();
  await page.keyboard.press("End");
  for (const _ of 'black.css" />') await page.keyboard.press("ArrowLeft");
  for (const _ of "black") await page.keyboard.press("Delete");
  await page.keyboard.type("moon");
  await page.locator(".cm-line", { hasText: "<section>Slide 1</section>" }).click();
  await page.keyboard.press("End");
  for (const _ of "Slide 1</section>") await page.keyboard.press("ArrowLeft");
  for (const _ of "Slide 1") await page.keyboard.press("Delete");
  await page.keyboard.insertText("<h2>Any site</h2><p>edited in place, kept in this browser</p>");
  await expectPage(slide(page).locator("h2")).toHaveText("Any site");
  await expectPage(page.locator("#saved")).toHaveText("Saved");
  await expectPage(slide(page)).toBeVisible();
  await page.screenshot({ path: join(screenshots, "changed.png") });

  await page.getByRole("button", { name: "Diff" }).click();
  await expectPage(page.locator(".diff del")).toHaveCount(2);
  await expectPage(page.locator(".diff ins").last()).toContainText("edited in place");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(screenshots, "diff-dark.png") });

  await page.getByRole("button", { name: "Revert all" }).click();
  await page.locator("dialog").getByRole("button", { name: "Revert all" }).click();
  await expectPage(page.locator("#change-count")).toHaveText("0");
  await expectPage(row(page, "js")).toBeVisible();
  await expectPage(row(page, "notes")).toHaveCount(0);
  await expectPage(page.locator(".cm-content")).toContainText("Slide 1");
});

test("what is stored, of how much, and whether the browser keeps it is shown; it is asked to at the first change", async () => {
  const page = await browser.context.newPage();
  await page.addInitScript(() => {
    const { persist } = StorageManager.prototype;
    globalThis.asked = 0;
    StorageManager.prototype.persist = function () {
      globalThis.asked += 1;
      return persist.call(this);
    };
  });
  await openWorkbench(page);
  const room = page.locator("#status-room");
  await expectPage(room).toHaveText(
    /^\d.* of \d.* · The browser may clear this when the disk fills$/,
  );
  const keeper = page.frames().find((frame) => frame.url().endsWith("/core.html"));
  if (!keeper) throw new Error("bug: a workbench without a keeper of its site");
  expect(await keeper.evaluate(() => globalThis.asked)).toBe(0);

  await row(page, "demo.html").focus();
  await page.keyboard.press("n");
  await answerWith(page, "kept.md");
  await expectPage(row(page, "kept.md")).toHaveAttribute("data-state", "created");
  await expectPage(page.locator(".cm-content")).toBeFocused();
  await page.keyboard.type("# Kept");
  await page.keyboard.press("Control+s");
  await expectPage(page.locator("#saved")).toHaveText("Saved");
  await expect.poll(() => keeper.evaluate(() => globalThis.asked), { timeout: 20_000 }).toBe(1);

  // This browser refuses by itself, until its user says otherwise.
  await room.click();
  const dialog = page.getByRole("dialog");
  await expectPage(dialog).toContainText("has not promised to keep it");
  await page.screenshot({ path: join(screenshots, "room.png") });
  const asking = async (): Promise<Page> => {
    const opened = browser.context.waitForEvent("page");
    await dialog.getByRole("button", { name: "Ask the browser" }).click();
    return opened;
  };
  const refused = await asking();
  await expectPage(refused.getByRole("status")).toContainText("The browser did not agree");
  await refused.screenshot({ path: join(screenshots, "keep.png") });
  await refused.close();
  const session = await browser.context.browser()?.newBrowserCDPSession();
  const origin = new URL(keeper.url()).origin;
  await session?.send("Browser.grantPermissions", { origin, permissions: ["durableStorage"] });
  await room.click();
  const agreed = await asking();
  await expectPage(agreed.getByRole("status")).toContainText("Kept");
  await agreed.close();
  await expectPage(room).toHaveText(/ · Kept$/);
  await page.emulateMedia({ colorScheme: "dark" });
  await room.click();
  await expectPage(dialog).toContainText("promised to delete none of it");
  await page.screenshot({ path: join(screenshots, "room-dark.png") });
  await page.keyboard.press("Escape");
  await page.evaluate(() => minifo.fs.promises.unlink("/kept.md"));
});

test("two tabs on one site both work, and each shows at once what the other one does", async () => {
  const first = await openWorkbench();
  const second = await openWorkbench();
  await first.evaluate(() => minifo.fs.promises.writeFile("/from-first.md", "first"));
  await expectPage(row(second, "from-first.md")).toBeVisible();
  await row(second, "from-first.md").click();
  await expectPage(second.locator(".cm-content")).toHaveText("first");
  await first.evaluate(() => minifo.fs.promises.writeFile("/from-first.md", "first again"));
  await expectPage(second.locator(".cm-content")).toHaveText("first again");
  await second.screenshot({ path: join(screenshots, "second-tab.png") });
  await second.evaluate(() => minifo.fs.promises.rename("/from-first.md", "/from-second.md"));
  await expectPage(row(first, "from-second.md")).toBeVisible();
  await first.close();
  await second.evaluate(() => minifo.fs.promises.unlink("/from-second.md"));
  await expectPage(row(second, "from-second.md")).toHaveCount(0);
});

test("a file that comes late is not shown over the one asked for after it", async () => {
  const files = { "index.html": "<h1>Home</h1>", "late.md": "late", "soon.md": "soon" };
  const directory = mkdtempSync(join(tmpdir(), "minifo-late-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  await indexTree(directory);
  const asked = new EventTarget();
  const isAsked = new Promise((resolve) => {
    asked.addEventListener("late", resolve);
  });
  let answer = (): void => {};
  const mayAnswer = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const server = createServer(async (request, response) => {
    const name = (request.url ?? "/").slice(1).split("?")[0] ?? "";
    if (name === "late.md") {
      asked.dispatchEvent(new Event("late"));
      await mayAnswer;
    }
    response.setHeader("access-control-allow-origin", "*");
    response.end(readFileSync(join(directory, name)));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const page = await browser.context.newPage();
  await page.goto(`${demo.address.split("#")[0]}#${new URLSearchParams({ base })}`);
  await expectPage(row(page, "index.html")).toHaveAttribute("aria-selected", "true");

  await row(page, "late.md").click();
  await isAsked;
  await row(page, "soon.md").click();
  await expectPage(page.locator("#editor-title")).toHaveText("soon.md");
  answer();
  expect(await page.evaluate(() => minifo.fs.promises.readFile("/late.md", "utf8"))).toBe("late");
  await expectPage(page.locator(".cm-content")).toHaveText("soon");
  await expectPage(page.locator("#editor-title")).toHaveText("soon.md");
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, maxRetries: 10 });
});

test("a base refused by CORS is explained by the header that is missing", async () => {
  const server = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const page = await browser.context.newPage();
  await page.goto(`${demo.address.split("#")[0]}#${new URLSearchParams({ base })}`);
  const notice = page.getByRole("alert");
  await expectPage(notice).toContainText("Access-Control-Allow-Origin");
  await expectPage(notice).toContainText("minifo serve DIR");
  await page.screenshot({ path: join(screenshots, "cors.png") });
  server.closeAllConnections();
  server.close();
});

test("under another name the workbench opens nothing, and tells its own", async () => {
  const page = await browser.context.newPage();
  await page.goto(demo.address.replace("workbench.minifo.localhost", "127.0.0.1"));
  await expectPage(page.getByRole("alert").locator("code")).toHaveText(demo.address);
});

test("the program tells the workbench's address first, and ends cleanly on Ctrl-C", async () => {
  const program = await startDemo();
  expect(program.output.trim().split("\n")[0]).toMatch(
    /http:\/\/workbench\.minifo\.localhost:\d+\/#base=/,
  );
  expect(program.output).toContain(`minifo mount ${program.base} `);
  expect(await program.end()).toBe(0);
});
