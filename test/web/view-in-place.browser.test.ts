/** A site at its own URLs with its visitor's changes, and what hosts do with paths they have no file for. */
import { afterEach, expect, test } from "vitest";
import { openOverlay, registerView, type WritableSite, writableSite } from "../../web/index.ts";
import { unusedStorage } from "./opened.ts";
import { visit } from "./visits.ts";

const root = new URL("/hosted/plain/", location.href).href;
const at = (path: string): string => new URL(path, root).href;

let site: WritableSite | undefined;

afterEach(async () => {
  await site?.forget();
  site = undefined;
});

function heading(window: Window): string | null | undefined {
  return window.document.querySelector("h1")?.textContent;
}

/** The site, writable. */
async function openSite() {
  site = await writableSite({
    script: "/hosted/plain/sw.js",
    type: "module",
    storage: unusedStorage(),
  });
  return { site, fs: site.overlay.fs.promises };
}

/** An overlay over one of the hosted sites, to be seen under a prefix. */
function openHosted(name: string) {
  const base = new URL(`/hosted/${name}/`, location.href).href;
  return openOverlay({ base, storage: unusedStorage() });
}

const prefixed = { script: "/web/service-worker.ts", scope: "/web/view/", type: "module" } as const;

test("a site is writable at its own URLs, all that was not changed is its host's, and there is a way back", async () => {
  const { site, fs } = await openSite();
  const before = await visit(root);
  expect(heading(before)).toBe("Home");
  const isHosts = async (path: string): Promise<boolean> =>
    (await before.fetch(at(path))).headers.has("x-host");
  expect(await isHosts("")).toBe(true);

  await fs.writeFile("/index.html", '<link rel="stylesheet" href="style.css"><h1>Mine</h1>');
  await fs.writeFile("/new.html", "<h1>New</h1>");
  const after = await visit(root);
  expect(heading(after)).toBe("Mine");
  expect(heading(await visit(at("new.html")))).toBe("New");
  // The style is still the host's, and applies.
  expect(after.getComputedStyle(after.document.querySelector("h1") as Element).color).toBe(
    "rgb(1, 2, 3)",
  );
  expect([await isHosts(""), await isHosts("style.css"), await isHosts("unlisted.txt")]).toEqual([
    false,
    true,
    true,
  ]);
  expect(await (await before.fetch(at("form"), { method: "POST", body: "x" })).text()).toBe(
    "posted",
  );

  await fs.rename("/docs", "/moved");
  expect((await before.fetch(at("moved"))).url).toBe(at("moved/"));
  expect(heading(await visit(at("moved/")))).toBe("Docs");

  await site.pause();
  expect(heading(await visit(root))).toBe("Home");
  expect((await fetch(at("new.html"))).status).toBe(404);
});

test("the core reads the site and not what it made of it", async () => {
  const { site, fs } = await openSite();
  const inside = await visit(root);
  await fs.writeFile("/about.html", "<h1>Mine</h1>");
  await fs.appendFile("/style.css", "/* and more */");
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  expect(decode(await site.overlay.original("about.html"))).toContain("<h1>About</h1>");
  expect(decode(await site.overlay.original("style.css"))).toBe("h1 { color: rgb(1, 2, 3); }");
  expect(await (await inside.fetch(at("style.css"))).text()).toBe(
    "h1 { color: rgb(1, 2, 3); }/* and more */",
  );
});

test("what was deleted is missing as the host says it, by its page, which may be changed too", async () => {
  const { fs } = await openSite();
  const inside = await visit(root);
  await fs.unlink("/docs/gone.html");
  const gone = await inside.fetch(at("docs/gone.html"));
  expect([gone.status, gone.headers.has("x-host")]).toEqual([404, false]);
  expect(await gone.text()).toContain("The host's own 404");
  expect((await inside.fetch(at("never.html"))).headers.has("x-host")).toBe(true);

  await fs.writeFile("/404.html", "<h1>Mine is missing</h1>");
  for (const path of ["docs/gone.html", "never.html"]) {
    const missing = await inside.fetch(at(path));
    expect([missing.status, await missing.text()]).toEqual([404, "<h1>Mine is missing</h1>"]);
  }
});

test("a changed page is under the policies of its host", async () => {
  const { fs } = await openSite();
  await visit(root);
  const page = "<h1>Mine</h1><script>document.querySelector('h1').textContent = 'Run'</script>";
  for (const path of ["/index.html", "/created.html"]) {
    await fs.writeFile(path, page);
    expect(heading(await visit(at(path.slice(1))))).toBe("Mine");
  }
});

test("a site that has another service worker keeps it, and is told", async () => {
  const other = "/hosted/plain/other-sw.js";
  const registration = await navigator.serviceWorker
    .register("/hosted/plain/sw.js?", { scope: "/hosted/plain/", type: "module" })
    .catch((error) => error);
  await expect(writableSite({ script: other, type: "module" })).rejects.toThrow(
    "has a service worker of its own",
  );
  await registration.unregister();
});

test("a view under a prefix answers what its pages ask for by a path from the root", async () => {
  const view = await registerView(prefixed);
  const overlay = await openHosted("plain");
  const shown = await visit(view.url(overlay.storage, "absolute.html"));
  expect(shown.getComputedStyle(shown.document.querySelector("h1") as Element).color).toBe(
    "rgb(4, 5, 6)",
  );
  await overlay.close();
});

test("a view does with what is not there as the base's host does", async () => {
  const view = await registerView(prefixed);
  const seen: Record<string, unknown> = {};
  for (const name of ["plain", "app", "clean"]) {
    const overlay = await openHosted(name);
    await overlay.fs.promises.writeFile("/made.html", "<h1>Made</h1>");
    const { fetch } = await visit(view.url(overlay.storage));
    const answers = ["about", "made", "no/such/page"].map(async (path) => {
      const response = await fetch(view.url(overlay.storage, path));
      return `${response.status} ${/<h1>(.*)<\/h1>/.exec(await response.text())?.[1]}`;
    });
    seen[name] = await Promise.all(answers);
    await overlay.close();
  }
  expect(seen).toEqual({
    plain: ["404 The host's own 404", "404 The host's own 404", "404 The host's own 404"],
    app: ["200 Home", "200 Home", "200 Home"],
    clean: ["200 About", "200 Made", "404 Not found"],
  });
});
