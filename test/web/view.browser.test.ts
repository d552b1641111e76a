/** The view through a real service worker, looked at from inside a frame under its scope. */
import { beforeAll, expect, test } from "vitest";
import { openOverlay, registerView, type View } from "../../web/index.ts";
import { largeByte, largeSize } from "../rig/site.ts";
import { close, opened, unusedStorage } from "./opened.ts";
import { visit } from "./visits.ts";

let view: View;

beforeAll(async () => {
  const script = "/web/service-worker.ts";
  view = await registerView({ script, scope: "/web/view/", type: "module" });
});

test("shows a page of the base with its style, and the page as changed after a change", async () => {
  const overlay = await opened("site");
  const url = view.url(overlay.storage, "index.html");
  const before = await visit(url);
  const heading = before.document.querySelector("h1");
  expect(heading?.textContent).toBe("Hello");
  expect(before.getComputedStyle(heading as Element).color).toBe("rgb(1, 2, 3)");

  const { promises } = overlay.fs;
  await promises.writeFile("/index.html", "<!doctype html><h1>Changed</h1>");
  const after = await visit(url);
  expect(after.document.querySelector("h1")?.textContent).toBe("Changed");
  await promises.unlink("/about/index.html");
  expect((await after.fetch("about/")).status).toBe(404);
  await promises.rename("/about", "/moved");
  await promises.writeFile("/moved/index.html", "<h1>New</h1>");
  expect(await (await after.fetch("moved")).text()).toBe("<h1>New</h1>");
});

test("answers when no page has the storage open, as its last owner left it", async () => {
  const storage = unusedStorage();
  const overlay = await opened("site", storage);
  await overlay.fs.promises.writeFile("/left.html", "<h1>Left behind</h1>");
  await close(overlay);
  const shown = await visit(view.url(storage, "left.html"));
  expect(shown.document.querySelector("h1")?.textContent).toBe("Left behind");
});

test("gives types, redirects, validators, ranges and long streams", async () => {
  const overlay = await opened("site");
  const { fetch } = await visit(view.url(overlay.storage));
  const at = (path: string): string => view.url(overlay.storage, path);

  const script = await fetch(at("script.js"));
  expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect((await fetch(at("about"))).url).toBe(at("about/"));
  expect((await visit(at("about"))).location.href).toBe(at("about/"));
  const odd = await fetch(at("größe & <b>.txt"));
  expect(await odd.text()).toBe("a name that is almost markup\n");

  const etag = script.headers.get("etag") ?? "";
  const again = await fetch(at("script.js"), { headers: { "If-None-Match": etag } });
  expect(again.status).toBe(304);

  const part = await fetch(at("large.bin"), { headers: { Range: "bytes=2000000-2000009" } });
  expect(part.status).toBe(206);
  const expected = Array.from({ length: 10 }, (_, index) => largeByte(2_000_000 + index));
  expect([...new Uint8Array(await part.arrayBuffer())]).toEqual(expected);

  const whole = new Uint8Array(await (await fetch(at("large.bin"))).arrayBuffer());
  expect(whole.length).toBe(largeSize);
  expect(whole.every((byte, offset) => byte === largeByte(offset))).toBe(true);
});

test("a storage or a path that is not there is a page with status 404", async () => {
  const overlay = await opened("site");
  const { fetch } = await visit(view.url(overlay.storage));
  const missing = await fetch(view.url(overlay.storage, "none.html"));
  expect(missing.status).toBe(404);
  expect(await missing.text()).toContain("none.html");
  const unknown = await fetch(view.url("no-such-storage", "index.html"));
  expect(unknown.status).toBe(404);
  expect(await unknown.text()).toContain("no-such-storage");
});

test("the service worker for any base reads listings and archives", async () => {
  const script = "/web/service-worker-any-base.ts";
  const anyView = await registerView({ script, scope: "/web/any/", type: "module" });
  const read = async (base: string, path: string): Promise<string> => {
    const storage = unusedStorage();
    const overlay = await openOverlay({ base: new URL(base, location.href).href, storage });
    await overlay.fs.promises.writeFile("/index.html", "<h1>Mine</h1>");
    const { fetch } = await visit(anyView.url(storage));
    const text = await (await fetch(anyView.url(storage, path))).text();
    await overlay.close();
    return text;
  };
  expect(await read("/bases/listed/", "f#")).toBe("of the listing");
  expect(await read("/bases/listed/t.zip", "d/deflated")).toBe("text ".repeat(1000));
});
