/** The overlay through its worker, as a page sees it. */
import { describe, expect, test } from "vitest";
import { FsPromises } from "../../src/fs/promises.ts";
import { FsReading } from "../../src/fs/reading.ts";
import {
  BigIntStats,
  Dirent,
  FsError,
  openOverlay,
  originSpace,
  persistStorages,
  Stats,
} from "../../web/index.ts";
import { largeByte } from "../rig/site.ts";
import { close, opened, unusedStorage } from "./opened.ts";

/** What `promise` rejects with. */
async function rejection(promise: Promise<unknown>): Promise<FsError> {
  try {
    await promise;
  } catch (error) {
    return error as FsError;
  }
  throw new Error("it was expected to reject, and resolved");
}

describe("a base over HTTP, written to in a worker", () => {
  test("reads the base, keeps changes over a reopen, lists and reverts them", async () => {
    const storage = unusedStorage();
    const first = await opened("site", storage);
    const { promises } = first.fs;
    expect(await promises.readdir("/")).toContain("index.html");
    expect(await promises.readFile("/script.js", "utf8")).toBe("export const answer = 42;\n");
    await promises.writeFile("/script.js", "export const answer = 43;\n");
    await promises.mkdir("/new/deep", { recursive: true });
    await promises.rename("/style", "/looks");
    await promises.unlink("/empty.txt");
    await close(first);

    const second = await opened("site", storage);
    const fs = second.fs.promises;
    expect(await fs.readFile("/script.js", "utf8")).toBe("export const answer = 43;\n");
    expect(await fs.readFile("/looks/main.css", "utf8")).toContain("rgb(1, 2, 3)");
    expect(await second.status()).toMatchObject([
      { path: "empty.txt", state: "deleted" },
      { path: "looks", state: "renamed", from: "style" },
      { path: "new", state: "created", type: "directory" },
      { path: "new/deep", state: "created", type: "directory" },
      { path: "script.js", state: "modified", content: true },
    ]);
    expect(new TextDecoder().decode(await second.original("script.js"))).toContain("42");
    await second.revert(["script.js", "looks", "new", "empty.txt"]);
    expect(await second.status()).toEqual([]);
    expect(await fs.readFile("/script.js", "utf8")).toContain("42");
  });

  test("writes one byte into a large file and fetches no more than its chunk", async () => {
    const overlay = await opened("site");
    const { promises } = overlay.fs;
    const { bytes: before } = await overlay.traffic();
    const file = await promises.open("/large.bin", "r+");
    await file.write(Uint8Array.of(7), 0, 1, 1_500_000);
    const read = new Uint8Array(4);
    expect(await file.read(read, 0, 4, 1_499_999)).toMatchObject({ bytesRead: 4, buffer: read });
    await file.close();
    expect([...read]).toEqual([
      largeByte(1_499_999),
      7,
      largeByte(1_500_001),
      largeByte(1_500_002),
    ]);
    expect((await overlay.traffic()).bytes - before).toBeLessThanOrEqual(2 ** 20);
  });

  test("opens a small site and lists it with one request", async () => {
    const overlay = await opened("site");
    expect(await overlay.fs.promises.readdir("/")).toContain("index.html");
    expect((await overlay.list("/notes")).map(({ name }) => name)).toEqual(["binary", "plain"]);
    expect((await overlay.traffic()).requests).toBe(1);
  });

  test("says which base there is none at", async () => {
    const base = new URL("/bases/none/", location.href).href;
    const error = await rejection(openOverlay({ base, storage: unusedStorage() }));
    expect(error).toMatchObject({ code: "ENOENT" });
    expect(error.message).toContain(base);
  });
});

