import { describe, expect, onTestFinished, test } from "vitest";
import {
  type Base,
  httpFetcher,
  type MemoryEntry,
  openPlainSite,
  openSite,
  run,
  siteDrivers,
} from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { type SiteServer, siteServer } from "./site-server.ts";

async function openAt(url: string): Promise<Base> {
  const fetcher = httpFetcher({ clock: new FakeClock() });
  onTestFinished(() => fetcher.close());
  return await run(openSite({ url, fetcher, drivers: siteDrivers }));
}

async function contentOf(base: Base, path: string): Promise<string> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = new Uint8Array(node.size);
  const length = await run(base.read(node, 0, into));
  return Buffer.from(into.subarray(0, length)).toString();
}

async function namesIn(base: Base, path = ""): Promise<string[]> {
  return (await run(base.list(path))).map(({ name }) => name).sort();
}

const pages = new Map<string, MemoryEntry>([
  ["a.html", { content: "a" }],
  ["d/b#1 ü.html", { content: "b" }],
  ["d/unlisted", { content: "u" }],
]);

/** A site whose sitemap names these, relative to its root. */
async function siteWith(...listed: readonly string[]): Promise<SiteServer> {
  const server = await siteServer(pages);
  const locs = listed.map((path) => `<url><loc> ${new URL(path, server.url).href} </loc></url>`);
  const content = `<?xml version="1.0"?><urlset xmlns="x">${locs.join("\n")}</urlset>`;
  server.files.set("sitemap.xml", { content });
  return server;
}

