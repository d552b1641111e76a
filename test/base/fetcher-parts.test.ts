import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { crc32Of } from "../../src/base/crc32.ts";
import { type Fetcher, httpFetcher, type ObjectRequest } from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { type Answering, answer, faultServer } from "./fault-server.ts";

const text = "what lies in the archive, again and again and again";
const bytes = new Uint8Array(Buffer.from(text));

function fetcher(): Fetcher {
  const made = httpFetcher({ clock: new FakeClock() });
  onTestFinished(() => made.close());
  return made;
}

/** Answers as a static server does that knows ranges, or one that knows none. */
function file(content: Uint8Array, headers: Record<string, string> = {}, ranges = true): Answering {
  return (response, request) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const size = content.length;
    if (!range || !ranges) {
      response.writeHead(200, { ...headers, "content-length": size });
      response.end(request.method === "HEAD" ? undefined : content);
      return;
    }
    if (Number(range[1]) >= size) {
      response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
      return;
    }
    const from = Number(range[1]);
    const to = Math.min(size - 1, range[2] ? Number(range[2]) : size - 1);
    const part = content.subarray(from, to + 1);
    response.writeHead(206, {
      ...headers,
      "content-range": `bytes ${from}-${to}/${size}`,
      "content-length": part.length,
    });
    response.end(request.method === "HEAD" ? undefined : part);
  };
}

describe("a fetcher, asked what a resource is,", () => {
  test.each([true, false])(
    "tells its size and version without its bytes (ranges: %s)",
    async (ranges) => {
      const headers = { etag: '"1"', "content-type": "text/Plain; charset=utf-8" };
      const server = await faultServer(file(bytes, headers, ranges));
      const url = `${server.url}/f`;
      expect(await fetcher().get({ url, part: "head", maxBytes: 0 })).toMatchObject({
        bytes: new Uint8Array(0),
        size: bytes.length,
        etag: '"1"',
        contentType: "text/plain",
        url,
      });
      expect(server.requests[0]?.method).toBe("HEAD");
      expect(server.requests[0]?.headers["accept-encoding"]).toBe("identity");
    },
  );

  test("tells that an empty file has no bytes, whether or not its range is refused", async () => {
    const server = await faultServer(file(new Uint8Array(0)), file(new Uint8Array(0), {}, false));
    for (const part of ["head", "start"] as const) {
      const got = await fetcher().get({ url: server.url, part, maxBytes: 10 });
      expect(got).toMatchObject({ size: 0, bytes: new Uint8Array(0) });
    }
  });

  test("does not take the length of a compressed form for its size", async () => {
    const server = await faultServer(answer(200, "", { "content-encoding": "gzip" }));
    const got = await fetcher().get({ url: server.url, part: "head", maxBytes: 0 });
    expect(got.size).toBeUndefined();
  });

  test.each([true, false])(
    "gives its first bytes however long it is (ranges: %s)",
    async (ranges) => {
      const server = await faultServer(file(bytes, {}, ranges));
      const got = await fetcher().get({ url: server.url, part: "start", maxBytes: 10 });
      expect(Buffer.from(got.bytes).toString()).toBe(text.slice(0, 10));
      expect(got).toMatchObject({ size: bytes.length, isPart: ranges });
    },
  );

  test("gives all of one that is shorter", async () => {
    const server = await faultServer(file(bytes));
    const got = await fetcher().get({ url: server.url, part: "start", maxBytes: 1000 });
    expect(Buffer.from(got.bytes).toString()).toBe(text);
  });
});

