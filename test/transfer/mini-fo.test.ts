import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDirectoryBase } from "../../node/index.ts";
import { openMiniFoDirectory } from "../../node/transfer/mini-fo-directory.ts";
import {
  check,
  FsError,
  type Inode,
  importMiniFo,
  joinBasePath,
  MemoryDisk,
  MemoryInspection,
  type MiniFoCounts,
  type MiniFoStorage,
  Overlay,
  openMemoryStorage,
  run,
} from "../../src/index.ts";
import { temporaryDirectory } from "../node/base/tree-on-disk.ts";
import { miniFoView, sumOf } from "./mini-fo-view.ts";

const meta = "META_dAfFgHE39ktF3HD2sr";
const isRoot = process.getuid?.() === 0;

/** A directory of files; a path that ends with a slash is a directory. */
function directoryOf(tree: Readonly<Record<string, string | Uint8Array>>): string {
  const root = temporaryDirectory();
  for (const [path, content] of Object.entries(tree)) {
    const at = join(root, path);
    mkdirSync(path.endsWith("/") ? at : dirname(at), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(at, content);
  }
  return root;
}

interface Imported {
  readonly counts: Readonly<MiniFoCounts>;
  readonly notes: string[];
  readonly overlay: Overlay;
  readonly disk: MemoryDisk;
}

async function imported(
  base: string,
  storage: string | MiniFoStorage,
  basePath?: string,
): Promise<Imported> {
  const disk = new MemoryDisk();
  const overlay = await run(
    Overlay.open({
      base: await run(openDirectoryBase(base)),
      storage: openMemoryStorage(disk),
    }),
  );
  const notes: string[] = [];
  const counts = await run(
    importMiniFo({
      overlay,
      storage: typeof storage === "string" ? openMiniFoDirectory(storage) : storage,
      basePath,
      note: (path, what) => notes.push(`${path}: ${what}`),
    }),
  );
  return { counts, notes, overlay, disk };
}

/** The overlay's tree in the words of `miniFoView`. */
async function view(overlay: Overlay, directory = overlay.root, at = ""): Promise<string[]> {
  const lines: string[] = [];
  const listing = await run(overlay.opendir(directory));
  for (let index = 0; index < listing.length; index += 1) {
    const { name } = listing.entry(index);
    const inode = await run(overlay.lookup(directory, name));
    const path = joinBasePath(at, name);
    lines.push(await lineOf(overlay, inode, path));
    if (inode.type === "directory") lines.push(...(await view(overlay, inode, path)));
  }
  return at === "" ? lines.sort() : lines;
}

async function lineOf(overlay: Overlay, inode: Inode, path: string): Promise<string> {
  const { mode, uid, gid, mtime, size, rdev, type } = await run(overlay.getattr(inode));
  const ns = BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds);
  let content = "";
  if (type === "symlink") content = await run(overlay.readlink(inode));
  if (type === "character" || type === "block") content = String(rdev);
  if (type === "file") {
    const handle = await run(overlay.open(inode, { read: true }));
    const bytes = new Uint8Array(size);
    await run(overlay.read(handle, 0, bytes));
    await run(overlay.release(handle));
    content = `${size} ${sumOf(bytes)}`;
  }
  return [path, mode.toString(8), uid, gid, ns, content].join("\t");
}

/** Imports, and holds the overlay to what mini_fo would have shown and the storage to its format. */
async function expectSameView(base: string, storage: string): Promise<Imported> {
  const result = await imported(base, storage);
  expect(await view(result.overlay)).toEqual(miniFoView(base, storage));
  const report = await run(
    check({ storage: new MemoryInspection(result.disk), base: result.overlay.base }),
  );
  expect(report.findings).toEqual([]);
  return result;
}

