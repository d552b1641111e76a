/** The view as answers to requests, over an overlay in memory. */
import { expect, test } from "vitest";
import { MemoryBase, type MemoryTree } from "../../src/base/memory.ts";
import { FsError } from "../../src/errno.ts";
import { FsPromises } from "../../src/fs/promises.ts";
import { run } from "../../src/operation.ts";
import { Overlay } from "../../src/overlay/overlay.ts";
import { OverlayReader } from "../../src/overlay/reader.ts";
import { openMemoryStorage } from "../../src/storage/memory.ts";
import { ReadSnapshot } from "../../web/snapshots.ts";
import { answer, type Snapshot, type Snapshots, type ViewedFile } from "../../web/view.ts";

const scope = "/view/";
const large = 700_000;

/** The content of `large.bin`. */
function fill(offset: number, into: Uint8Array): void {
  for (let index = 0; index < into.length; index += 1) into[index] = (offset + index) % 251;
}

const tree: MemoryTree = {
  "index.html": "<!doctype html><h1>Home</h1>",
  "latin.html": '<!doctype html><meta http-equiv="x" content="text/html; charset=iso-8859-1">',
  "docs/index.html": "<h1>Docs</h1>",
  "docs/page one.html": "<h1>One</h1>",
  "empty.css": "",
  "script.mjs": "export {};",
  "data.json": '{"a":1}',
  "image.svg": "<svg/>",
  README: "plain text, ä",
  binary: Uint8Array.of(0, 1, 2),
  "ten.txt": "0123456789",
  "large.bin": { size: large, fill },
  nothing: { type: "directory" },
  link: { target: "docs/index.html" },
  loop: { target: "loop" },
  pipe: { type: "fifo" },
};

/** A view of `tree`, each commit of which is seen at the next request. */
async function view(base: MemoryTree = tree) {
  const storage = openMemoryStorage();
  const below = new MemoryBase(base);
  const fs = new FsPromises(await run(Overlay.open({ base: below, storage })));
  let current: { readonly generation: number; readonly snapshot: Snapshot } | undefined;
  const snapshots: Snapshots = async (name) => {
    if (name !== "the site") throw new FsError("ENOENT", { path: name });
    const superblock = await run(storage.superblock());
    if (!superblock) throw new Error("bug: an overlay was opened, and its storage is empty");
    const { generation } = superblock;
    if (current?.generation !== generation) {
      const reader = await run(OverlayReader.open({ base: below, storage, superblock }));
      current = { generation, snapshot: new ReadSnapshot(reader) };
    }
    return current.snapshot;
  };
  return {
    fs,
    snapshots,
    get: (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const url = `http://here${scope}the%20site${path}`;
      return answer(new Request(url, { method, headers }), scope, snapshots);
    },
  };
}

/** `snapshots`, whose files are read as `read` does. */
function reading(
  snapshots: Snapshots,
  read: (file: ViewedFile, offset: number, into: Uint8Array) => Promise<number>,
): Snapshots {
  return async (name) => {
    const snapshot = await snapshots(name);
    return Object.create(snapshot, {
      find: {
        value: async (path: string) => {
          const file = await snapshot.find(path);
          const replaced = {
            value: (at: number, into: Uint8Array) => file && read(file, at, into),
          };
          return file && Object.create(file, { read: replaced });
        },
      },
    });
  };
}

test("a file is answered whole, with its type, length and validator", async () => {
  const { get } = await view();
  const response = await get("/index.html");
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("<!doctype html><h1>Home</h1>");
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-length")).toBe("28");
  expect(response.headers.get("etag")).toMatch(/^"[^"]+"$/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("last-modified")).toBe("Sun, 09 Sep 2001 01:46:40 GMT");
});

test.each([
  ["/latin.html", "text/html"],
  ["/empty.css", "text/css; charset=utf-8"],
  ["/script.mjs", "text/javascript; charset=utf-8"],
  ["/data.json", "application/json; charset=utf-8"],
  ["/image.svg", "image/svg+xml; charset=utf-8"],
  ["/README", "text/plain; charset=utf-8"],
  ["/binary", "application/octet-stream"],
  ["/large.bin", "application/octet-stream"],
])("%s is of type %s", async (path, type) => {
  const { get } = await view();
  expect((await get(path)).headers.get("content-type")).toBe(type);
});

test("a directory is answered by its index.html, after a redirect to the slash", async () => {
  const { get } = await view();
  expect(await (await get("/")).text()).toContain("Home");
  expect(await (await get("/docs/")).text()).toContain("Docs");
  for (const [path, to] of [
    ["", "/view/the%20site/"],
    ["/docs?a=b", "/view/the%20site/docs/?a=b"],
  ] as const) {
    const response = await get(path);
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe(`http://here${to}`);
  }
});

