/** Making, moving and removing names: unlink, rename, link, symlink. */
import { type ConformanceCase, codeOf, text } from "./table.ts";

const tree = {
  "/f": "hello",
  "/g": "other",
  "/d/e": null,
  "/d/g": "in d",
  "/empty": null,
  "/to-d": { to: "d" },
  "/to-f": { to: "f" },
} as const;

export const nameCases: readonly ConformanceCase[] = [
  {
    name: "unlink removes a name",
    given: tree,
    run: async (fs, at) => {
      await fs.unlink(at("/f"));
      await fs.unlink(at("/to-d"));
      return [
        await codeOf(fs.stat(at("/f"))),
        await fs.readdir(at("/")),
        await fs.readdir(at("/d")),
      ];
    },
    gives: ["ENOENT", ["d", "empty", "g", "to-f"], ["e", "g"]],
  },
  {
    name: "unlink of what is not there fails",
    run: (fs, at) => fs.unlink(at("/no")),
    fails: "ENOENT: no such file or directory, unlink '/no'",
  },
  {
    name: "unlink of a directory fails",
    given: tree,
    run: (fs, at) => fs.unlink(at("/d")),
    fails: "EISDIR: illegal operation on a directory, unlink '/d'",
  },
  {
    name: "unlink knows paths that are no names",
    given: tree,
    run: (fs, at) =>
      Promise.all(
        ["/d/", "/f/", "/to-d/", "/d/.", "/d/.."].map((path) => codeOf(fs.unlink(at(path)))),
      ),
    gives: ["EISDIR", "ENOTDIR", "ENOTDIR", "EISDIR", "EISDIR"],
  },
  {
    name: "a removed name can be made again, and shows nothing of what was there",
    given: tree,
    run: async (fs, at) => {
      await fs.rm(at("/d"), { recursive: true });
      await fs.mkdir(at("/d"));
      await fs.unlink(at("/f"));
      await fs.writeFile(at("/f"), "new");
      return [await fs.readdir(at("/d")), await fs.readFile(at("/f"), "utf8")];
    },
    gives: [[], "new"],
  },
  {
    name: "a renamed directory leaves nothing behind where it was",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/d"), at("/moved"));
      await fs.mkdir(at("/d"));
      return [await fs.readdir(at("/d")), await fs.readFile(at("/moved/g"), "utf8")];
    },
    gives: [[], "in d"],
  },
  {
    name: "rename moves a file with its inode and its times",
    given: tree,
    run: async (fs, at) => {
      const before = await fs.stat(at("/f"));
      await fs.rename(at("/f"), at("/d/f"));
      const after = await fs.stat(at("/d/f"));
      return [
        after.ino === before.ino,
        after.mtimeMs === before.mtimeMs,
        await fs.readFile(at("/d/f"), "utf8"),
        await codeOf(fs.stat(at("/f"))),
      ];
    },
    gives: [true, true, "hello", "ENOENT"],
  },
  {
    name: "rename replaces a file",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/f"), at("/g"));
      return [await fs.readFile(at("/g"), "utf8"), await fs.readdir(at("/"))];
    },
    gives: ["hello", ["d", "empty", "g", "to-d", "to-f"]],
  },
  {
    name: "rename replaces an empty directory by a directory",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/d"), at("/empty"));
      return [await fs.readdir(at("/empty")), await codeOf(fs.stat(at("/d")))];
    },
    gives: [["e", "g"], "ENOENT"],
  },
  {
    name: "rename moves a symlink itself",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/to-f"), at("/d/l"));
      return [await fs.readlink(at("/d/l")), await codeOf(fs.stat(at("/d/l")))];
    },
    gives: ["f", "ENOENT"],
  },
  {
    name: "rename onto itself, or onto another name of the same file, does nothing",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/f"), at("/f"));
      await fs.link(at("/f"), at("/h"));
      await fs.rename(at("/f"), at("/h"));
      return [await fs.readFile(at("/f"), "utf8"), await fs.readFile(at("/h"), "utf8")];
    },
    gives: ["hello", "hello"],
  },
  {
    name: "rename of a directory takes a slash after either path",
    given: tree,
    run: async (fs, at) => {
      await fs.rename(at("/empty"), at("/new/"));
      await fs.rename(at("/new/"), at("/empty"));
      return fs.readdir(at("/empty"));
    },
    gives: [],
  },
  {
    name: "rename of what is not there fails",
    run: (fs, at) => fs.rename(at("/no"), at("/x")),
    fails: "ENOENT: no such file or directory, rename '/no' -> '/x'",
  },
  {
    name: "rename into what is not there fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/f"), at("/no/f")),
    fails: "ENOENT: no such file or directory, rename '/f' -> '/no/f'",
  },
  {
    name: "rename of a file onto a directory fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/f"), at("/empty")),
    fails: "EISDIR: illegal operation on a directory, rename '/f' -> '/empty'",
  },
  {
    name: "rename of a directory onto a file fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/d"), at("/f")),
    fails: "ENOTDIR: not a directory, rename '/d' -> '/f'",
  },
  {
    name: "rename onto a directory that holds something fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/empty"), at("/d")),
    fails: "ENOTEMPTY: directory not empty, rename '/empty' -> '/d'",
  },
  {
    name: "rename of a directory into itself fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/d"), at("/d/e/x")),
    fails: "EINVAL: invalid argument, rename '/d' -> '/d/e/x'",
  },
  {
    name: "rename onto a directory that one lies in fails",
    given: tree,
    run: (fs, at) => fs.rename(at("/d/e"), at("/d")),
    fails: "ENOTEMPTY: directory not empty, rename '/d/e' -> '/d'",
  },
  {
    name: "rename knows paths that are no names",
    given: tree,
    run: (fs, at) =>
      Promise.all(
        [
          ["/d/.", "/x"],
          ["/d", "/d/.."],
          ["/f", "/x/"],
          ["/f/", "/x"],
          ["/to-d/", "/x"],
          ["/empty", "/to-d/"],
        ].map(([from = "", to = ""]) => codeOf(fs.rename(at(from), at(to)))),
      ),
    gives: ["EBUSY", "EBUSY", "ENOTDIR", "ENOTDIR", "ENOTDIR", "ENOTDIR"],
  },
  {
    name: "link gives a file a second name",
    given: tree,
    run: async (fs, at) => {
      await fs.link(at("/f"), at("/d/h"));
      await fs.appendFile(at("/d/h"), "!");
      const [one, two] = [await fs.stat(at("/f")), await fs.stat(at("/d/h"))];
      await fs.unlink(at("/f"));
      const { nlink } = await fs.stat(at("/d/h"));
      return [one.ino === two.ino, one.nlink, nlink, await fs.readFile(at("/d/h"), "utf8")];
    },
    gives: [true, 2, 1, "hello!"],
  },
  {
    name: "link of a symlink links the symlink",
    given: tree,
    run: async (fs, at) => {
      await fs.link(at("/to-f"), at("/h"));
      return [(await fs.lstat(at("/h"))).isSymbolicLink(), await fs.readlink(at("/h"))];
    },
    gives: [true, "f"],
  },
  {
    name: "link of a directory fails",
    given: tree,
    run: (fs, at) => fs.link(at("/d"), at("/x")),
    fails: "EPERM: operation not permitted, link '/d' -> '/x'",
  },
  {
    name: "link of what is not there fails",
    run: (fs, at) => fs.link(at("/no"), at("/x")),
    fails: "ENOENT: no such file or directory, link '/no' -> '/x'",
  },
  {
    name: "link onto a name that is there fails",
    given: tree,
    run: (fs, at) => fs.link(at("/f"), at("/to-f")),
    fails: "EEXIST: file already exists, link '/f' -> '/to-f'",
  },
  {
    name: "link and symlink know paths that are no names",
    given: tree,
    run: (fs, at) =>
      Promise.all([
        codeOf(fs.link(at("/f"), at("/x/"))),
        codeOf(fs.link(at("/f"), at("/d/."))),
        codeOf(fs.symlink("t", at("/x/"))),
        codeOf(fs.symlink("t", at("/d/"))),
        codeOf(fs.symlink("t", at("/d/.."))),
      ]),
    gives: ["ENOENT", "EEXIST", "ENOENT", "EEXIST", "EEXIST"],
  },
  {
    name: "a symlink keeps its target as it was given",
    run: async (fs, at) => {
      const targets = ["../x", "/abs/olute", "a//b/", "grüße", "x".repeat(1000)];
      for (const [n, target] of targets.entries()) await fs.symlink(target, at(`/l${n}`));
      const read = await Promise.all(targets.map((_, n) => fs.readlink(at(`/l${n}`))));
      return [read.every((target, n) => target === targets[n]), (await fs.lstat(at("/l3"))).size];
    },
    gives: [true, 7],
  },
  {
    name: "readlink gives bytes if asked",
    given: tree,
    run: async (fs, at) => [
      text(await fs.readlink(at("/to-f"), "buffer")),
      await fs.readlink(at("/to-f"), "hex"),
      await fs.readlink(at("/to-f"), { encoding: "utf8" }),
    ],
    gives: ["f", "66", "f"],
  },
  {
    name: "readlink of a file fails",
    given: tree,
    run: (fs, at) => fs.readlink(at("/f")),
    fails: "EINVAL: invalid argument, readlink '/f'",
  },
  {
    name: "a symlink to nothing at all cannot be made",
    run: (fs, at) => fs.symlink("", at("/l")),
    fails: "ENOENT: no such file or directory, symlink '' -> '/l'",
  },
  {
    name: "a symlink does not replace what is there",
    given: tree,
    run: (fs, at) => fs.symlink("t", at("/f")),
    fails: "EEXIST: file already exists, symlink 't' -> '/f'",
  },
];
