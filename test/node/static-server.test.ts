import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type StaticServer, serveDirectory } from "../../node/static-server.ts";
import { treeOnDisk } from "./base/tree-on-disk.ts";

let root: string;

beforeAll(() => {
  const outside = treeOnDisk({ secret: "secret" });
  root = treeOnDisk({
    "a.txt": "0123456789",
    empty: "",
    "page.html": "<p>page",
    "script.js": "1",
    "dir/index.html": "index of dir",
    "bare/file": "x",
    "ü %#.txt": "odd",
    "inside-link": { target: "a.txt" },
    "page-link.html": { target: "a.txt" },
  });
  symlinkSync(join(outside, "secret"), join(root, "outside-link"));
  symlinkSync(outside, join(root, "outside-directory"));
  symlinkSync("loop", join(root, "loop"));
});

async function server(): Promise<StaticServer> {
  const serving = await serveDirectory(root);
  onTestFinished(() => serving.close());
  return serving;
}

async function get(path: string, init: RequestInit = {}): Promise<Response> {
  const { url } = await server();
  return fetch(url + path, { redirect: "manual", ...init });
}

/** Sends a request line as it stands, which fetch would tidy up first. */
async function getRaw(target: string): Promise<string> {
  const { url } = await server();
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
    socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  });
}

describe("the static server", () => {
  test("gives a file with length, type, validators and CORS headers", async () => {
    const response = await get("a.txt");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("0123456789");
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      "content-length": "10",
      "content-type": "text/plain; charset=utf-8",
      "accept-ranges": "bytes",
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "content-range, etag, content-length, accept-ranges",
    });
    expect(headers.etag).toMatch(/^"[0-9a-f-]+"$/);
  });

  test("gives HEAD what GET would have, without the body", async () => {
    const response = await get("a.txt", { method: "HEAD", headers: { range: "bytes=0-1" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("10");
    expect(await response.text()).toBe("");
  });

  test.each([
    ["page.html", "text/html"],
    ["script.js", "text/javascript; charset=utf-8"],
    ["empty", "application/octet-stream"],
    ["page-link.html", "text/html"],
  ])("gives %s the type %s", async (path, type) => {
    expect((await get(path)).headers.get("content-type")).toBe(type);
  });

  test.each([
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=7-100", "789", "bytes 7-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=-100", "0123456789", "bytes 0-9/10"],
  ])("gives the range %s", async (range, body, contentRange) => {
    const response = await get("a.txt", { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(contentRange);
    expect(response.headers.get("content-length")).toBe(`${body.length}`);
    expect(await response.text()).toBe(body);
  });

  test.each(["bytes=10-", "bytes=10-12", "bytes=-0"])("refuses the range %s", async (range) => {
    const response = await get("a.txt", { headers: { range } });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe("bytes */10");
  });

  test.each(["bytes=4-2", "bytes=0-1,3-4", "bytes=-", "lines=1-2", "bytes=a-b"])(
    "gives the whole for %s",
    async (range) => {
      const response = await get("a.txt", { headers: { range } });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("0123456789");
    },
  );

  test("says 304 to who has this version, 200 to who has another", async () => {
    const etag = (await get("a.txt")).headers.get("etag") ?? "";
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const response = await get("a.txt", { headers: { "if-none-match": known } });
      expect(response.status, known).toBe(304);
    }
    const other = await get("a.txt", { headers: { "if-none-match": '"x"' } });
    expect(other.status).toBe(200);
  });

  test("gives a range of this version only", async () => {
    const etag = (await get("a.txt")).headers.get("etag") ?? "";
    const range = "bytes=1-2";
    const same = await get("a.txt", { headers: { range, "if-range": etag } });
    expect(same.status).toBe(206);
    const other = await get("a.txt", { headers: { range, "if-range": '"x"' } });
    expect(other.status).toBe(200);
  });

  test("gives a changed file another ETag, were it but microseconds younger", async () => {
    const file = join(root, "changing");
    writeFileSync(file, "one");
    utimesSync(file, 1_600_000_000, 1_600_000_000);
    const before = (await get("changing")).headers.get("etag");
    utimesSync(file, 1_600_000_000, 1_600_000_000.000_002);
    expect((await get("changing")).headers.get("etag")).not.toBe(before);
  });

  test("sends a directory without a slash to the one with it, and gives that its index.html", async () => {
    const moved = await get("dir?q=1");
    expect(moved.status).toBe(301);
    expect(moved.headers.get("location")).toBe("/dir/?q=1");
    expect(await (await get("dir/")).text()).toBe("index of dir");
  });

  test.each(["nothing", "bare/", "a.txt/", "a.txt/x", "dir/nothing", "loop", `${"x".repeat(300)}`])(
    "says 404 for '%s'",
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  test("decodes names", async () => {
    expect(await (await get(encodeURIComponent("ü %#.txt"))).text()).toBe("odd");
  });

  test.each(["%", "%zz", "%ff", "a%00b", "x%2fy", "dir//index.html"])(
    "says 400 for '%s'",
    async (path) => {
      expect((await get(path)).status).toBe(400);
    },
  );

  test.each([
    "/../secret",
    "/dir/../a.txt",
    "/%2e%2e/secret",
    "/dir/%2e%2e/%2e%2e/x",
    "/..%2fx",
    "x",
  ])("lets nobody climb by '%s'", async (target) => {
    expect(await getRaw(target)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("does not send anybody to another host", async () => {
    mkdirSync(join(root, "evil.example"), { recursive: true });
    expect(await getRaw("//evil.example")).not.toMatch(/location: *\/\//i);
  });

  test("follows symlinks that stay inside, and no others", async () => {
    expect(await (await get("inside-link")).text()).toBe("0123456789");
    for (const path of ["outside-link", "outside-directory/secret", "outside-directory/"]) {
      expect((await get(path)).status, path).toBe(404);
    }
  });

  test("answers a preflight", async () => {
    const response = await get("a.txt", { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-headers")).toContain("range");
    expect(response.headers.get("access-control-allow-methods")).toContain("GET");
  });

  test.each(["POST", "PUT", "DELETE"])("refuses %s", async (method) => {
    const response = await get("a.txt", { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  test("counts requests and bytes", async () => {
    const serving = await server();
    await (await fetch(`${serving.url}a.txt`)).text();
    await (await fetch(`${serving.url}a.txt`, { headers: { range: "bytes=0-2" } })).text();
    await (await fetch(`${serving.url}nothing`)).text();
    await (await fetch(`${serving.url}empty`)).text();
    expect(serving.counts).toEqual({ requests: 4, bytes: 13 });
  });

  test("serves files that are not in the directory, in place of those that are", async () => {
    const files = new Map([["a.txt", new TextEncoder().encode("instead")]]);
    const serving = await serveDirectory(root, { files });
    onTestFinished(() => serving.close());
    const response = await fetch(`${serving.url}a.txt`);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await response.text()).toBe("instead");
    const head = await fetch(`${serving.url}a.txt`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("7");
    expect(serving.counts.bytes).toBe(7);
  });

  test("is refused a directory that is not there, and a port that is taken", async () => {
    await expect(serveDirectory(join(root, "nothing"))).rejects.toMatchObject({ code: "ENOENT" });
    const { url } = await server();
    const port = Number(new URL(url).port);
    await expect(serveDirectory(root, { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
