import { describe, expect, onTestFinished, test } from "vitest";
import { openListingBase } from "../../src/base/listing/reader.ts";
import { type Base, httpFetcher, type MemoryEntry, run } from "../../src/index.ts";
import {
  awkwardNames,
  baseContract,
  contractTree,
  contractTreeWithout,
  type Lacks,
} from "./contract.ts";
import { FakeClock } from "./fake-clock.ts";
import { answer, faultServer } from "./fault-server.ts";
import { type ListingManner, type SiteServer, siteServer } from "./site-server.ts";

async function openAt(url: string, clock = new FakeClock()): Promise<Base> {
  const fetcher = httpFetcher({ clock });
  onTestFinished(() => fetcher.close());
  return await run(openListingBase({ url, fetcher, clock }));
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

const lacks: Lacks = {
  symlinks: true,
  hardLinks: true,
  modes: true,
  times: "directories",
  subdirectories: true,
};

for (const [manner, more] of [
  ["nginx-json", {}],
  ["apache-table", { listedAttributes: true }],
] as const) {
  const what: Lacks = { ...lacks, ...more };
  let server: Promise<SiteServer> | undefined;
  baseContract({
    name: `listing in the manner of ${manner}`,
    lacks: what,
    make: async () => {
      onTestFinished(() => {
        server = undefined;
      });
      server ??= siteServer(contractTreeWithout(what), { listing: manner });
      return openAt((await server).url);
    },
  });
}

const tree = new Map(
  ["a", "b", "d/c", "d/e/f"].map((path): [string, MemoryEntry] => [path, { content: path }]),
);
const site = (listing: ListingManner) =>
  siteServer(new Map([...tree, ["d", { type: "directory" }], ["d/e", { type: "directory" }]]), {
    listing,
  });

describe("a listing site", () => {
  test.each(["nginx-json", "nginx", "apache", "apache-table", "python"] as const)(
    "lists every awkward name in the manner of %s, and reads its file",
    async (manner) => {
      const server = await siteServer(contractTreeWithout(lacks), { listing: manner });
      const base = await openAt(server.url);
      expect(await namesIn(base, "awkward")).toEqual([...awkwardNames].sort());
      for (const name of awkwardNames) expect(await contentOf(base, `awkward/${name}`)).toBe(name);
    },
  );

  test("asks about no file before somebody wants to know, and then about that one", async () => {
    const server = await site("apache");
    const base = await openAt(server.url);
    expect(await namesIn(base)).toEqual(["a", "b", "d"]);
    await run(base.lookup("d"));
    expect(server.asked).toEqual(["GET /"]);
    await run(base.lookup("a"));
    await run(base.lookup("a"));
    expect(server.asked).toEqual(["GET /", "HEAD /a"]);
  });

  test("asks about no file at all where the listing is exact", async () => {
    const server = await site("nginx-json");
    const base = await openAt(server.url);
    for (const { name, node } of await run(base.list(""))) {
      expect(await run(base.lookup(name))).toEqual(node);
    }
    expect(server.asked).toEqual(["GET /"]);
    expect(await contentOf(base, "a")).toBe("a");
    expect(server.asked).toEqual(["GET /", "GET /a"]);
  });

  test("needs no request for a name that is not listed, however deep", async () => {
    const server = await site("python");
    const base = await openAt(server.url);
    for (const path of ["x", "x/y/z", "a/b/c"]) expect(await run(base.lookup(path))).toBeNull();
    expect(server.asked).toEqual(["GET /"]);
  });

  test("sees what was added and removed once it looks again, after fifteen seconds", async () => {
    const server = await site("nginx");
    const clock = new FakeClock();
    const base = await openAt(server.url, clock);
    server.files.set("new", { content: "new" });
    server.files.delete("b");
    expect(await run(base.lookup("new"))).toBeNull();
    clock.time_ms += 15_000;
    expect(await namesIn(base)).toEqual(["a", "d", "new"]);
    expect(await contentOf(base, "new")).toBe("new");
  });

  test.each(["nginx-json", "nginx", "python"] as const)(
    "never mixes two versions of a file (%s)",
    async (manner) => {
      const size = 3 * 2 ** 20;
      const version = (letter: string, seconds: number) => ({
        content: letter.repeat(size),
        mtime: { seconds, nanoseconds: 0 },
      });
      const server = await siteServer(new Map([["f", version("a", 1000)]]), { listing: manner });
      const clock = new FakeClock();
      const base = await openAt(server.url, clock);
      const node = await run(base.lookup("f"));
      if (!node) throw new Error("it is missing");
      await run(base.read(node, 0, new Uint8Array(10)));
      server.files.set("f", version("b", 2000));
      const stale = { code: "ESTALE", path: "f" };
      await expect(run(base.read(node, 0, new Uint8Array(size)))).rejects.toMatchObject(stale);
      const now = await run(base.lookup("f"));
      expect(now?.signature).not.toBe(node.signature);
      expect(await contentOf(base, "f")).toBe("b".repeat(size));
      await expect(run(base.read(node, size - 1, new Uint8Array(1)))).rejects.toMatchObject(stale);
      server.files.delete("f");
      if (now) await expect(run(base.read(now, 0, new Uint8Array(1)))).resolves.toBe(1);
      clock.time_ms += 15_000;
      expect(await run(base.lookup("f"))).toBeNull();
    },
  );

  test("says ESTALE for a file that is gone", async () => {
    const server = await site("python");
    const base = await openAt(server.url);
    const node = await run(base.lookup("a"));
    if (!node) throw new Error("it is missing");
    server.files.delete("a");
    await expect(run(base.read(node, 0, new Uint8Array(1)))).rejects.toMatchObject({
      code: "ESTALE",
    });
  });

  test("asks with a GET where a HEAD is refused, or tells no size", async () => {
    for (const [status, headers] of [
      [405, {}],
      [200, { "content-encoding": "gzip" }],
    ] as const) {
      const server = await site("python");
      server.before = (request, response) => {
        if (request.method !== "HEAD") return false;
        response.writeHead(status, headers).end();
        return true;
      };
      const base = await openAt(server.url);
      expect(await run(base.lookup("a"))).toMatchObject({ size: 1 });
      expect(await contentOf(base, "d/e/f")).toBe("d/e/f");
    }
  });

  test("believes no size beyond those that are exact, none below 0, and keeps fractions of seconds", async () => {
    const server = await site("python");
    server.before = (request, response) => {
      const total = "9".repeat(400);
      if (request.url === "/") {
        response.writeHead(200, { "content-type": "application/json" });
        const mtime = "2026-11-22T10:00:00.5Z";
        response.end(JSON.stringify([{ name: "a", type: "file", size: -5, mtime }]));
      } else if (request.method === "HEAD") {
        const lastModified = "2026-11-22T10:00:00.25Z";
        const headers = { "content-range": `bytes 0-0/${total}`, "last-modified": lastModified };
        response.writeHead(206, headers).end();
      } else return false;
      return true;
    };
    const base = await openAt(server.url);
    const seconds = Date.UTC(2026, 10, 22, 10) / 1000;
    const [listed] = await run(base.list(""));
    expect(listed?.node.mtime).toEqual({ seconds, nanoseconds: 500_000_000 });
    const node = await run(base.lookup("a"));
    expect(node).toMatchObject({ size: 1 });
    expect(Number.isInteger(node?.mtime.seconds)).toBe(true);
  });

  test("does not take the first byte for the whole file from a server that sends it as such", async () => {
    const server = await site("python");
    server.before = (request, response) => {
      if (request.url !== "/a" || (request.method === "GET" && !request.headers.range))
        return false;
      if (request.method === "HEAD") response.writeHead(500).end();
      else response.writeHead(200, { "content-length": "1" }).end("a");
      return true;
    };
    server.files.set("a", { content: "all of it" });
    const base = await openAt(server.url);
    expect(await run(base.lookup("a"))).toMatchObject({ size: 9 });
  });

  test("fetches a file whose size its server tells in no way, and knows it then", async () => {
    const server = await site("python");
    server.before = (request, response) => {
      if (request.url !== "/a") return false;
      response.writeHead(200);
      response.write("made at");
      response.end(" this moment");
      return true;
    };
    const base = await openAt(server.url);
    expect(await contentOf(base, "a")).toBe("made at this moment");
  });

  test("does not follow a redirect out of the directory, but one to another suffix", async () => {
    const server = await site("python");
    server.before = (request, response) => {
      const to = { "/a": "/login/page", "/b": "/a-clean" }[request.url ?? ""];
      if (to) response.writeHead(302, { location: to }).end();
      else if (request.url?.startsWith("/login/") || request.url === "/a-clean") {
        response.writeHead(200, { "content-length": "5" });
        response.end(request.method === "HEAD" ? undefined : "clean");
      } else return false;
      return true;
    };
    const base = await openAt(server.url);
    await expect(run(base.lookup("a"))).rejects.toThrow(/EIO.*sends us elsewhere.*login/);
    expect(await contentOf(base, "b")).toBe("clean");
  });

  test("forgets the pages read longest ago when they have too many names, and asks for them again", async () => {
    const server = await site("python");
    const links = Array.from({ length: 60_000 }, (_, at) => `<a href="f${at}">f${at}</a>`).join(
      "\n",
    );
    const page = `<html><title>Directory listing for /d/</title><ul>${links}</ul></html>`;
    const asked: string[] = [];
    server.before = (request, response) => {
      const { url = "" } = request;
      asked.push(url);
      const isMany = /^\/d\d\/$/.test(url);
      if (url !== "/" && !isMany) return false;
      const names = [1, 2, 3, 4, 5].map((n) => `<a href="d${n}/">d${n}/</a>`).join("\n");
      response.writeHead(200, { "content-type": "text/html" });
      response.end(
        isMany ? page : `<html><title>Directory listing for /</title><ul>${names}</ul></html>`,
      );
      return true;
    };
    const base = await openAt(server.url);
    const list = async (path: string) => (await run(base.list(path))).length;
    for (const path of ["d1", "d2", "d3", "d4", "d5", "d5"]) expect(await list(path)).toBe(60_000);
    expect(asked.filter((url) => url === "/d5/").length).toBe(1);
    expect(await list("d1")).toBe(60_000);
    expect(asked.filter((url) => url === "/d1/").length).toBe(2);
  });

  test("says of a directory that shows a page of its own why it cannot be listed", async () => {
    const server = await site("nginx");
    server.before = (request, response) => {
      if (request.url !== "/d/") return false;
      response.end('<title>My page</title><a href="c">c</a>');
      return true;
    };
    const base = await openAt(server.url);
    expect(await run(base.lookup("d"))).toMatchObject({ type: "directory" });
    await expect(run(base.list("d"))).rejects.toThrow(/EIO.*index\.html/);
    await expect(run(base.lookup("d/c"))).rejects.toMatchObject({ code: "EIO" });
    server.before = undefined;
    expect(await namesIn(base, "d")).toEqual(["c", "e"]);
  });

  test("is where the server sends us from the directory's URL", async () => {
    const server = await siteServer(contractTree, { listing: "python" });
    const from = await faultServer((response) => {
      response.writeHead(301, { location: `${server.url}docs/deep/` }).end();
    });
    const base = await openAt(`${from.url}/x/`);
    expect(base.locator).toBe(`${from.url}/x/`);
    expect(await contentOf(base, "er/leaf")).toBe("leaf");
  });

  test.each([
    ["a page with links", '<title>Links</title><a href="a">a</a>'],
    ["an article about an index", '<h1>Index of functions</h1><a href="a">a</a>'],
    ["a listing's title without its path", "<title>Index of</title>"],
    ["JSON that is no listing", '{"name":"a"}'],
    ["JSON of something else", '[{"title":"a"}]'],
    ["nothing", ""],
  ])("refuses %s", async (_, page) => {
    const server = await faultServer(answer(200, page, { "content-type": "text/html" }));
    await expect(openAt(`${server.url}/`)).rejects.toMatchObject({ code: "EPROTO" });
  });

  test("takes only links straight into the directory", async () => {
    const links = [
      ["../", "elsewhere/deeper", "?C=N;O=D", "a?C=N", "#top", "/", "/other/x", "mailto:a@b"],
      ["javascript:x", "//other.example/d/x", "a%2Fb", "..", "%2e%2e/", "./", ""],
      ["one", "./two", "/d/three", "https://elsewhere.example/d/four/", "one", "%FF", "%00"],
    ].flat();
    const page = `<title>Index of /d/</title>${links.map((to) => `<a href="${to}">x</a>`).join("")}`;
    const server = await faultServer(answer(200, page, { "content-type": "text/html" }));
    const base = await openAt(`${server.url}/d/`);
    expect(await namesIn(base)).toEqual(["four", "one", "three", "two"]);
    expect(base.omitted).toBe(4);
  });
});
