/**
 * What the table of cases cannot say, because Node's API has no such thing: when calls commit, what a full or failing
 * storage does to them, what is there after a remount, and how the object may be used.
 */
import { describe, expect, test } from "vitest";
import { MemoryBase } from "../../src/base/memory.ts";
import { FsError } from "../../src/errno.ts";
import { FileHandle } from "../../src/fs/file-handle.ts";
import { FsPromises, fsOf } from "../../src/fs/promises.ts";
import { Stats } from "../../src/fs/stats.ts";
import { Deferred, run } from "../../src/operation.ts";
import { Overlay } from "../../src/overlay/overlay.ts";
import { MemoryDisk, openMemoryStorage } from "../../src/storage/memory.ts";

async function mount({
  base = new MemoryBase({}),
  disk = new MemoryDisk(),
  readOnly = false,
}: {
  base?: MemoryBase;
  disk?: MemoryDisk;
  readOnly?: boolean;
} = {}) {
  const storage = openMemoryStorage(disk, { readOnly });
  const overlay = await run(Overlay.open({ base, storage, readOnly }));
  return { base, disk, overlay, fs: new FsPromises(overlay) };
}

/** What is on `disk` now: what there would be if the present owner were killed. */
async function afterCrash(disk: MemoryDisk, base = new MemoryBase({})): Promise<FsPromises> {
  return (await mount({ disk, base, readOnly: true })).fs;
}

