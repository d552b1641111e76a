import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Deadline } from "../../src/base/deadline.ts";
import {
  type Fetcher,
  FsError,
  type HttpOptions,
  httpFetcher,
  type ObjectRequest,
} from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { answer, type FaultServer, faultServer } from "./fault-server.ts";

const content = new TextEncoder().encode("0123456789".repeat(10));
const sha256 = hashOf(content);
const part = content.subarray(20, 45);
const rangeHead = { "content-range": "bytes 20-44/100" };

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function whole(server: FaultServer): ObjectRequest {
  return { url: `${server.url}/f`, sha256, maxBytes: content.length };
}

function range(server: FaultServer): ObjectRequest {
  return {
    url: `${server.url}/f`,
    range: { offset: 20, length: 25, size: 100 },
    sha256: hashOf(part),
    maxBytes: 100,
  };
}

function fetcherFor(clock: FakeClock, options: HttpOptions = {}): Fetcher {
  const fetcher = httpFetcher({ clock, ...options });
  onTestFinished(() => fetcher.close());
  return fetcher;
}

/** Gets `request` and gives the bytes, or the error. */
function get(request: ObjectRequest, clock = new FakeClock()): Promise<Uint8Array | FsError> {
  return new Promise((resolve, reject) => {
    fetcherFor(clock)
      .get(request)
      .then(
        ({ bytes }) => resolve(bytes),
        (error) => (error instanceof FsError ? resolve(error) : reject(error)),
      );
  });
}

describe("a fetcher, asked for a whole object,", () => {
  test("gives its verified bytes, digest and validators", async () => {
    const server = await faultServer(
      answer(200, content, { etag: '"v1"', "last-modified": "then" }),
    );
    const object = await fetcherFor(new FakeClock()).get(whole(server));
    expect(object).toMatchObject({ bytes: content, sha256, etag: '"v1"', lastModified: "then" });
  });

  test("gives what was not to be verified with its digest", async () => {
    const server = await faultServer(answer(200, content));
    const object = await fetcherFor(new FakeClock()).get({ url: server.url, maxBytes: 1000 });
    expect(object.sha256).toBe(sha256);
  });

  test("takes it in a compression, which is undone before the hash is taken", async () => {
    const server = await faultServer(
      answer(200, gzipSync(content), { "content-encoding": "gzip" }),
    );
    expect(await get(whole(server))).toEqual(content);
  });

  test("follows a redirect", async () => {
    const server = await faultServer(
      answer(302, "", { location: "/elsewhere" }),
      answer(200, content),
    );
    expect(await get(whole(server))).toEqual(content);
  });

  test("asks once more, past the caches, when a byte is flipped, and takes the right answer", async () => {
    const flipped = content.slice();
    flipped[50] = 0;
    const server = await faultServer(answer(200, flipped), answer(200, content));
    expect(await get(whole(server))).toEqual(content);
    expect(server.requests.map((request) => request.headers["cache-control"])).toEqual([
      undefined,
      "no-cache",
    ]);
  });

  test("gives EIO with url, expected and got when a byte stays flipped", async () => {
    const flipped = content.slice();
    flipped[50] = 0;
    const server = await faultServer(answer(200, flipped));
    const error = await get(whole(server));
    expect(error).toMatchObject({ code: "EIO" });
    const { reason } = error as FsError;
    for (const told of [`${server.url}/f`, sha256, hashOf(flipped), "minifo index"]) {
      expect(reason).toContain(told);
    }
    expect(server.requests.length).toBe(2);
  });

  test("refuses a truncated one", async () => {
    const server = await faultServer(answer(200, content.subarray(0, 99)));
    expect(await get(whole(server))).toMatchObject({ code: "EIO" });
    expect(server.requests.length).toBe(2);
  });

  test("tries again when the connection breaks off in the middle", async () => {
    const server = await faultServer(
      (response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write(content.subarray(0, 50), () => response.destroy());
      },
      answer(200, content),
    );
    expect(await get(whole(server))).toEqual(content);
  });

  test("refuses an HTML page that came instead, and says so", async () => {
    const server = await faultServer(
      answer(200, "<!doctype html><p>app</p>", { "content-type": "text/html" }),
    );
    const error = await get(whole(server));
    expect(error).toMatchObject({ code: "EIO" });
    expect((error as FsError).reason).toContain("HTML page instead");
  });

  test("refuses a part", async () => {
    const server = await faultServer(answer(206, content, { "content-range": "bytes 0-99/200" }));
    expect(await get(whole(server))).toMatchObject({ code: "EIO" });
  });

  test("cuts off an answer that never ends", async () => {
    const closed: boolean[] = [];
    const server = await faultServer((response) => {
      response.writeHead(200);
      const more = (): boolean => response.write(content);
      response.on("drain", more);
      response.on("close", () => closed.push(true));
      while (more());
    });
    const error = await get(whole(server));
    expect((error as FsError).reason).toContain("expected at most 100 bytes, got more");
    await expect.poll(() => closed.length).toBe(2);
  });

  test.each([
    [404, "ENOENT"],
    [410, "ENOENT"],
    [401, "EACCES"],
    [403, "EACCES"],
  ])("takes %i for %s at once", async (status, code) => {
    const server = await faultServer(answer(status, "no"));
    expect(await get(whole(server))).toMatchObject({ code });
    expect(server.requests.length).toBe(1);
  });

  test.each([204, 300, 304, 400, 405, 418])(
    "takes status %i for a wrong answer",
    async (status) => {
      const server = await faultServer(answer(status));
      const error = await get(whole(server));
      expect(error).toMatchObject({ code: "EIO" });
      expect((error as FsError).reason).toContain(`expected status 200, got ${status}`);
    },
  );
});