test("names are percent-decoded, symlinks followed", async () => {
  const { get } = await view();
  expect(await (await get("/docs/page%20one.html")).text()).toContain("One");
  expect(await (await get("/link")).text()).toContain("Docs");
});

test.each([
  "/none.html",
  "/nothing/",
  "/index.html/",
  "/index.html/below",
  "/loop",
  "/pipe",
  "/docs%2Findex.html",
  "/%zz",
  "/%00",
])("%s is not found", async (path) => {
  const { get } = await view();
  const response = await get(path);
  expect(response.status).toBe(404);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
});

test("a storage that does not exist is not found, nor is the scope itself", async () => {
  const { snapshots } = await view();
  for (const path of ["/view/other/index.html", "/view/", "/elsewhere"]) {
    const response = await answer(new Request(`http://here${path}`), scope, snapshots);
    expect(response.status).toBe(404);
  }
});

test("names never become markup", async () => {
  const { get } = await view();
  const response = await get("/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'");
  expect(response.status).toBe(404);
  const page = await get("/%3Cimg%20src=x%20onerror=alert(1)%3E");
  const text = await page.text();
  expect(text).not.toContain("<img");
  expect(text).toContain("&#60;img");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("HEAD gives the same headers and no body; other methods are refused", async () => {
  const { get } = await view();
  const [whole, head] = [await get("/ten.txt"), await get("/ten.txt", {}, "HEAD")];
  expect([...head.headers]).toEqual([...whole.headers]);
  expect(await head.text()).toBe("");
  expect((await get("/none", {}, "HEAD")).status).toBe(404);
  const refused = await get("/ten.txt", {}, "POST");
  expect(refused.status).toBe(405);
  expect(refused.headers.get("allow")).toBe("GET, HEAD");
});

test("an unchanged file is answered with 304, a changed one anew", async () => {
  const { get, fs } = await view();
  const etag = (await get("/ten.txt")).headers.get("etag") ?? "";
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const response = await get("/ten.txt", { "If-None-Match": known });
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(etag);
    expect(await response.text()).toBe("");
  }
  await fs.writeFile("/ten.txt", "9876543210");
  const changed = await get("/ten.txt", { "If-None-Match": etag });
  expect(changed.status).toBe(200);
  expect(await changed.text()).toBe("9876543210");
});

test.each([
  ["bytes=2-4", 206, "234", "bytes 2-4/10"],
  ["bytes=7-", 206, "789", "bytes 7-9/10"],
  ["bytes=-3", 206, "789", "bytes 7-9/10"],
  ["bytes=0-100", 206, "0123456789", "bytes 0-9/10"],
  ["bytes=-100", 206, "0123456789", "bytes 0-9/10"],
  ["bytes=10-", 416, undefined, "bytes */10"],
  ["bytes=-0", 416, undefined, "bytes */10"],
  ["bytes=0-1,4-5", 200, "0123456789", null],
  ["bytes=4-2", 200, "0123456789", null],
  ["lines=1-2", 200, "0123456789", null],
])("Range: %s is answered with %i", async (range, status, text, contentRange) => {
  const { get } = await view();
  const response = await get("/ten.txt", { Range: range });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-range")).toBe(contentRange);
  if (text !== undefined) expect(await response.text()).toBe(text);
});

test("a range of another version is answered by the whole", async () => {
  const { get } = await view();
  const etag = (await get("/ten.txt")).headers.get("etag") ?? "";
  expect((await get("/ten.txt", { Range: "bytes=1-2", "If-Range": etag })).status).toBe(206);
  expect((await get("/ten.txt", { Range: "bytes=1-2", "If-Range": '"x"' })).status).toBe(200);
});

test("a large file is streamed in pieces, each read only when it is wanted", async () => {
  const { get } = await view();
  const response = await get("/large.bin");
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(bytes.length).toBe(large);
  expect(bytes.every((byte, offset) => byte === offset % 251)).toBe(true);
  const range = await get("/large.bin", { Range: "bytes=1000-600999" });
  const part = new Uint8Array(await range.arrayBuffer());
  expect(part.length).toBe(600_000);
  expect(part.every((byte, offset) => byte === (offset + 1000) % 251)).toBe(true);
});

test("a stream goes on over a change of another file, and ends in an error if its own file changes", async () => {
  const { get, fs } = await view();
  const other = (await get("/large.bin")).body?.getReader();
  await other?.read();
  await fs.writeFile("/ten.txt", "other");
  let length = 0;
  for (let step = await other?.read(); step && !step.done; step = await other?.read()) {
    length += step.value.length;
  }
  expect(length).toBeGreaterThan(0);

  const own = (await get("/large.bin")).body?.getReader();
  await own?.read();
  const file = await fs.open("/large.bin", "r+");
  await file.write("of another version", large - 100);
  await file.close();
  await expect(own?.read()).rejects.toThrow("changed while it was read");
});

test("a small file that changes while it is read is read again, and is of one version", async () => {
  const { fs, snapshots } = await view();
  let changes = 1;
  const changing = reading(snapshots, async (file, offset, into) => {
    if (changes > 0) {
      changes -= 1;
      await fs.writeFile("/ten.txt", `of another length ${changes}`);
    }
    return await file.read(offset, into);
  });
  const request = new Request(`http://here${scope}the%20site/ten.txt`);
  const response = await answer(request, scope, changing);
  expect(await response.text()).toBe("of another length 0");
  expect(response.headers.get("content-length")).toBe("19");
  changes = Number.POSITIVE_INFINITY;
  expect((await answer(request, scope, changing)).status).toBe(503);
});

test("a base that cannot be read is told by a page with status 503, and anything else by 500", async () => {
  const { snapshots } = await view();
  const failing = (error: Error): Promise<Response> => {
    const unreadable = reading(snapshots, () => Promise.reject(error));
    const request = new Request(`http://here${scope}the%20site/ten.txt`);
    return answer(request, scope, unreadable);
  };
  const reason = "the server said <b>no</b>";
  const unreachable = await failing(new FsError("EIO", { reason }));
  expect(unreachable.status).toBe(503);
  expect(await unreachable.text()).toContain("&#60;b&#62;no");
  expect((await failing(new FsError("ESTALE"))).status).toBe(503);
  expect((await failing(new FsError("EACCES"))).status).toBe(403);
  expect((await failing(new Error("a bug"))).status).toBe(500);
});

test("a base that cannot be read is opened anew once, for it may have been republished", async () => {
  const { snapshots } = await view();
  const given: unknown[] = [];
  const stale = reading(snapshots, () => Promise.reject(new FsError("ESTALE")));
  const request = new Request(`http://here${scope}the%20site/data.json`);
  const response = await answer(request, scope, async (name, failed) => {
    given.push(failed);
    return failed ? await snapshots(name) : await stale(name);
  });
  expect(response.status).toBe(200);
  expect(given.filter(Boolean)).toHaveLength(1);
});

test("what is not there is answered by the site's own 404.html, changed as it may be", async () => {
  const { get, fs } = await view({ ...tree, "404.html": "<h1>Lost</h1>" });
  const missing = await get("/none.html", { Range: "bytes=0-1", "If-None-Match": "*" });
  expect(missing.status).toBe(404);
  expect(missing.headers.get("etag")).toBeNull();
  expect(await missing.text()).toBe("<h1>Lost</h1>");
  await fs.writeFile("/404.html", "<h1>Changed</h1>");
  expect(await (await get("/none.html")).text()).toBe("<h1>Changed</h1>");
  await fs.unlink("/404.html");
  expect(await (await get("/none.html")).text()).toContain("There is no /none.html");
});

test("a query is no part of a file's name, and the version of an unchanged file outlasts other changes", async () => {
  const { get, fs } = await view();
  const before = await get("/ten.txt?v=1");
  expect(await before.text()).toBe("0123456789");
  await fs.writeFile("/other.txt", "other");
  expect((await get("/ten.txt?v=2")).headers.get("etag")).toBe(before.headers.get("etag"));
  await fs.utimes("/ten.txt", 1, 1);
  const touched = await get("/ten.txt");
  expect(touched.headers.get("etag")).not.toBe(before.headers.get("etag"));
  expect(touched.headers.get("last-modified")).toBe("Thu, 01 Jan 1970 00:00:01 GMT");
});

test("what was renamed, linked, and reached by symlinks is read where it is now", async () => {
  const { get, fs } = await view();
  await fs.rename("/docs", "/moved");
  await fs.link("/ten.txt", "/moved/linked.txt");
  await fs.symlink("../moved/./page one.html", "/moved/here.html");
  expect(await (await get("/moved/")).text()).toContain("Docs");
  expect((await get("/docs/")).status).toBe(404);
  expect(await (await get("/moved/linked.txt")).text()).toBe("0123456789");
  expect(await (await get("/moved/here.html")).text()).toContain("One");
});