const rom = {
  "etc/init.d/S96led": "led",
  "etc/init.d/S50net": "net",
  "etc/config": "config",
  "a b": "blank",
  "usr/share/doc/one/readme": "one",
  "usr/share/doc/two": "two",
  "usr/share/man/ls": "ls",
  "bin/busybox": "busybox",
  "gone/deep/file": "x",
  "gone/other": "y",
  "again/old": "old",
  "again/sub/old": "old",
  "file-then-directory": "f",
  "directory-then-file/x": "x",
};

describe("an import from mini_fo shows what mini_fo showed:", () => {
  test("deleted names, also with blanks, twice, and in directories below", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      [meta]: "D a b\nD gone\nD a b\n",
      [`etc/init.d/${meta}`]: "D S96led\nD S96led\n",
    });
    const { counts, notes, overlay } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ deleted: 3, duplicates: 2, linesSkipped: 0, leftOut: 0 });
    expect(notes).toEqual([]);
    const changes = await run(overlay.changes());
    const deleted = changes.filter(({ state }) => state === "deleted").map(({ path }) => path);
    expect(deleted).toEqual(["a b", "etc/init.d/S96led", "gone"]);
  });

  test("a renamed directory, with changes below it, is a rename and no copy", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      [meta]: "R /usr/share/doc docs\n",
      [`usr/share/${meta}`]: "D doc\n",
      "docs/two": "changed",
      "docs/new": "new",
      [`docs/one/${meta}`]: "D readme\n",
    });
    const { counts, notes, overlay } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ renamed: 1, deleted: 1 });
    expect(notes).toEqual([]);
    const changes = await run(overlay.changes());
    expect(changes).toContainEqual(
      expect.objectContaining({ path: "docs", state: "renamed", from: "usr/share/doc" }),
    );
    expect(changes).toContainEqual(
      expect.objectContaining({ path: "docs/two", state: "modified" }),
    );
  });

  test("renames that nest, swap and come from what is deleted", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      [meta]: "D usr\nD etc\nR /usr/share etc\nR /etc/init.d usr\nD again\nR /again/sub saved\n",
      [`etc/${meta}`]: "D doc\nR /usr/share/doc/one first of all\nD ls\n",
      "usr/added": "added",
    });
    // Where the base's /etc was, its /usr/share is now, and the other way round.
    const { counts, notes } = await expectSameView(base, storage);
    expect(counts.renamed).toBe(4);
    expect(notes).toEqual([
      `etc/${meta}: line "D ls" skipped: there is nothing of that name to hide`,
    ]);
  });

  test("what was deleted and made again shows nothing of the base", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      [meta]: "D again\nD file-then-directory\nD directory-then-file\nD etc\n",
      "again/new": "new",
      "file-then-directory/": "",
      "directory-then-file": "file",
      "etc/": "",
    });
    const { overlay } = await expectSameView(base, storage);
    const changes = await run(overlay.changes());
    expect(changes).toContainEqual(expect.objectContaining({ path: "again", state: "replaced" }));
  });

  test("a changed file stays the base's, a new one is new", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      "bin/busybox": "patched",
      "bin/new": "new",
      "new/deep/file": "",
    });
    const { overlay, counts } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ files: 3, directories: 3 });
    const changes = await run(overlay.changes());
    expect(changes).toContainEqual(
      expect.objectContaining({ path: "bin/busybox", state: "modified" }),
    );
    expect(changes).toContainEqual(expect.objectContaining({ path: "bin/new", state: "created" }));
  });

  test("modes, owners, times to the nanosecond, symlinks, fifos and awkward names", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      "etc/config": "config",
      "line\nbreak": "1",
      __proto__x: "2",
      ".wh.x": "3",
      "back\\slash": "4",
      " ": "5",
      日本語: "6",
      "bin/tool": "tool",
    });
    symlinkSync("../etc/config", join(storage, "bin/link"));
    execFileSync("mknod", [join(storage, "pipe"), "p"]);
    chmodSync(join(storage, "bin/tool"), 0o4751);
    chmodSync(join(storage, "etc/config"), 0o600);
    chmodSync(join(storage, "bin"), 0o2775);
    if (isRoot) {
      chownSync(join(storage, "bin/tool"), 123, 456);
      execFileSync("mknod", [join(storage, "null"), "c", "1", "3"]);
    }
    lutimesSync(join(storage, "bin/link"), 1e9, 1e9 + 0.25);
    execFileSync("touch", ["-d", "1969-12-31 23:59:58.123456789 UTC", join(storage, "bin/tool")]);
    utimesSync(join(storage, "bin"), 5, 6.5);
    utimesSync(storage, 7, 8.5);
    const { overlay, counts } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ symlinks: 1, special: isRoot ? 2 : 1 });
    const root = await run(overlay.getattr(overlay.root));
    expect(root.mtime).toEqual({ seconds: 8, nanoseconds: 500_000_000 });
  });

  test("names of one file in the storage are hard links; names of one file in the base part", async () => {
    const base = directoryOf({ one: "same", "d/": "" });
    linkSync(join(base, "one"), join(base, "two"));
    const storage = directoryOf({ one: "mine", "d/first": "linked" });
    linkSync(join(storage, "d/first"), join(storage, "second"));
    linkSync(join(storage, "d/first"), join(storage, "d/third"));
    const { overlay, counts } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ files: 2, links: 2 });
    const d = await run(overlay.lookup(overlay.root, "d"));
    const first = await run(overlay.lookup(d, "first"));
    expect(first).toBe(await run(overlay.lookup(overlay.root, "second")));
    expect((await run(overlay.getattr(first))).nlink).toBe(3);
  });

  test("a sparse file keeps its holes", async () => {
    const base = directoryOf({ sparse: "the base's" });
    const storage = directoryOf({});
    const file = openSync(join(storage, "sparse"), "w");
    writeSync(file, "begin", 0);
    writeSync(file, "middle", 3_000_000);
    ftruncateSync(file, 5_000_000);
    closeSync(file);
    const { counts, disk } = await expectSameView(base, storage);
    expect(counts.bytes).toBe(2 * 65_536);
    expect(disk.dataBytes).toBeLessThanOrEqual(2 * 65_536);
  });
});

