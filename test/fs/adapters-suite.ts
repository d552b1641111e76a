/** What every adapter over the promises API must do, wherever that API is: in process, or on a page over a worker. */
import { describe, expect, test } from "vitest";
import {
  directoryHandle,
  fileSystemProvider,
  type HandleFs,
  type ProviderChange,
  type ProviderUri,
  readable,
  type StreamFs,
  writable,
} from "../../src/index.ts";

/** What the suite writes with, beside what the adapters use. */
export interface AdaptedFs extends HandleFs {
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The name of the DOMException, or the class of the error, that `promise` rejects with. */
async function nameOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "nothing",
    (error: Error) => error.name,
  );
}

/** Suites of the adapters over what `open` gives: an overlay with the file `/base/file` ("of the base") and nothing else. */
export function adaptersSuite(open: () => Promise<AdaptedFs>): void {
  describe("streams", () => {
    test("give a file in pieces, and a part of it", async () => {
      const fs = await open();
      const bytes = Uint8Array.from({ length: 600_000 }, (_, at) => at % 251);
      await fs.writeFile("/large", bytes);
      const whole = new Uint8Array(await new Response(readable(fs, "/large")).arrayBuffer());
      expect(whole.length).toBe(600_000);
      expect(whole.every((byte, at) => byte === at % 251)).toBe(true);
      const part = readable(fs, "/large", { start: 300_000, end: 300_010 });
      const got = new Uint8Array(await new Response(part).arrayBuffer());
      expect([...got]).toEqual([...bytes.subarray(300_000, 300_010)]);
    });

    test("take strings, buffers and Blobs, begin anew or append", async () => {
      const fs = await open();
      const writer = writable(fs, "/out").getWriter();
      await writer.write("a string, ");
      await writer.write(new TextEncoder().encode("bytes, ").buffer);
      await writer.write(new Blob(["a Blob"]));
      await writer.close();
      expect(text(await fs.readFile("/out"))).toBe("a string, bytes, a Blob");
      const more = writable(fs, "/out", { flags: "a" }).getWriter();
      await more.write(" and more");
      await more.close();
      expect(text(await fs.readFile("/out"))).toBe("a string, bytes, a Blob and more");
    });

    test("make an empty file of no bytes", async () => {
      const fs = await open();
      await writable(fs, "/none").close();
      expect((await fs.stat("/none")).size).toBe(0);
    });

    test("fail as the calls do, and end when their signal says so", async () => {
      const fs = await open();
      const missing = readable(fs, "/missing").getReader();
      await expect(missing.read()).rejects.toMatchObject({ code: "ENOENT" });
      const there = writable(fs, "/base/file", { flags: "wx" }).getWriter();
      await expect(there.write("x")).rejects.toMatchObject({ code: "EEXIST" });
      const ending = new AbortController();
      const reader = readable(fs, "/base/file", { signal: ending.signal }).getReader();
      ending.abort();
      await expect(reader.read()).rejects.toMatchObject({ name: "AbortError" });
    });

    test("close their file when they are ended while nobody reads", async () => {
      const fs = await open();
      await fs.writeFile("/large", new Uint8Array(600_000));
      let tellClosed = () => {};
      const closed = new Promise<void>((resolve) => {
        tellClosed = resolve;
      });
      const watched: StreamFs = {
        async open(path, flags) {
          const file = await fs.open(path, flags);
          return {
            read: (...values) => file.read(...values),
            write: (...values) => file.write(...values),
            truncate: (length) => file.truncate(length),
            close: () => file.close().then(tellClosed),
          };
        },
      };
      const ending = new AbortController();
      const reader = readable(watched, "/large", { signal: ending.signal }).getReader();
      await reader.read();
      ending.abort();
      await closed;
      await expect(reader.read()).rejects.toMatchObject({ name: "AbortError" });
    });
  });

  describe("file system handles", () => {
    test("find, create and tell files from directories", async () => {
      const root = directoryHandle(await open());
      expect([root.kind, root.name]).toEqual(["directory", ""]);
      const base = await root.getDirectoryHandle("base");
      const file = await base.getFileHandle("file");
      expect([file.kind, file.name]).toEqual(["file", "file"]);
      expect(await (await file.getFile()).text()).toBe("of the base");
      expect(await nameOf(root.getFileHandle("new"))).toBe("NotFoundError");
      await root.getFileHandle("new", { create: true });
      await root.getFileHandle("new", { create: true });
      await root.getDirectoryHandle("dir", { create: true });
      expect(await nameOf(root.getFileHandle("dir"))).toBe("TypeMismatchError");
      expect(await nameOf(root.getDirectoryHandle("new", { create: true }))).toBe(
        "TypeMismatchError",
      );
      for (const name of ["", ".", "..", "a/b", "a\0b"]) {
        expect(await nameOf(root.getFileHandle(name, { create: true }))).toBe("TypeError");
      }
    });

    test("iterate, with symlinks as what they lead to", async () => {
      const fs = await open();
      await fs.symlink("base", "/link");
      await fs.symlink("nowhere", "/dangling");
      const root = directoryHandle(fs);
      await root.getFileHandle("__proto__", { create: true });
      const kinds: [string, string][] = [];
      for await (const [name, handle] of root) kinds.push([name, handle.kind]);
      expect(kinds.sort()).toEqual([
        ["__proto__", "file"],
        ["base", "directory"],
        ["link", "directory"],
      ]);
      const names: string[] = [];
      for await (const name of root.keys()) names.push(name);
      expect(names.sort()).toEqual(["__proto__", "base", "link"]);
    });

    test("resolve what lies below, and know the same entry", async () => {
      const root = directoryHandle(await open());
      const base = await root.getDirectoryHandle("base");
      const file = await base.getFileHandle("file");
      expect(await root.resolve(file)).toEqual(["base", "file"]);
      expect(await root.resolve(root)).toEqual([]);
      expect(await base.resolve(root)).toBeNull();
      expect(await file.isSameEntry(await base.getFileHandle("file"))).toBe(true);
      expect(await file.isSameEntry(base)).toBe(false);
      expect(await directoryHandle(await open()).resolve(file)).toBeNull();
    });

    test("remove entries, full directories only if they are told to", async () => {
      const root = directoryHandle(await open());
      expect(await nameOf(root.removeEntry("base"))).toBe("InvalidModificationError");
      await root.removeEntry("base", { recursive: true });
      expect(await nameOf(root.getDirectoryHandle("base"))).toBe("NotFoundError");
      expect(await nameOf(root.removeEntry("base"))).toBe("NotFoundError");
    });

    test("write: what is written takes the file's place when the stream is closed", async () => {
      const fs = await open();
      const base = await directoryHandle(fs).getDirectoryHandle("base");
      const file = await base.getFileHandle("file");
      const stream = await file.createWritable();
      await stream.write("all ");
      await stream.write({ type: "write", data: "new", position: 4 });
      expect(text(await fs.readFile("/base/file"))).toBe("of the base");
      await stream.close();
      expect(text(await fs.readFile("/base/file"))).toBe("all new");
      expect((await fs.readdir("/base", { withFileTypes: true })).map(({ name }) => name)).toEqual([
        "file",
      ]);
    });

    test("write: existing data is kept on request; seek and truncate", async () => {
      const fs = await open();
      const base = await directoryHandle(fs).getDirectoryHandle("base");
      const stream = await (await base.getFileHandle("file")).createWritable({
        keepExistingData: true,
      });
      await stream.seek(3);
      await stream.write(new TextEncoder().encode("OUR"));
      await stream.truncate(7);
      await stream.write({ type: "write", data: new Blob(["!"]) });
      await stream.close();
      expect(text(await fs.readFile("/base/file"))).toBe("of OUR!");
    });

    test("write: the file keeps its mode, and a symlink stays one", async () => {
      const fs = await open();
      await fs.writeFile("/shared", "one");
      await fs.chmod("/shared", 0o664);
      await fs.symlink("shared", "/link");
      for (const keepExistingData of [false, true]) {
        const link = await directoryHandle(fs).getFileHandle("link");
        const stream = await link.createWritable({ keepExistingData });
        await stream.write("two");
        await stream.close();
        expect((await fs.lstat("/link")).isSymbolicLink()).toBe(true);
        expect((await fs.stat("/shared")).mode & 0o7777).toBe(0o664);
        expect(text(await fs.readFile("/shared"))).toBe("two");
      }
    });

    test("iterate past symlinks that lead through a file, or nowhere", async () => {
      const fs = await open();
      await fs.symlink("base/file/below", "/through");
      await fs.symlink("none", "/nowhere");
      const names: string[] = [];
      for await (const name of directoryHandle(fs).keys()) names.push(name);
      expect(names).toEqual(["base"]);
    });

    test("write: an aborted stream, or one that fails, leaves no trace", async () => {
      const fs = await open();
      const base = await directoryHandle(fs).getDirectoryHandle("base");
      const file = await base.getFileHandle("file");
      const aborted = await file.createWritable();
      await aborted.write("lost");
      await aborted.abort();
      const failed = await file.createWritable();
      expect(await nameOf(failed.seek(-1))).toBe("TypeError");
      expect(await nameOf(failed.close())).not.toBe("nothing");
      expect(text(await fs.readFile("/base/file"))).toBe("of the base");
      expect(await fs.readdir("/base", { withFileTypes: true })).toHaveLength(1);
    });
  });

  describe("VS Code's provider", () => {
    const uri = (path: string): ProviderUri => ({ path, with: (change) => uri(change.path) });
    const named = (kind: string) => (at: ProviderUri | string) =>
      Object.assign(new Error(typeof at === "string" ? at : at.path), { name: kind });
    const errors = {
      FileNotFound: named("FileNotFound"),
      FileExists: named("FileExists"),
      FileNotADirectory: named("FileNotADirectory"),
      FileIsADirectory: named("FileIsADirectory"),
      NoPermissions: named("NoPermissions"),
      Unavailable: named("Unavailable"),
    };

    test("reads, lists and tells types, symlinks too", async () => {
      const fs = await open();
      await fs.symlink("base/file", "/link");
      const provider = fileSystemProvider(fs, { errors });
      expect(await provider.stat(uri("/base"))).toMatchObject({ type: 2 });
      expect(await provider.stat(uri("/link"))).toMatchObject({ type: 65, size: 11 });
      expect((await provider.readDirectory(uri("/"))).sort()).toEqual([
        ["base", 2],
        ["link", 65],
      ]);
      expect(text(await provider.readFile(uri("/base/file")))).toBe("of the base");
    });

    test("writes as its options say, and tells of each change", async () => {
      const provider = fileSystemProvider(await open(), { errors });
      const told: string[] = [];
      const listening = provider.onDidChangeFile((changes: ProviderChange[]) => {
        told.push(changes.map(({ type, uri }) => `${type} ${uri.path}`).join(", "));
      });
      const bytes = new TextEncoder().encode("new");
      const write = (path: string, create: boolean, overwrite: boolean) =>
        provider.writeFile(uri(path), bytes, { create, overwrite });
      expect(await nameOf(write("/none", false, true))).toBe("FileNotFound");
      expect(await nameOf(write("/base/file", true, false))).toBe("FileExists");
      expect(await nameOf(write("/base", false, true))).toBe("FileIsADirectory");
      await write("/new", true, false);
      await write("/base/file", false, true);
      await provider.createDirectory(uri("/dir"));
      await provider.rename(uri("/new"), uri("/dir/moved"), { overwrite: false });
      await provider.delete(uri("/dir"), { recursive: true });
      expect(told).toEqual([
        "2 /new, 1 /",
        "1 /base/file",
        "2 /dir, 1 /",
        "3 /new, 2 /dir/moved",
        "3 /dir, 1 /",
      ]);
      listening.dispose();
      await write("/unheard", true, true);
      expect(told).toHaveLength(5);
    });

    test("a rename replaces only if it may", async () => {
      const fs = await open();
      await fs.writeFile("/a", "a");
      const provider = fileSystemProvider(fs, { errors });
      const rename = (from: string, to: string, overwrite: boolean) =>
        provider.rename(uri(from), uri(to), { overwrite });
      expect(await nameOf(rename("/a", "/base", false))).toBe("FileExists");
      expect(await nameOf(rename("/none", "/base", true))).toBe("FileNotFound");
      expect((await provider.stat(uri("/base"))).type).toBe(2);
      await rename("/a", "/base", true);
      expect(text(await fs.readFile("/base"))).toBe("a");
      expect(await nameOf(provider.readDirectory(uri("/base")))).toBe("FileNotADirectory");
      await rename("/base", "/base", true);
      expect(text(await fs.readFile("/base"))).toBe("a");
    });

    test("a rename over a directory loses nothing if it cannot be", async () => {
      const fs = await open();
      await fs.mkdir("/base/deep");
      const provider = fileSystemProvider(fs, { errors });
      const rename = (from: string, to: string) =>
        provider.rename(uri(from), uri(to), { overwrite: true });
      expect(await nameOf(rename("/base/deep", "/base"))).toBe("Unavailable");
      expect(await nameOf(rename("/base", "/base/deep"))).toBe("Unavailable");
      const names = (await fs.readdir("/base", { withFileTypes: true })).map(({ name }) => name);
      expect(names.sort()).toEqual(["deep", "file"]);
      expect(await fs.readdir("/", { withFileTypes: true })).toHaveLength(1);
    });
  });
}