describe("what crosses between page and worker", () => {
  test("every method of the API is an own function of the page's object", async () => {
    const { promises } = (await opened("empty")).fs;
    const classes = [FsPromises, FsReading];
    const names = classes.flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
    const methods = [...new Set(names)].filter((name) => name !== "constructor");
    const own = Object.entries(promises).filter(([, value]) => typeof value === "function");
    expect(own.map(([name]) => name).sort()).toEqual(methods.sort());
  });

  test("an error keeps class, code, errno, system call, paths, reason and cause", async () => {
    const { promises } = (await opened("empty")).fs;
    const missing = await rejection(promises.readFile("/none"));
    expect(missing).toBeInstanceOf(FsError);
    expect(missing).toMatchObject({ code: "ENOENT", errno: -2, syscall: "open", path: "/none" });
    expect(missing.message).toBe("ENOENT: no such file or directory, open '/none'");
    const rename = await rejection(promises.rename("/a", "/b"));
    expect(rename).toMatchObject({ code: "ENOENT", syscall: "rename", path: "/a", dest: "/b" });
    const wrong = await rejection(promises.readFile(undefined as unknown as string));
    expect(wrong).toBeInstanceOf(TypeError);
    expect(wrong).toMatchObject({ code: "ERR_INVALID_ARG_TYPE" });
  });

  test("stats, entries and handles have their classes and methods", async () => {
    const { promises } = (await opened("site")).fs;
    const stat = await promises.stat("/script.js");
    expect(stat).toBeInstanceOf(Stats);
    expect(stat.isFile()).toBe(true);
    expect(stat.mtime).toEqual(new Date(1_700_000_000_000));
    const exact = await promises.lstat("/notes", { bigint: true });
    expect(exact).toBeInstanceOf(BigIntStats);
    expect(exact.isDirectory()).toBe(true);
    const entries = await promises.readdir("/notes", { withFileTypes: true });
    expect(entries[0]).toBeInstanceOf(Dirent);
    expect(entries.map((entry) => [entry.name, entry.isFile()])).toEqual([
      ["binary", true],
      ["plain", true],
    ]);
    const names: string[] = [];
    for await (const entry of await promises.opendir("/notes")) names.push(entry.name);
    expect(names.sort()).toEqual(["binary", "plain"]);
    const file = await promises.open("/notes/plain");
    expect((await file.stat()).size).toBe(26);
    expect(await file.readFile("utf8")).toBe("text without an extension\n");
    await file.close();
    expect(await rejection(file.stat())).toMatchObject({ code: "EBADF" });
  });

  test("the caller's bytes stay usable, also those in the middle of a buffer", async () => {
    const { promises } = (await opened("empty")).fs;
    const whole = Uint8Array.of(1, 2, 3, 4, 5);
    await promises.writeFile("/whole", whole);
    await promises.writeFile("/middle", whole.subarray(1, 3));
    const file = await promises.open("/whole", "r+");
    await file.write(whole, 4, 1, 0);
    await file.close();
    expect([...whole]).toEqual([1, 2, 3, 4, 5]);
    expect([...(await promises.readFile("/whole"))]).toEqual([5, 2, 3, 4, 5]);
    expect([...(await promises.readFile("/middle"))]).toEqual([2, 3]);
  });

  test("a signal ends the waiting with an AbortError", async () => {
    const overlay = await opened("empty");
    const { promises } = overlay.fs;
    await promises.writeFile("/f", "text");
    const signal = AbortSignal.abort();
    expect(await rejection(promises.readFile("/f", { signal }))).toMatchObject({
      name: "AbortError",
    });
    const other = new AbortController();
    expect(await promises.readFile("/f", { signal: other.signal, encoding: "utf8" })).toBe("text");
    await promises.mkdir("/d");
    const ended = [
      overlay.status({ signal }),
      overlay.revert(["f"], { signal }),
      promises.readdir("/", { recursive: true, signal }),
      promises.cp("/d", "/copy", { recursive: true, signal }),
      promises.rm("/d", { recursive: true, signal }),
      promises.writeFile("/f", "other", { signal }),
    ];
    for (const call of ended) expect(await rejection(call)).toMatchObject({ name: "AbortError" });
    expect(await promises.readdir("/")).toEqual(["d", "f"]);
    expect(await promises.readFile("/f", "utf8")).toBe("text");
  });

  test("a batch is committed at its end, also if it fails", async () => {
    const overlay = await opened("empty");
    const { promises } = overlay.fs;
    const failure = new Error("of the program itself");
    const failed = promises.batch(async (fs) => {
      for (let i = 0; i < 20; i += 1) await fs.writeFile(`/${i}`, String(i));
      throw failure;
    });
    expect(await rejection(failed)).toBe(failure);
    expect(await promises.readdir("/")).toHaveLength(20);
    expect(await promises.readFile("/19", "utf8")).toBe("19");
  });

  test("an iterable of pieces is written whole", async () => {
    const { promises } = (await opened("empty")).fs;
    await promises.writeFile("/f", ["one ", new TextEncoder().encode("two ")]);
    async function* more() {
      yield "three";
    }
    await promises.appendFile("/f", more());
    expect(await promises.readFile("/f", "utf8")).toBe("one two three");
  });
});

describe("the browser's room for storages", () => {
  test("is told, where the browser tells it", async () => {
    const space = await originSpace();
    // WebKitGTK does not.
    if (!space) return expect(navigator.storage).toBeUndefined();
    expect(space.quota).toBeGreaterThan(space.usage);
    expect(typeof space.isPersistent).toBe("boolean");
  });

  test("asks to be kept, and waits for no user who does not answer", async () => {
    const answers = [
      [() => Promise.resolve(true), "persistent"],
      [() => Promise.resolve(false), "refused"],
      [() => new Promise(() => {}), "unanswered"],
      [undefined, "refused"],
    ] as const;
    try {
      for (const [persist, said] of answers) {
        const value = { persist };
        Object.defineProperty(navigator, "storage", { value, configurable: true });
        expect(await persistStorages(20)).toBe(said);
      }
    } finally {
      // The prototype's shows again.
      Reflect.deleteProperty(navigator, "storage");
    }
  });
});