describe("what cannot be followed is told and skipped:", () => {
  test("garbage lines, names that are none, and paths that the base does not have", async () => {
    const base = directoryOf(rom);
    const lines = [
      "X bin",
      "",
      "D",
      "D ",
      "D a/b",
      "R /usr/share/doc",
      "R usr/share/doc x",
      "R /no/such there",
      "R /bin/busybox tool",
      "D no-such",
      "D bin",
    ];
    const storage = directoryOf({ [meta]: `${lines.join("\n")}\nD gone` });
    const { counts, notes, overlay } = await imported(base, storage);
    expect(counts).toMatchObject({ deleted: 2, renamed: 0, linesSkipped: 10 });
    expect(notes).toHaveLength(10);
    expect(notes[0]).toBe(`${meta}: line 1, "X bin" skipped: it begins with neither D nor R`);
    expect(notes.join("\n")).toContain(
      '"R /no/such there" skipped: the base has no such directory',
    );
    expect(await view(overlay)).toEqual(miniFoView(base, storage));
  });

  test("a name with a newline in it: mini_fo could not write down that it is deleted", async () => {
    const base = directoryOf({ "a\nb": "1", a: "2" });
    const storage = directoryOf({ [meta]: "D a\nb\n" });
    const { counts } = await expectSameView(base, storage);
    expect(counts).toMatchObject({ deleted: 1, linesSkipped: 1 });
  });

  test("bytes that are no UTF-8, in lines and in names", async () => {
    const base = directoryOf(rom);
    const line = Buffer.from([0x44, 0x20, 0xff, 0x0a]);
    const storage = directoryOf({ [meta]: Buffer.concat([line, Buffer.from("D bin\n")]) });
    writeFileSync(Buffer.concat([Buffer.from(`${storage}/`), Buffer.from([0xfe])]), "x");
    const { counts, notes } = await imported(base, storage);
    expect(counts).toMatchObject({ deleted: 1, linesSkipped: 1, leftOut: 1 });
    expect(notes.some((note) => note.includes("its name is no valid UTF-8"))).toBe(true);
  });

  test("a renamed directory under whose name a file lies, and one that is renamed twice", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({
      [meta]: "R /usr/share/doc docs\nR /usr/share/man taken\nR /usr/share/doc again-docs\n",
      [`usr/share/${meta}`]: "D doc\n",
      taken: "a file",
    });
    const { counts, notes, overlay } = await imported(base, storage);
    expect(counts).toMatchObject({ renamed: 1, linesSkipped: 2 });
    expect(notes).toEqual([
      `${meta}: line "R /usr/share/man taken" skipped: a file lies under the new name`,
      `${meta}: line "R /usr/share/doc again-docs" skipped: that directory is "docs" already`,
    ]);
    expect((await view(overlay)).some((line) => line.startsWith("usr/share/man/ls\t"))).toBe(true);
  });

  test("a renamed directory that nothing hides in its old place is only in the new one", async () => {
    const base = directoryOf(rom);
    const storage = directoryOf({ [meta]: "R /usr/share/doc docs\n" });
    const { notes, overlay } = await imported(base, storage);
    expect(notes).toEqual([
      'docs: it takes its content from "usr/share/doc", which mini_fo showed there too: it is only here now',
    ]);
    const paths = (await view(overlay)).map((line) => line.split("\t")[0]);
    expect(paths).toContain("docs/two");
    expect(paths).not.toContain("usr/share/doc");
  });

  test("a file that cannot be read leaves what the base has", async () => {
    const base = directoryOf(rom);
    const storage = openMiniFoDirectory(directoryOf({ "bin/busybox": "patched", "bin/x": "x" }));
    const failing: MiniFoStorage = {
      root: () => storage.root(),
      list: (path) => storage.list(path),
      *read(file, offset, into) {
        if (file.name === "busybox") throw new FsError("EIO", { syscall: "read", path: file.path });
        return yield* storage.read(file, offset, into);
      },
    };
    const { counts, notes, overlay } = await imported(base, failing);
    expect(counts).toMatchObject({ files: 1, leftOut: 1 });
    expect(notes[0]).toMatch(/^bin\/busybox: left out: EIO/);
    expect((await view(overlay)).some((line) => line.startsWith("bin/busybox\t"))).toBe(true);
  });
});