describe("a fetcher, asked for bytes of a known version,", () => {
  const range = { offset: 3, length: 10, size: bytes.length };
  const ask = (server: { url: string }, version: ObjectRequest["version"]): ObjectRequest => ({
    url: server.url,
    range,
    maxBytes: 10,
    ...(version && { version }),
  });

  test("gives them while the version is the same, in whatever compression it was told", async () => {
    const server = await faultServer(file(bytes, { etag: '"a"', "last-modified": "then" }));
    for (const etag of ['"a"', 'W/"a"', '"a-gzip"']) {
      const version = { etag, lastModified: "then", size: bytes.length };
      const got = await fetcher().get(ask(server, version));
      expect(Buffer.from(got.bytes).toString()).toBe(text.slice(3, 13));
    }
  });

  test.each([
    ["its ETag", { etag: '"b"' }],
    ["its Last-Modified", { lastModified: "now" }],
    ["its size", { size: 5 }],
  ])(
    "says ESTALE when %s is another, also when asked again past the caches",
    async (_, version) => {
      const server = await faultServer(file(bytes, { etag: '"a"', "last-modified": "then" }));
      await expect(fetcher().get(ask(server, version))).rejects.toMatchObject({ code: "ESTALE" });
      expect(server.requests.length).toBe(2);
    },
  );
});

describe("a fetcher, where the server knows no ranges,", () => {
  test("downloads the whole once for many ranges of it", async () => {
    const server = await faultServer(file(bytes, {}, false));
    const via = fetcher();
    const at = (offset: number): Promise<string> =>
      Promise.resolve(
        via.get({
          url: server.url,
          range: { offset, length: 5, size: bytes.length },
          maxBytes: bytes.length,
        }),
      ).then((got) => Buffer.from(got.bytes).toString());
    expect(await at(0)).toBe(text.slice(0, 5));
    expect(await Promise.all([at(5), at(10), at(20)])).toEqual([
      text.slice(5, 10),
      text.slice(10, 15),
      text.slice(20, 25),
    ]);
    expect(server.requests.length).toBe(1);
  });
});

describe("a fetcher, asked to unpack,", () => {
  const crc32 = crc32Of(bytes);
  const deflated = new Uint8Array(deflateRawSync(bytes));
  const unpackedOf = async (
    stored: Uint8Array,
    packing: NonNullable<ObjectRequest["packing"]>,
  ): Promise<string> => {
    const server = await faultServer(file(stored));
    const got = await fetcher().get({ url: server.url, maxBytes: 1000, packing });
    return Buffer.from(got.bytes).toString();
  };

  test("computes the CRC-32 that zip knows", () => {
    expect(crc32Of(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  test("gives the bytes as they were", async () => {
    const size = bytes.length;
    expect(await unpackedOf(deflated, { method: "deflate-raw", size, crc32 })).toBe(text);
    expect(await unpackedOf(bytes, { method: "stored", size, crc32 })).toBe(text);
    const gzipped = new Uint8Array(gzipSync(bytes));
    expect(await unpackedOf(gzipped, { method: "gzip", size: 1000 })).toBe(text);
  });

  test.each([
    ["the wrong CRC-32", { method: "deflate-raw", size: bytes.length, crc32: 1 }, /CRC-32/],
    ["fewer bytes than announced", { method: "deflate-raw", size: 1000 }, /expected 1000 bytes/],
    ["more bytes than announced", { method: "deflate-raw", size: 5 }, /at most 5 bytes/],
    ["more bytes than allowed", { method: "gzip", size: 5 }, /at most 5|header/],
    ["a stored entry of another CRC-32", { method: "stored", size: 1, crc32: 1 }, /EIO/],
  ] as const)("says EIO for %s", async (_, packing, words) => {
    await expect(unpackedOf(deflated, packing)).rejects.toThrow(words);
  });

  test("says EIO for what is no deflate stream at all, and for one that was cut off", async () => {
    const packing = { method: "deflate-raw", size: bytes.length } as const;
    const noise = Uint8Array.from({ length: 50 }, () => 0xff);
    await expect(unpackedOf(noise, packing)).rejects.toMatchObject({ code: "EIO" });
    const cut = deflated.subarray(0, deflated.length - 5);
    await expect(unpackedOf(cut, packing)).rejects.toMatchObject({ code: "EIO" });
  });
});