async function failureOf(promise: Promise<unknown>): Promise<FsError> {
  const error = await promise.then(
    () => expect.fail("expected a failure"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FsError);
  return error as FsError;
}

describe("the object", () => {
  test("is an own enumerable property of what fsOf gives", async () => {
    const { overlay } = await mount();
    const property = Object.getOwnPropertyDescriptor(fsOf(overlay), "promises");
    expect(property?.enumerable).toBe(true);
    expect(property?.value).toBeInstanceOf(FsPromises);
  });

  test("has methods that work unbound", async () => {
    const { fs } = await mount();
    const { writeFile, readFile, stat } = fs;
    await writeFile("/f", "hello");
    expect(await readFile("/f", "utf8")).toBe("hello");
    expect((await stat("/f")).isFile()).toBe(true);
  });

  test("has its methods as own enumerable properties, so that a copy of it works", async () => {
    const { fs } = await mount();
    const copy: Pick<FsPromises, "readFile" | "writeFile"> = Object.assign({}, fs);
    await copy.writeFile("/f", "hello");
    expect(await copy.readFile("/f", "utf8")).toBe("hello");
  });

  test("takes a path without a slash at its beginning from the root", async () => {
    const { fs } = await mount();
    await fs.mkdir("d");
    await fs.writeFile("d/f", "hello");
    expect(await fs.readFile("/d/f", "utf8")).toBe("hello");
    expect(await fs.mkdir("x/y", { recursive: true })).toBe("/x");
  });

  test("knows that the root can be neither removed nor replaced", async () => {
    const { fs } = await mount();
    await fs.mkdir("/d");
    expect((await failureOf(fs.rmdir("/"))).code).toBe("EBUSY");
    expect((await failureOf(fs.rm("/", { recursive: true }))).code).toBe("EBUSY");
    expect((await failureOf(fs.unlink("/"))).code).toBe("EISDIR");
    expect((await failureOf(fs.mkdir("/"))).code).toBe("EEXIST");
    expect((await failureOf(fs.rename("/", "/x"))).code).toBe("EBUSY");
    expect((await failureOf(fs.rename("/d", "/"))).code).toBe("EBUSY");
    expect(await fs.readdir("/..")).toEqual(["d"]);
    expect(await fs.realpath("/../d/..")).toBe("/");
  });

  test("gives what it creates to the user it was told, with that umask", async () => {
    const { overlay } = await mount();
    const { promises } = fsOf(overlay, { uid: 1000, gid: 100, umask: 0o077 });
    await promises.writeFile("/f", "");
    const { uid, gid, mode } = await promises.stat("/f");
    expect([uid, gid, mode & 0o777]).toEqual([1000, 100, 0o600]);
  });
});

describe("a call that changes something", () => {
  test("resolves only after its commit", async () => {
    const { fs, disk } = await mount();
    const gate = new Deferred<void>();
    disk.before = ({ method }) => (method === "commit" ? gate : undefined);
    let resolved = false;
    const writing = fs.writeFile("/f", "hello").then(() => {
      resolved = true;
    });
    expect(await fs.readFile("/f", "utf8")).toBe("hello");
    expect(resolved).toBe(false);
    expect(disk.names.size).toBe(0);
    gate.resolve();
    await writing;
    expect(await (await afterCrash(disk)).readFile("/f", "utf8")).toBe("hello");
  });

  test("is there after a crash, whichever call it was", async () => {
    const base = new MemoryBase({ "b/f": "base", "b/g": "base too", old: "x" });
    const { fs, disk } = await mount({ base });
    const seen = async (path: string) => (await afterCrash(disk, base)).lstat(path);
    await fs.mkdir("/d");
    expect((await seen("/d")).isDirectory()).toBe(true);
    await fs.appendFile("/b/f", "!");
    expect((await seen("/b/f")).size).toBe(5);
    await fs.truncate("/b/f", 2);
    expect((await seen("/b/f")).size).toBe(2);
    await fs.symlink("f", "/d/l");
    expect((await seen("/d/l")).isSymbolicLink()).toBe(true);
    await fs.link("/b/g", "/d/g");
    expect((await seen("/b/g")).nlink).toBe(2);
    await fs.rename("/old", "/new");
    expect((await seen("/new")).isFile()).toBe(true);
    await fs.chmod("/new", 0o600);
    expect((await seen("/new")).mode).toBe(0o100600);
    await fs.utimes("/new", 1, 2);
    expect((await seen("/new")).mtimeMs).toBe(2000);
    await fs.cp("/b", "/copy", { recursive: true });
    expect((await seen("/copy/g")).size).toBe(8);
    await fs.unlink("/new");
    await expect(seen("/new")).rejects.toThrow("ENOENT");
    await fs.rm("/b", { recursive: true });
    await expect(seen("/b")).rejects.toThrow("ENOENT");
    const handle = await fs.open("/d/h", "w");
    expect((await seen("/d/h")).size).toBe(0);
    await handle.write("hello");
    expect((await seen("/d/h")).size).toBe(5);
    await handle.close();
  });

  test("shares commits with others that are made beside it", async () => {
    const { fs, disk } = await mount();
    const before = disk.commits;
    const names = Array.from({ length: 100 }, (_, n) => `/f${n}`);
    await Promise.all(names.map((name) => fs.writeFile(name, name)));
    expect(disk.commits - before).toBe(1);
    expect((await (await afterCrash(disk)).readdir("/")).length).toBe(100);
  });

  test("shares the next commit with others that are made while one is under way", async () => {
    const { fs, disk } = await mount();
    const before = disk.commits;
    const gate = new Deferred<void>();
    disk.before = ({ method }) => (method === "commit" ? gate : undefined);
    const first = fs.writeFile("/first", "first");
    await Promise.resolve();
    const names = Array.from({ length: 99 }, (_, n) => `/f${n}`);
    const writing = Promise.all(names.map((name) => fs.writeFile(name, name)));
    gate.resolve();
    await Promise.all([first, writing]);
    expect(disk.commits - before).toBe(2);
    expect((await (await afterCrash(disk)).readdir("/")).length).toBe(100);
  });

  test("commits nothing if it changed nothing", async () => {
    const { fs, disk } = await mount({ base: new MemoryBase({ f: "x" }) });
    const before = disk.commits;
    await fs.readFile("/f");
    await fs.stat("/f");
    await fs.readdir("/");
    await failureOf(fs.unlink("/no"));
    await (await fs.open("/f", "r+")).close();
    expect(disk.commits).toBe(before);
  });

  test("rejects with the error of its commit, and is committed later", async () => {
    const { fs, disk } = await mount();
    let full = true;
    disk.before = ({ method }) => {
      if (method === "commit" && full) throw new FsError("ENOSPC");
      return undefined;
    };
    const error = await failureOf(fs.mkdir("/d"));
    expect(error.message).toBe("ENOSPC: no space left on device, mkdir '/d'");
    full = false;
    await fs.mkdir("/e");
    expect(await (await afterCrash(disk)).readdir("/")).toEqual(["d", "e"]);
  });

  test("of more data than fits says so, and reads go on", async () => {
    const { fs, disk } = await mount();
    await fs.writeFile("/f", "kept");
    disk.capacity = 100_000;
    const error = await failureOf(fs.writeFile("/g", new Uint8Array(200_000)));
    expect(error.code).toBe("ENOSPC");
    expect(await fs.readFile("/f", "utf8")).toBe("kept");
    await fs.unlink("/g");
    await fs.writeFile("/h", "fits again");
    const again = await afterCrash(disk);
    expect(await again.readdir("/")).toEqual(["f", "h"]);
  });

  test("that fails on its way leaves committed what it did", async () => {
    const base = new MemoryBase({ "d/a": "", "d/sub/b": "" });
    const { fs, disk } = await mount({ base });
    base.before = (question, path) => {
      if (question === "list" && path === "d/sub") throw new FsError("EIO");
      return undefined;
    };
    expect((await failureOf(fs.rm("/d", { recursive: true }))).code).toBe("EIO");
    base.before = undefined;
    expect(await (await afterCrash(disk, base)).readdir("/d")).toEqual(await fs.readdir("/d"));
  });

  test("is refused where the overlay is read-only", async () => {
    const { overlay, disk } = await mount({ base: new MemoryBase({ f: "x" }) });
    await run(overlay.commit("strict"));
    const { fs } = await mount({ base: new MemoryBase({ f: "x" }), disk, readOnly: true });
    const error = await failureOf(fs.writeFile("/f", "y"));
    expect([error.code, error.syscall, error.path]).toEqual(["EROFS", "open", "/f"]);
    expect((await failureOf(fs.access("/f", fs.constants.W_OK))).code).toBe("EROFS");
    expect((await failureOf(fs.rm("/f"))).code).toBe("EROFS");
    expect(await fs.readFile("/f", "utf8")).toBe("x");
  });
});

describe("sync and batch", () => {
  test("sync of a handle commits strictly, other calls do not", async () => {
    const { fs, disk } = await mount();
    const before = disk.strictCommits;
    const handle = await fs.open("/f", "w");
    await handle.write("hello");
    expect(disk.strictCommits).toBe(before);
    await handle.write("more");
    await handle.sync();
    expect(disk.strictCommits).toBeGreaterThan(before);
    await handle.close();
  });

  test("a handle opened with s commits every write strictly", async () => {
    const { fs, disk } = await mount();
    await fs.writeFile("/f", "");
    const handle = await fs.open("/f", "rs+");
    const before = disk.strictCommits;
    await handle.write("hello");
    expect(disk.strictCommits).toBe(before + 1);
    await handle.close();
  });

  test("writeFile with flush commits strictly", async () => {
    const { fs, disk } = await mount();
    const before = disk.strictCommits;
    await fs.writeFile("/f", "hello", { flush: true });
    expect(disk.strictCommits).toBe(before + 1);
  });

  test("batch commits once, at its end", async () => {
    const { fs, disk } = await mount();
    const before = disk.commits;
    const result = await fs.batch(async (inside) => {
      for (let n = 0; n < 50; n += 1) await inside.writeFile(`/f${n}`, "x");
      expect(disk.commits).toBe(before);
      return "done";
    });
    expect(result).toBe("done");
    expect(disk.commits).toBe(before + 1);
    expect((await (await afterCrash(disk)).readdir("/")).length).toBe(50);
  });

  test("batch commits what was done before it failed", async () => {
    const { fs, disk } = await mount();
    const batch = fs.batch(async (inside) => {
      await inside.mkdir("/d");
      await inside.mkdir("/d");
    });
    expect((await failureOf(batch)).code).toBe("EEXIST");
    expect(await (await afterCrash(disk)).readdir("/")).toEqual(["d"]);
  });
});

describe("reading", () => {
  test("takes what is added to a file while it is read", async () => {
    const base = new MemoryBase({ f: "hello" });
    const { fs } = await mount({ base });
    const gate = new Deferred<void>();
    base.before = (question) => (question === "read" ? gate : undefined);
    const reading = fs.readFile("/f", "utf8");
    const handle = await fs.open("/f", "r+");
    const appending = handle.write(" world", 70_000);
    base.before = undefined;
    gate.resolve();
    await appending;
    await handle.close();
    const text = await reading;
    expect([text.length, text.slice(0, 5), text.slice(-5)]).toEqual([70_006, "hello", "world"]);
  });

  test("takes no more than there is if the file gets shorter meanwhile", async () => {
    const base = new MemoryBase({ f: "hello" });
    const { fs } = await mount({ base });
    const gate = new Deferred<void>();
    base.before = (question) => (question === "read" ? gate : undefined);
    const reading = fs.readFile("/f", "utf8");
    await fs.truncate("/f", 2);
    gate.resolve();
    expect(await reading).toBe("he");
  });

  test("readdir, rm and cp end by their signal on the way, and what was done stays", async () => {
    const { fs } = await mount();
    await fs.mkdir("/tree/deep", { recursive: true });
    for (const name of ["a", "b", "deep/c"]) await fs.writeFile(`/tree/${name}`, name);
    const ended = { name: "AbortError", code: "ABORT_ERR" };
    const copying = new AbortController();
    const filter = (source: string) => {
      if (source !== "/tree") copying.abort();
      return true;
    };
    const { signal } = copying;
    const copied = fs.cp("/tree", "/copy", { recursive: true, filter, signal });
    await expect(copied).rejects.toMatchObject(ended);
    expect(await fs.readdir("/copy")).toHaveLength(1);
    await expect(fs.readdir("/", { recursive: true, signal })).rejects.toMatchObject(ended);
    await expect(fs.rm("/tree", { recursive: true, signal })).rejects.toMatchObject(ended);
    expect(await fs.readdir("/tree")).toEqual(["a", "b", "deep"]);
  });

  test("can be ended by a signal between two pieces", async () => {
    const base = new MemoryBase({ f: { size: 10 * 2 ** 20 } });
    const { fs } = await mount({ base });
    const abort = new AbortController();
    base.before = () => {
      abort.abort("enough");
      return undefined;
    };
    const reading = fs.readFile("/f", { signal: abort.signal });
    await expect(reading).rejects.toMatchObject({ name: "AbortError", code: "ABORT_ERR" });
    expect(base.bytesRead).toBeLessThan(10 * 2 ** 20);
  });

  test("tells the path and the reason if the base cannot be reached", async () => {
    const base = new MemoryBase({ "d/f": "x" });
    const { fs } = await mount({ base });
    base.before = () => {
      throw new FsError("EIO", { syscall: "fetch", reason: "the server does not answer" });
    };
    const error = await failureOf(fs.stat("/d/f"));
    expect(error.message).toBe("EIO: i/o error, stat '/d/f': the server does not answer");
  });
});

describe("handles", () => {
  test("close waits for a write that waits for the base", async () => {
    const base = new MemoryBase({ f: { size: 200_000 } });
    const { fs } = await mount({ base });
    const handle = await fs.open("/f", "r+");
    const gate = new Deferred<void>();
    base.before = (question) => (question === "read" ? gate : undefined);
    let closed = false;
    const writing = handle.write("x", 1000);
    const closing = handle.close().then(() => {
      closed = true;
    });
    await fs.stat("/f");
    expect(closed).toBe(false);
    gate.resolve();
    await closing;
    expect((await writing).bytesWritten).toBe(1);
  });

  test("writes begun one after the other land one after the other", async () => {
    const { fs } = await mount();
    const handle = await fs.open("/f", "w");
    await Promise.all(["one ", "two ", "three"].map((text) => handle.write(text)));
    await handle.close();
    expect(await fs.readFile("/f", "utf8")).toBe("one two three");
  });

  test("have numbers of their own", async () => {
    const { fs } = await mount();
    const [one, two] = [await fs.open("/f", "w"), await fs.open("/f", "r")];
    expect(one.fd).not.toBe(two.fd);
    await Promise.all([one.close(), two.close()]);
  });

  test("can be disposed of where the runtime knows that", async () => {
    const { fs } = await mount();
    const handle = await fs.open("/f", "w");
    const asyncDispose: unknown = Reflect.get(Symbol, "asyncDispose");
    expect(Reflect.has(FileHandle.prototype, asyncDispose as symbol)).toBe(true);
    await (Reflect.get(handle, asyncDispose as symbol) as () => Promise<void>).call(handle);
    await expect(handle.stat()).rejects.toThrow("EBADF");
  });
});

describe("stats", () => {
  test("are the same after a remount, so that nobody has to hash anything again", async () => {
    const base = new MemoryBase({ "b/f": "base" });
    const { fs, disk } = await mount({ base });
    await fs.writeFile("/f", "hello");
    await fs.appendFile("/b/f", "!");
    const again = await afterCrash(disk, base);
    for (const path of ["/", "/f", "/b", "/b/f"]) {
      expect(await again.stat(path, { bigint: true })).toEqual(
        await fs.stat(path, { bigint: true }),
      );
    }
  });

  test("work again after a structured clone once they have their prototype back", async () => {
    const { fs } = await mount();
    const clone = structuredClone(await fs.stat("/"));
    expect(Object.setPrototypeOf(clone, Stats.prototype).isDirectory()).toBe(true);
  });
});

describe("trees", () => {
  test("rm removes ten thousand entries in one pass, and never holds them all uncommitted", async () => {
    const tree: Record<string, string> = {};
    for (let n = 0; n < 10_000; n += 1) tree[`top/d${n % 20}/e${n % 7}/f${n}`] = "";
    const base = new MemoryBase(tree);
    const { fs, disk } = await mount({ base });
    for (let n = 0; n < 100; n += 1) await fs.writeFile(`/top/d${n % 20}/new${n}`, "x");
    let largest = 0;
    disk.before = ({ batch }) => {
      largest = Math.max(largest, batch?.names.length ?? 0);
      return undefined;
    };
    await fs.rm("/top", { recursive: true });
    expect(await fs.readdir("/")).toEqual([]);
    expect(await (await afterCrash(disk, base)).readdir("/")).toEqual([]);
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThan(5000);
    await fs.mkdir("/top");
    expect(await fs.readdir("/top")).toEqual([]);
  });

  test("a tree of three hundred directories, one in the other, can be made, listed, copied and removed", async () => {
    const { fs } = await mount();
    const deep = Array(300).fill("d").join("/");
    await fs.mkdir(`/${deep}`, { recursive: true });
    await fs.writeFile(`/${deep}/f`, "deep");
    expect((await fs.readdir("/", { recursive: true })).length).toBe(301);
    await fs.cp("/d", "/copy", { recursive: true });
    expect(await fs.readFile(`/copy${deep.slice(1)}/f`, "utf8")).toBe("deep");
    await fs.rm("/d", { recursive: true });
    expect(await fs.readdir("/")).toEqual(["copy"]);
  });

  test("directories made side by side with recursive are all there", async () => {
    const base = new MemoryBase({ "d/f": "" });
    const { fs } = await mount({ base });
    const paths = Array.from({ length: 20 }, (_, n) => `/d/x/y/z${n}`);
    await Promise.all(paths.map((path) => fs.mkdir(path, { recursive: true })));
    expect((await fs.readdir("/d/x/y")).length).toBe(20);
  });

  test("readdir with recursive does not run in circles through symlinks", async () => {
    const { fs } = await mount();
    await fs.mkdir("/d");
    await fs.symlink("..", "/d/up");
    expect(await fs.readdir("/", { recursive: true })).toEqual(["d", "d/up"]);
  });
});