describe("paths of R lines", () => {
  test("are below where the base lay, if that is told or is where it lies now", async () => {
    const base = directoryOf(rom);
    for (const [prefix, basePath] of [
      ["/rom", "/rom"],
      [base, undefined],
    ] as const) {
      const storage = directoryOf({ [meta]: `R ${prefix}/usr/share/doc docs\n` });
      const { counts } = await imported(base, storage, basePath);
      expect(counts.renamed).toBe(1);
    }
    const storage = directoryOf({ [meta]: "R /usr/share/doc docs\n" });
    expect((await imported(base, storage, "/rom")).counts).toMatchObject({
      renamed: 0,
      linesSkipped: 1,
    });
  });
});

test("a storage that has changes already is refused, and stays as it is", async () => {
  const base = directoryOf(rom);
  const { overlay } = await imported(base, directoryOf({ new: "new" }));
  const storage = openMiniFoDirectory(directoryOf({ [meta]: "D bin\n" }));
  await expect(run(importMiniFo({ overlay, storage, note: () => {} }))).rejects.toMatchObject({
    code: "ENOTEMPTY",
  });
  expect((await run(overlay.changes())).map(({ path }) => path)).toEqual(["new"]);
});

test("what is imported is only read", async () => {
  const base = directoryOf(rom);
  const storage = directoryOf({ [meta]: "D bin\nD etc\n", "etc/x": "x" });
  const before = [miniFoView(base, storage), readdirSync(storage)];
  await imported(base, storage);
  expect([miniFoView(base, storage), readdirSync(storage)]).toEqual(before);
});