describe("a fetcher, asked for a range,", () => {
  test("asks for exactly it and gives it", async () => {
    const server = await faultServer(answer(206, part, rangeHead));
    expect(await get(range(server))).toEqual(part);
    expect(server.requests[0]?.headers.range).toBe("bytes=20-44");
  });

  test("takes its part of a 200 that is the whole", async () => {
    const server = await faultServer(answer(200, content));
    expect(await get(range(server))).toEqual(part);
  });

  test("refuses its part of a whole that is too large, without fetching it", async () => {
    const server = await faultServer(answer(200, content));
    const error = await get({ ...range(server), maxBytes: 50 });
    expect((error as FsError).reason).toContain("the server ignores ranges");
  });

  test("refuses a 200 of another size", async () => {
    const server = await faultServer(answer(200, content.subarray(0, 60)));
    expect(await get(range(server))).toMatchObject({ code: "EIO" });
  });

  test("refuses a 200 that holds the wrong bytes at its place", async () => {
    const server = await faultServer(answer(200, content.toReversed()));
    expect(await get(range(server))).toMatchObject({ code: "EIO" });
  });

  test.each([
    ["another place", "bytes 0-24/100"],
    ["another length", "bytes 20-45/100"],
    ["another size", "bytes 20-44/101"],
    ["an unknown size", "bytes 20-44/*"],
    ["nonsense", "20-44"],
  ])("refuses a Content-Range that tells %s", async (_, told) => {
    const server = await faultServer(answer(206, part, { "content-range": told }));
    const error = await get(range(server));
    expect((error as FsError).reason).toContain(
      `expected Content-Range 'bytes 20-44/100', got '${told}'`,
    );
  });

  test("lets the hash decide where no Content-Range is to be seen, and refuses without a hash", async () => {
    const server = await faultServer(answer(206, part));
    expect(await get(range(server))).toEqual(part);
    const { sha256: _, ...unverified } = range(server);
    expect(await get(unverified)).toMatchObject({ code: "EIO" });
  });

  test("refuses a range in a compression", async () => {
    const head = { ...rangeHead, "content-encoding": "gzip" };
    const server = await faultServer(answer(206, gzipSync(part), head));
    const error = await get(range(server));
    expect((error as FsError).reason).toContain("'gzip' encoding");
  });

  test("refuses fewer bytes than announced", async () => {
    const server = await faultServer(answer(206, part.subarray(1), rangeHead));
    expect(await get(range(server))).toMatchObject({ code: "EIO" });
  });

  test("refuses a 416", async () => {
    const server = await faultServer(answer(416));
    expect(await get(range(server))).toMatchObject({ code: "EIO" });
  });
});

