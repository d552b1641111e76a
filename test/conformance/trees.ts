/** Whole trees: rm and cp. */
import { type ConformanceCase, codeOf } from "./table.ts";

const tree = {
  "/d/e/f": "deep",
  "/d/g": "in d",
  "/f": "hello",
  "/g": "other",
  "/d/l": { to: "g" },
  "/to-d": { to: "d" },
} as const;

export const treeCases: readonly ConformanceCase[] = [
  {
    name: "rm removes files and symlinks",
    given: tree,
    run: async (fs, at) => {
      await fs.rm(at("/f"));
      await fs.rm(at("/to-d"), { recursive: true });
      return [await fs.readdir(at("/")), await fs.readdir(at("/d"))];
    },
    gives: [
      ["d", "g"],
      ["e", "g", "l"],
    ],
  },
  {
    name: "rm removes a tree, and nothing that its symlinks lead to",
    given: { ...tree, "/t/l": { to: "../d" }, "/t/u/v/w": "x" },
    run: async (fs, at) => {
      await fs.rm(at("/t"), { recursive: true });
      return [await fs.readdir(at("/")), await fs.readFile(at("/d/g"), "utf8")];
    },
    gives: [["d", "f", "g", "to-d"], "in d"],
  },
  {
    name: "rm takes a slash after a directory",
    given: tree,
    run: async (fs, at) => {
      await fs.rm(at("/d/"), { recursive: true });
      return fs.readdir(at("/"));
    },
    gives: ["f", "g", "to-d"],
  },
  {
    name: "rm of a directory without recursive is refused",
    given: tree,
    run: (fs, at) => fs.rm(at("/d")),
    fails: "ERR_FS_EISDIR",
  },
  {
    name: "rm of what is not there fails",
    run: (fs, at) => fs.rm(at("/no"), { recursive: true }),
    fails: "ENOENT: no such file or directory, lstat '/no'",
  },
  {
    name: "rm with force does not mind what is not there",
    given: tree,
    run: async (fs, at) => [
      await codeOf(fs.rm(at("/no"), { force: true })),
      await codeOf(fs.rm(at("/no/x"), { force: true, recursive: true })),
      await codeOf(fs.rm(at("/f/x"), { force: true })),
    ],
    gives: ["ok", "ok", "ENOTDIR"],
  },
  {
    name: "cp copies a file, and makes the directories on the way",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/f"), 0o640);
      await fs.cp(at("/f"), at("/new/deep/f"));
      const { mode } = await fs.stat(at("/new/deep/f"));
      return [await fs.readFile(at("/new/deep/f"), "utf8"), mode & 0o7777];
    },
    gives: ["hello", 0o640],
  },
  {
    name: "cp copies a tree",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/d/e"), 0o700);
      await fs.cp(at("/d"), at("/copy"), { recursive: true });
      return [
        (await fs.readdir(at("/copy"), { recursive: true })).sort(),
        await fs.readFile(at("/copy/e/f"), "utf8"),
        (await fs.stat(at("/copy/e"))).mode & 0o7777,
        (await fs.readlink(at("/copy/l"))) === at("/d/g"),
      ];
    },
    gives: [["e", "e/f", "g", "l"], "deep", 0o700, true],
  },
  {
    name: "cp merges a tree into one that is there",
    given: { ...tree, "/copy/g": "old", "/copy/own": "stays" },
    run: async (fs, at) => {
      await fs.cp(at("/d"), at("/copy"), { recursive: true });
      return [
        (await fs.readdir(at("/copy"))).sort(),
        await fs.readFile(at("/copy/g"), "utf8"),
        await fs.readFile(at("/copy/own"), "utf8"),
      ];
    },
    gives: [["e", "g", "l", "own"], "in d", "stays"],
  },
  {
    name: "cp keeps symlinks as they are if asked, or what they lead to",
    given: tree,
    run: async (fs, at) => {
      await fs.cp(at("/d"), at("/a"), { recursive: true, verbatimSymlinks: true });
      await fs.cp(at("/d"), at("/b"), { recursive: true, dereference: true });
      return [
        await fs.readlink(at("/a/l")),
        (await fs.lstat(at("/b/l"))).isFile(),
        await fs.readFile(at("/b/l"), "utf8"),
      ];
    },
    gives: ["g", true, "in d"],
  },
  {
    name: "cp without force leaves what is there, or says so",
    given: tree,
    run: async (fs, at) => {
      await fs.cp(at("/f"), at("/g"), { force: false });
      return [
        await fs.readFile(at("/g"), "utf8"),
        await codeOf(fs.cp(at("/f"), at("/g"), { force: false, errorOnExist: true })),
      ];
    },
    gives: ["other", "ERR_FS_CP_EEXIST"],
  },
  {
    name: "cp keeps times if asked",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/d/g"), 1, 2);
      await fs.utimes(at("/d/e"), 3, 4);
      await fs.cp(at("/d"), at("/copy"), { recursive: true, preserveTimestamps: true });
      return (await fs.stat(at("/copy/g"))).mtimeMs;
    },
    gives: 2000,
  },
  {
    name: "cp leaves out what its filter refuses, with all below it",
    given: tree,
    run: async (fs, at) => {
      await fs.cp(at("/d"), at("/a"), {
        recursive: true,
        filter: (source) => !source.endsWith("/e"),
      });
      await fs.cp(at("/d"), at("/b"), {
        recursive: true,
        filter: async (_, destination) => !destination.endsWith("/g"),
      });
      await fs.cp(at("/d"), at("/c"), { recursive: true, filter: () => false });
      return [
        await fs.readdir(at("/a")),
        (await fs.readdir(at("/b"), { recursive: true })).sort(),
        await codeOf(fs.stat(at("/c"))),
      ];
    },
    gives: [["g", "l"], ["e", "e/f", "l"], "ENOENT"],
  },
  {
    name: "cp of a directory without recursive is refused",
    given: tree,
    run: (fs, at) => fs.cp(at("/d"), at("/x")),
    fails: "ERR_FS_EISDIR",
  },
  {
    name: "cp of what is not there fails",
    run: (fs, at) => fs.cp(at("/no"), at("/x")),
    fails: "ENOENT: no such file or directory, lstat '/no'",
  },
  {
    name: "cp refuses to mix up files and directories, and a place with itself",
    given: tree,
    run: async (fs, at) => [
      await codeOf(fs.cp(at("/f"), at("/d"))),
      await codeOf(fs.cp(at("/d"), at("/f"), { recursive: true })),
      await codeOf(fs.cp(at("/f"), at("/f"))),
      await codeOf(fs.cp(at("/d"), at("/d/e/x"), { recursive: true })),
    ],
    gives: [
      "ERR_FS_CP_NON_DIR_TO_DIR",
      "ERR_FS_CP_DIR_TO_NON_DIR",
      "ERR_FS_CP_EINVAL",
      "ERR_FS_CP_EINVAL",
    ],
  },
];
