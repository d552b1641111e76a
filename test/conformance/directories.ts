/** Directories: mkdir, rmdir, readdir, opendir, mkdtemp. */
import { type ConformanceCase, codeOf } from "./table.ts";

const tree = {
  "/d/e/f": "deep",
  "/d/g": "in d",
  "/f": "hello",
  "/empty": null,
  "/to-d": { to: "d" },
  "/dangling": { to: "nowhere" },
} as const;

export const directoryCases: readonly ConformanceCase[] = [
  {
    name: "mkdir makes a directory, with a slash at its end too",
    run: async (fs, at) => {
      const made = [await fs.mkdir(at("/a")), await fs.mkdir(at("/b/"))];
      return [made, await fs.readdir(at("/")), (await fs.stat(at("/a"))).mode];
    },
    gives: [[undefined, undefined], ["a", "b"], 0o040755],
  },
  {
    name: "mkdir takes a mode, less the umask",
    run: async (fs, at) => {
      await fs.mkdir(at("/a"), 0o700);
      await fs.mkdir(at("/b"), { mode: 0o777 });
      await fs.mkdir(at("/c"), "750");
      await fs.mkdir(at("/d"), 0o7777);
      const mode = async (path: string) => (await fs.stat(at(path))).mode & 0o7777;
      return [await mode("/a"), await mode("/b"), await mode("/c"), await mode("/d")];
    },
    gives: [0o700, 0o755, 0o750, 0o1755],
  },
  {
    name: "mkdir of what is there fails",
    given: tree,
    run: (fs, at) => fs.mkdir(at("/d")),
    fails: "EEXIST: file already exists, mkdir '/d'",
  },
  {
    name: "mkdir where the parent is not there fails",
    run: (fs, at) => fs.mkdir(at("/no/x")),
    fails: "ENOENT: no such file or directory, mkdir '/no/x'",
  },
  {
    name: "mkdir below a file fails",
    given: tree,
    run: (fs, at) => fs.mkdir(at("/f/x")),
    fails: "ENOTDIR: not a directory, mkdir '/f/x'",
  },
  {
    name: "mkdir knows paths that are no names, and symlinks",
    given: tree,
    run: (fs, at) =>
      Promise.all(
        ["/d/.", "/d/..", "/dangling", "/to-d", "/no/."].map((path) => codeOf(fs.mkdir(at(path)))),
      ),
    gives: ["EEXIST", "EEXIST", "EEXIST", "EEXIST", "ENOENT"],
  },
  {
    name: "mkdir recursively tells the first directory it made",
    given: tree,
    run: async (fs, at) => {
      const first = async (path: string) =>
        (await fs.mkdir(at(path), { recursive: true }))?.slice(at("").length);
      return [
        await first("/d/x/y/z"),
        await first("/d/x/y/z"),
        await first("/n1/n2//n3/"),
        await first("/n4/../n5"),
        await first("/to-d/h"),
        await first("/to-d"),
        await fs.readdir(at("/")),
      ];
    },
    gives: [
      "/d/x",
      undefined,
      "/n1",
      "/n4",
      "/to-d/h",
      undefined,
      ["d", "dangling", "empty", "f", "n1", "n4", "n5", "to-d"],
    ],
  },
  {
    name: "mkdir recursively onto a file fails",
    given: tree,
    run: (fs, at) => fs.mkdir(at("/f"), { recursive: true }),
    fails: "EEXIST: file already exists, mkdir '/f'",
  },
  {
    name: "mkdir recursively below a file fails",
    given: tree,
    run: (fs, at) => fs.mkdir(at("/f/x/y"), { recursive: true }),
    fails: "ENOTDIR: not a directory, mkdir '/f/x/y'",
  },
  {
    name: "mkdir recursively onto a dangling symlink fails",
    given: tree,
    run: (fs, at) => fs.mkdir(at("/dangling"), { recursive: true }),
    fails: "ENOENT: no such file or directory, mkdir '/dangling'",
  },
  {
    name: "rmdir removes an empty directory",
    given: tree,
    run: async (fs, at) => {
      await fs.rmdir(at("/empty"));
      return fs.readdir(at("/"));
    },
    gives: ["d", "dangling", "f", "to-d"],
  },
  {
    name: "rmdir of a directory that holds something fails",
    given: tree,
    run: (fs, at) => fs.rmdir(at("/d")),
    fails: "ENOTEMPTY: directory not empty, rmdir '/d'",
  },
  {
    name: "rmdir of a directory that was emptied succeeds",
    given: tree,
    run: async (fs, at) => {
      await fs.unlink(at("/d/e/f"));
      await fs.rmdir(at("/d/e"));
      await fs.unlink(at("/d/g"));
      await fs.rmdir(at("/d/"));
      return fs.readdir(at("/"));
    },
    gives: ["dangling", "empty", "f", "to-d"],
  },
  {
    name: "rmdir of a file fails",
    given: tree,
    run: (fs, at) => fs.rmdir(at("/f")),
    fails: "ENOTDIR: not a directory, rmdir '/f'",
  },
  {
    name: "rmdir knows paths that are no names, and symlinks",
    given: tree,
    run: (fs, at) =>
      Promise.all(
        ["/d/.", "/d/..", "/to-d", "/to-d/", "/no"].map((path) => codeOf(fs.rmdir(at(path)))),
      ),
    gives: ["EINVAL", "ENOTEMPTY", "ENOTDIR", "ENOTDIR", "ENOENT"],
  },
  {
    name: "a directory counts its subdirectories as links",
    given: tree,
    run: async (fs, at) => {
      const links = async () => (await fs.stat(at("/d"))).nlink;
      const before = await links();
      await fs.mkdir(at("/d/h"));
      const more = await links();
      await fs.rename(at("/d/e"), at("/e"));
      await fs.rmdir(at("/d/h"));
      return [before, more, await links()];
    },
    gives: [3, 4, 2],
  },
  {
    name: "readdir gives the names, sorted",
    given: { "/d/b": "", "/d/a": "", "/d/C": "", "/d/.h": "", "/d/sub": null },
    run: async (fs, at) => {
      await fs.writeFile(at("/d/aa"), "");
      await fs.unlink(at("/d/b"));
      return fs.readdir(at("/d"));
    },
    gives: [".h", "C", "a", "aa", "sub"],
  },
  {
    name: "readdir gives types if asked",
    given: tree,
    run: async (fs, at) => {
      const entries = await fs.readdir(at("/"), { withFileTypes: true });
      return entries.map((entry) => [
        entry.name,
        entry.isFile(),
        entry.isDirectory(),
        entry.isSymbolicLink(),
        entry.parentPath === at("/"),
        entry.path === at("/"),
      ]);
    },
    gives: [
      ["d", false, true, false, true, true],
      ["dangling", false, false, true, true, true],
      ["empty", false, true, false, true, true],
      ["f", true, false, false, true, true],
      ["to-d", false, false, true, true, true],
    ],
  },
  {
    name: "readdir recursively gives paths from the directory on",
    given: { "/top/d/e/f": "", "/top/d/g": "", "/top/f": "", "/top/empty": null },
    run: async (fs, at) => [
      (await fs.readdir(at("/top"), { recursive: true })).sort(),
      (await fs.readdir(at("/top/"), { recursive: true })).sort(),
    ],
    gives: [
      ["d", "d/e", "d/e/f", "d/g", "empty", "f"],
      ["d", "d/e", "d/e/f", "d/g", "empty", "f"],
    ],
  },
  {
    name: "readdir recursively with types tells where each entry lies, and follows no symlinks",
    given: { "/top/d/e/f": "", "/top/d/g": "", "/top/l": { to: "d" } },
    run: async (fs, at) => {
      const entries = await fs.readdir(at("/top"), { recursive: true, withFileTypes: true });
      return entries
        .map((entry) => `${entry.parentPath.slice(at("").length)} ${entry.name}`)
        .sort();
    },
    gives: ["/top d", "/top l", "/top/d e", "/top/d g", "/top/d/e f"],
  },
  {
    name: "readdir of what is not there fails",
    run: (fs, at) => fs.readdir(at("/no")),
    fails: "ENOENT: no such file or directory, scandir '/no'",
  },
  {
    name: "readdir of a file fails",
    given: tree,
    run: (fs, at) => fs.readdir(at("/f")),
    fails: "ENOTDIR: not a directory, scandir '/f'",
  },
  {
    name: "opendir gives entries one by one, then null",
    given: { "/d/a": "", "/d/b": null },
    run: async (fs, at) => {
      const directory = await fs.opendir(at("/d"));
      const names: unknown[] = [];
      for (let entry = await directory.read(); entry; entry = await directory.read()) {
        names.push(`${entry.name} ${entry.isDirectory()}`);
      }
      const end = await directory.read();
      await directory.close();
      // Node throws this one.
      const readAgain = async () => directory.read();
      return [names.sort(), end, directory.path === at("/d"), await codeOf(readAgain())];
    },
    gives: [["a false", "b true"], null, true, "ERR_DIR_CLOSED"],
  },
  {
    name: "opendir can be iterated over, and is closed after that",
    given: { "/d/a": "", "/d/b": null },
    run: async (fs, at) => {
      const directory = await fs.opendir(at("/d"));
      const names: string[] = [];
      for await (const { name } of directory) names.push(name);
      return [names.sort(), await codeOf(directory.close())];
    },
    gives: [["a", "b"], "ERR_DIR_CLOSED"],
  },
  {
    name: "opendir recursively goes into directories",
    given: { "/d/a": "", "/d/b/c": "" },
    run: async (fs, at) => {
      const names: string[] = [];
      for await (const { name } of await fs.opendir(at("/d"), { recursive: true }))
        names.push(name);
      return names.sort();
    },
    gives: ["a", "b", "c"],
  },
  {
    name: "removing while iterating finishes in one pass",
    given: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`/d/${n}`, ""])),
    run: async (fs, at) => {
      let removed = 0;
      for await (const { name } of await fs.opendir(at("/d"))) {
        await fs.unlink(at(`/d/${name}`));
        removed += 1;
      }
      await fs.rmdir(at("/d"));
      return removed;
    },
    gives: 50,
  },
  {
    name: "opendir of a file fails",
    given: tree,
    run: (fs, at) => fs.opendir(at("/f")),
    fails: "ENOTDIR: not a directory, opendir '/f'",
  },
  {
    name: "mkdtemp makes a directory of its own",
    run: async (fs, at) => {
      const [one, two] = [await fs.mkdtemp(at("/tmp-")), await fs.mkdtemp(at("/tmp-"))];
      const { mode } = await fs.stat(one);
      return [one !== two, one.length - at("/tmp-").length, one.startsWith(at("/tmp-")), mode];
    },
    gives: [true, 6, true, 0o040700],
  },
  {
    name: "mkdtemp where the parent is not there fails",
    run: (fs, at) => codeOf(fs.mkdtemp(at("/no/x"))),
    gives: "ENOENT",
  },
];