describe("a fetcher, when there is trouble,", () => {
  test.each([408, 429, 500, 503])("tries again after %i", async (status) => {
    const server = await faultServer(answer(status), answer(200, content));
    expect(await get(whole(server))).toEqual(content);
  });

  test("tries four times more, ever later, then gives EIO", async () => {
    const server = await faultServer(answer(503));
    const clock = new FakeClock();
    clock.chance = 0.999_999;
    const error = await get(whole(server), clock);
    expect(error).toMatchObject({ code: "EIO" });
    expect((error as FsError).reason).toContain("503 (tried 5 times)");
    expect(server.requests.length).toBe(5);
    const backoffs = clock.asked.filter((delay_ms) => delay_ms < 9000);
    expect(backoffs.map(Math.round)).toEqual([1000, 2000, 4000, 8000]);
  });

  test("waits a quarter of a second at least", async () => {
    const server = await faultServer(answer(500), answer(200, content));
    const clock = new FakeClock();
    await get(whole(server), clock);
    expect(clock.asked).toContain(250);
  });

  test("waits as long as Retry-After asks, in seconds or as a date", async () => {
    const clock = new FakeClock((delay_ms) => delay_ms !== 10_000);
    const date = new Date(clock.time_ms + 20_000).toUTCString();
    const server = await faultServer(
      answer(429, "", { "retry-after": "17" }),
      answer(503, "", { "retry-after": date }),
      answer(200, content),
    );
    expect(await get(whole(server), clock)).toEqual(content);
    expect(clock.asked).toContain(17_000);
    expect(clock.asked).toContain(20_000);
  });

  test("gives up at once when Retry-After asks for more than a minute", async () => {
    const server = await faultServer(answer(429, "", { "retry-after": "3600" }));
    const error = await get(whole(server));
    expect((error as FsError).reason).toContain("come back in 3600 s");
    expect(server.requests.length).toBe(1);
  });

  test("tells that it cannot reach the server, after five tries", async () => {
    let tries = 0;
    const fetcher = fetcherFor(new FakeClock(), {
      transport: (url, init) => {
        tries += 1;
        return fetch(url, init);
      },
    });
    // No fetch ever goes to port 9.
    await expect(fetcher.get({ url: "http://127.0.0.1:9/f", maxBytes: 1 })).rejects.toThrow(
      /^EIO.*cannot reach http:\/\/127.0.0.1:9\/f: .*tried 5 times/,
    );
    expect(tries).toBe(5);
  });

  test("tells what the runtime says of a network error that has a code", async () => {
    const refused = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
    const fetcher = fetcherFor(new FakeClock(), {
      transport: () => Promise.reject(new TypeError("fetch failed", { cause: refused })),
    });
    await expect(fetcher.get({ url: "http://h/", maxBytes: 1 })).rejects.toThrow(
      /cannot reach http:\/\/h\/: connection refused \(/,
    );
  });

  test("misses the first byte for ten seconds twice, then gives EIO", async () => {
    const clock = new FakeClock();
    const server = await faultServer(() => clock.ring(10_000));
    const error = await get(whole(server), clock);
    expect((error as FsError).reason).toContain("no answer within 10 s");
    expect(server.requests.length).toBe(2);
  });

  test("takes a body that stalls for a missed deadline", async () => {
    const clock = new FakeClock();
    const server = await faultServer((response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write(content.subarray(0, 10));
      // Set again once the first bytes came: now it watches for a stall.
      clock.set(10_000).then(() => clock.ring(10_000));
    });
    const error = await get(whole(server), clock);
    expect((error as FsError).reason).toContain(
      "stalled: less than 1 kB/s for 10 s, after 10 bytes",
    );
  });

  test("does not remember an error", async () => {
    const server = await faultServer(answer(404), answer(200, content));
    const fetcher = fetcherFor(new FakeClock());
    await expect(fetcher.get(whole(server))).rejects.toMatchObject({ code: "ENOENT" });
    expect((await fetcher.get(whole(server))).bytes).toEqual(content);
  });
});

describe("a fetcher, asked for many objects,", () => {
  test("sends one request for all who ask for the same at once", async () => {
    const server = await faultServer(answer(200, content));
    const fetcher = fetcherFor(new FakeClock());
    const objects = await Promise.all([1, 2, 3].map(() => fetcher.get(whole(server))));
    expect(objects.map(({ bytes }) => bytes)).toEqual([content, content, content]);
    expect(server.requests.length).toBe(1);
    await fetcher.get(whole(server));
    expect(server.requests.length).toBe(2);
  });

  test("has six requests in flight at most", async () => {
    const waiting: (() => void)[] = [];
    const server = await faultServer((response) => {
      waiting.push(() => response.end(content));
    });
    const fetcher = fetcherFor(new FakeClock());
    const objects = Array.from({ length: 20 }, (_, index) =>
      fetcher.get({ url: `${server.url}/${index}`, sha256, maxBytes: 100 }),
    );
    for (let answered = 0; answered < 20; answered += 1) {
      await expect.poll(() => waiting.length).toBe(Math.min(6, 20 - answered));
      waiting.shift()?.();
      await expect.poll(() => server.requests.length).toBe(Math.min(20, answered + 7));
    }
    await Promise.all(objects);
    expect(server.mostAtOnce).toBeLessThanOrEqual(7);
  });

  test("cancels what is in flight, waiting or pausing when it is closed, and takes no more", async () => {
    const server = await faultServer(() => {});
    const fetcher = httpFetcher({ clock: new FakeClock(), maxInFlight: 1 });
    const inFlight = fetcher.get(whole(server));
    const waiting = fetcher.get(range(server));
    await expect.poll(() => server.requests.length).toBe(1);
    const busy = await faultServer(answer(503));
    const clock = new FakeClock(() => false);
    const pausing = httpFetcher({ clock });
    const paused = pausing.get(whole(busy));
    await expect.poll(() => clock.asked).toContain(250);
    fetcher.close();
    pausing.close();
    for (const request of [inFlight, waiting, paused, fetcher.get(whole(server))]) {
      await expect(request).rejects.toMatchObject({ code: "ECANCELED" });
    }
    expect(clock.pending).toBe(0);
  });

  test("cancels what has hardly begun when it is closed", async () => {
    const server = await faultServer(answer(200, content));
    const fetcher = httpFetcher({ clock: new FakeClock() });
    const begun = fetcher.get(whole(server));
    fetcher.close();
    await expect(begun).rejects.toMatchObject({ code: "ECANCELED" });
    expect(server.requests.length).toBe(0);
  });
});

describe("a fetcher, in a page of another origin,", () => {
  beforeEach(() => {
    vi.stubGlobal("location", { origin: "http://page.example" });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("finds out that the server only withholds its answer, and says which header is missing", async () => {
    const modes: unknown[] = [];
    const fetcher = fetcherFor(new FakeClock(), {
      transport: async (_, init) => {
        modes.push(init?.mode);
        if (init?.mode === "no-cors") return new Response();
        throw new TypeError("Failed to fetch");
      },
    });
    await expect(fetcher.get({ url: "http://other.example/f", maxBytes: 1 })).rejects.toThrow(
      /sends no 'Access-Control-Allow-Origin' header for http:\/\/page\.example.*`minifo serve DIR`/,
    );
    expect(modes).toEqual([undefined, "no-cors"]);
  });

  test("takes it for the network's fault when the server does not answer at all", async () => {
    let tries = 0;
    const fetcher = fetcherFor(new FakeClock(), {
      transport: async (_, init) => {
        if (init?.mode !== "no-cors") tries += 1;
        throw new TypeError("Failed to fetch");
      },
    });
    await expect(fetcher.get({ url: "http://other.example/f", maxBytes: 1 })).rejects.toThrow(
      /cannot reach http:\/\/other\.example\/f: .*is the server running\?/,
    );
    expect(tries).toBe(5);
  });

  test("does not take a Content-Length for more than it may mean where headers are hidden", async () => {
    const fetcher = fetcherFor(new FakeClock(), {
      transport: async () => new Response(content, { headers: { "content-length": "37" } }),
    });
    const { bytes } = await fetcher.get({ url: "http://other.example/f", sha256, maxBytes: 100 });
    expect(bytes).toEqual(content);
  });
});

describe("the deadline of an answer", () => {
  test("is kept as long as enough bytes arrive in each ten seconds", () => {
    const clock = new FakeClock();
    const deadline = new Deadline(clock);
    for (const bytes of [10_000, 50_000, 10_000]) {
      deadline.received(bytes);
      expect(clock.ring(10_000)).toBe(1);
      expect(deadline.signal.aborted).toBe(false);
    }
    deadline.received(9_999);
    clock.ring(10_000);
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.missed).toContain("stalled");
  });

  test("ends with the answer", () => {
    const clock = new FakeClock();
    new Deadline(clock).end();
    expect(clock.pending).toBe(0);
  });
});