describe("a plain site", () => {
  test("has the pages of its sitemap, and no others", async () => {
    const { url } = await siteWith("a.html", "d/b%231%20%C3%BC.html");
    const base = await openAt(`${url}sitemap.xml`);
    expect(await namesIn(base)).toEqual(["a.html", "d"]);
    expect(await namesIn(base, "d")).toEqual(["b#1 ü.html"]);
    expect(await contentOf(base, "d/b#1 ü.html")).toBe("b");
    expect(await run(base.lookup("d/unlisted"))).toBeNull();
  });

  test("is given by a text file with a URL on each line, too", async () => {
    const server = await siteServer(pages);
    server.files.set("urls.txt", { content: "# pages\na.html\r\n\n/d/unlisted\n" });
    const base = await openAt(`${server.url}urls.txt`);
    expect(await namesIn(base)).toEqual(["a.html", "d"]);
    expect(await contentOf(base, "d/unlisted")).toBe("u");
  });

  test("follows an index of sitemaps", async () => {
    const server = await siteWith("a.html");
    const content = `<sitemapindex><sitemap><loc>${server.url}sitemap.xml</loc></sitemap></sitemapindex>`;
    server.files.set("sitemap_index.xml", { content });
    expect(await namesIn(await openAt(`${server.url}sitemap_index.xml`))).toEqual(["a.html"]);
  });

  test("asks no other origin for the lists an index names, and shows no page of one that a redirect leads to", async () => {
    const server = await siteWith("a.html", "away.html");
    const other = await siteWith("d/unlisted");
    const lists = [server, other].map(
      ({ url }) => `<sitemap><loc>${url}sitemap.xml</loc></sitemap>`,
    );
    server.files.set("sitemap_index.xml", {
      content: `<sitemapindex>${lists.join("")}</sitemapindex>`,
    });
    server.before = (request, response) => {
      if (request.url !== "/away.html") return false;
      response.writeHead(302, { location: `${other.url}a.html` }).end();
      return true;
    };
    other.before = (request) => {
      if (request.url?.endsWith(".xml")) throw new Error("it was asked for its list");
      return false;
    };
    const base = await openAt(`${server.url}sitemap_index.xml`);
    expect(await contentOf(base, "a.html")).toBe("a");
    await expect(run(base.lookup("away.html"))).rejects.toThrow(/EIO.*sends us to another site/);
  });

  test("leaves out pages elsewhere, with a query, or with no name a file can have", async () => {
    const { url } = await siteWith(
      "a.html",
      "a.html#twice",
      "https://other.example/a.html",
      "a.html?page=2",
      "x%2Fy",
      "%FF",
    );
    const base = await openAt(`${url}sitemap.xml`);
    expect(await namesIn(base)).toEqual(["a.html"]);
    expect(base.omitted).toBe(4);
  });

  test("calls the page of a directory index.html", async () => {
    const server = await siteWith("", "d/", "d/unlisted", "e", "e/f");
    server.before = (request, response) => {
      const content = { "/": "front", "/d/": "of d", "/e": "of e" }[request.url ?? ""];
      if (content === undefined) return false;
      response.writeHead(200, { "content-length": content.length });
      response.end(request.method === "HEAD" ? undefined : content);
      return true;
    };
    const base = await openAt(`${server.url}sitemap.xml`);
    expect(await contentOf(base, "index.html")).toBe("front");
    expect(await contentOf(base, "d/index.html")).toBe("of d");
    expect(await contentOf(base, "e/index.html")).toBe("of e");
  });

  test("has no page that a host only shows because it has another for every name", async () => {
    const app = "<p>an app</p>";
    const server = await siteWith("", "a.html", "gone.html");
    server.before = (request, response) => {
      const path = decodeURIComponent((request.url ?? "/").slice(1));
      if (server.files.has(path)) return false;
      const headers = { "content-type": "text/html", "content-length": app.length };
      response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : app);
      return true;
    };
    const base = await openAt(`${server.url}sitemap.xml`);
    expect(await run(base.lookup("gone.html"))).toBeNull();
    expect(await contentOf(base, "a.html")).toBe("a");
    expect(await contentOf(base, "index.html")).toBe(app);
  });

  test("sees that a page changed, after fifteen seconds", async () => {
    const server = await siteWith("a.html");
    const clock = new FakeClock();
    const fetcher = httpFetcher({ clock });
    onTestFinished(() => fetcher.close());
    const base = await run(openPlainSite({ url: `${server.url}sitemap.xml`, fetcher, clock }));
    expect(await run(base.lookup("a.html"))).toMatchObject({ size: 1 });
    server.files.set("a.html", { content: "longer" });
    expect(await run(base.lookup("a.html"))).toMatchObject({ size: 1 });
    clock.time_ms += 15_000;
    expect(await contentOf(base, "a.html")).toBe("longer");
  });

  test("says ESTALE for a page that changed", async () => {
    const server = await siteWith("a.html");
    const base = await openAt(`${server.url}sitemap.xml`);
    const node = await run(base.lookup("a.html"));
    if (!node) throw new Error("it is missing");
    server.files.set("a.html", { content: "longer" });
    await expect(run(base.read(node, 0, new Uint8Array(1)))).rejects.toMatchObject({
      code: "ESTALE",
    });
    expect(await contentOf(base, "a.html")).toBe("longer");
  });

  test("reads a sitemap in time whose locations never end, and entities that are none", async () => {
    const server = await siteServer(pages);
    const endless = `<loc>${" ".repeat(20_000)}x<`.repeat(20);
    const loc = `<loc>a.html</loc><loc>&constructor;</loc>`;
    server.files.set("sitemap.xml", { content: `<urlset>${endless}${loc}</urlset>` });
    const base = await openAt(`${server.url}sitemap.xml`);
    expect(await namesIn(base)).toEqual(["&constructor;", "a.html"]);
  });

  test.each([
    ["a page", "<p>text</p>"],
    ["a list of pages elsewhere", "https://other.example/x\n"],
    ["nothing", ""],
  ])("is refused with EPROTO where its list is %s", async (_, content) => {
    const server = await siteServer(new Map([["list.txt", { content }]]));
    await expect(openAt(`${server.url}list.txt`)).rejects.toMatchObject({ code: "EPROTO" });
  });
});
