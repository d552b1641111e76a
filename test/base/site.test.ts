import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type Base,
  httpFetcher,
  lazySiteDrivers,
  openSite,
  run,
  type SiteDrivers,
  siteDrivers,
} from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { answer, faultServer } from "./fault-server.ts";
import { type SiteServer, siteServer } from "./site-server.ts";
import { zipOf } from "./zip-archive.ts";

async function openAt(url: string, drivers: SiteDrivers = siteDrivers): Promise<Base> {
  const fetcher = httpFetcher({ clock: new FakeClock() });
  onTestFinished(() => fetcher.close());
  return await run(openSite({ url, fetcher, drivers }));
}

async function namesIn(base: Base): Promise<string[]> {
  return (await run(base.list(""))).map(({ name }) => name).sort();
}

const zip = zipOf([{ name: "in the zip", content: "text" }]);
const html = { "content-type": "text/html" };

function site(): Promise<SiteServer> {
  const files = new Map([
    ["f", { content: "text" }],
    ["a.zip", { content: zip }],
    ["download", { content: zip }],
    ["other", { content: new Uint8Array(gzipSync("not an archive")) }],
  ]);
  return siteServer(files, { listing: "python" });
}

describe("what is at a URL", () => {
  test.each([
    ["at hand", siteDrivers],
    ["loaded on demand", lazySiteDrivers],
  ])("is read as what it is, with drivers %s", async (_, drivers) => {
    const { url } = await site();
    expect(await namesIn(await openAt(`${url}a.zip`, drivers))).toEqual(["in the zip"]);
    expect(await namesIn(await openAt(`${url}download`, drivers))).toEqual(["in the zip"]);
    expect(await namesIn(await openAt(url, drivers))).toEqual(["a.zip", "download", "f", "other"]);
  });

  test("is a zip for its name, without a question for a manifest", async () => {
    const server = await site();
    await openAt(`${server.url}a.zip`);
    expect(server.asked).toEqual(["GET /a.zip"]);
  });

  test("is a site with a manifest before it is a listing, and loads no other driver then", async () => {
    const server = await site();
    const manifest = {
      format: "minifo",
      version: 1,
      layout: "tree",
      entries: 0,
      bytes: 0,
      root: { mtime: [0, 0], mode: 0o755 },
      index: { directories: [{ path: "", names: [], kinds: "" }] },
    };
    server.files.set("minifo.json", { content: JSON.stringify(manifest) });
    const refuse = (): never => {
      throw new Error("bug: a driver was loaded");
    };
    const base = await openAt(server.url, { ...siteDrivers, zip: refuse, listing: refuse });
    expect(await namesIn(base)).toEqual([]);
    expect(base.capabilities.integrity).toBe("sha256");
  });

  test("is refused if it has a manifest that is wrong, although it is listed", async () => {
    const server = await site();
    server.files.set("minifo.json", { content: "{}" });
    await expect(openAt(server.url)).rejects.toMatchObject({ code: "EPROTO" });
  });

  test("is a listing where the server has a page for every name, and that page is no manifest", async () => {
    const server = await site();
    server.before = (request, response) => {
      if (request.url !== "/minifo.json") return false;
      response.writeHead(200, html).end("<p>an app</p>");
      return true;
    };
    expect(await namesIn(await openAt(server.url))).toContain("f");
  });

  test.each([
    ["is not there", answer(404), "ENOENT"],
    ["is forbidden", answer(403), "EACCES"],
    ["is a page like any other", answer(200, "<p>an app</p>", html), "ENOENT"],
  ])("is told with all that was tried when it %s", async (_, answering, code) => {
    const server = await faultServer(answering);
    for (const path of ["/dir/", "/page"]) {
      const opening = openAt(server.url + path);
      await expect(opening).rejects.toMatchObject({ code, path: server.url + path });
      await expect(opening).rejects.toThrow(/minifo\.json.*directory listing.*`minifo index DIR`/);
    }
  });

  test("is not guessed at when the server is in trouble", async () => {
    const server = await faultServer(answer(500));
    await expect(openAt(`${server.url}/d/`)).rejects.toMatchObject({ code: "EIO" });
    expect(server.requests.every(({ url }) => url === "/d/minifo.json")).toBe(true);
  });

  test.each(["not a url", "ftp://example.org/", "http://user:word@example.org/"])(
    "is refused with EINVAL where '%s' is no URL of a site",
    async (url) => {
      await expect(openAt(url)).rejects.toMatchObject({ code: "EINVAL" });
    },
  );
});
