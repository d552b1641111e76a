/** How paths are walked: symlinks, "..", slashes at the end, lengths. */
import { type ConformanceCase, codeOf } from "./table.ts";

const links = {
  "/d/g": "in d",
  "/d/e": null,
  "/f": "hello",
  "/to-d": { to: "d" },
  "/to-d-slash": { to: "d/" },
  "/to-f": { to: "f" },
  "/to-f-slash": { to: "f/" },
  "/dangling": { to: "nowhere" },
  "/loop": { to: "loop" },
  "/up": { to: "d/e/.." },
} as const;

export const pathCases: readonly ConformanceCase[] = [
  {
    name: "a path through symlinks reaches the file",
    given: links,
    run: async (fs, at) => [
      await fs.readFile(at("/to-d/g"), "utf8"),
      await fs.readFile(at("/to-d-slash/g"), "utf8"),
      await fs.readFile(at("/to-f"), "utf8"),
      await fs.readFile(at("/up/g"), "utf8"),
    ],
    gives: ["in d", "in d", "hello", "in d"],
  },
  {
    name: ".. after a symlink is the parent of its target",
    given: { "/a/b/c": null, "/a/b/f": "deep", "/f": "shallow", "/l": { to: "a/b/c" } },
    run: (fs, at) => fs.readFile(at("/l/../f"), "utf8"),
    gives: "deep",
  },
  {
    name: "doubled slashes and dots change nothing",
    given: links,
    run: (fs, at) => fs.readFile(at("//d/.//e/../g"), "utf8"),
    gives: "in d",
  },
  {
    name: "a file is no directory",
    given: links,
    run: (fs, at) => fs.stat(at("/f/x")),
    fails: "ENOTDIR: not a directory, stat '/f/x'",
  },
  {
    name: "a file has no ..",
    given: links,
    run: (fs, at) => fs.stat(at("/f/..")),
    fails: "ENOTDIR: not a directory, stat '/f/..'",
  },
  {
    name: "what is not there has no ..",
    run: (fs, at) => fs.stat(at("/no/..")),
    fails: "ENOENT: no such file or directory, stat '/no/..'",
  },
  {
    name: "a slash after a file is refused",
    given: links,
    run: (fs, at) => fs.readFile(at("/f/")),
    fails: "ENOTDIR: not a directory, open '/f/'",
  },
  {
    name: "a slash in the target of a symlink to a file is refused",
    given: links,
    run: (fs, at) => fs.stat(at("/to-f-slash")),
    fails: "ENOTDIR: not a directory, stat '/to-f-slash'",
  },
  {
    name: "lstat with a slash follows the symlink",
    given: links,
    run: async (fs, at) => [
      (await fs.lstat(at("/to-d"))).isSymbolicLink(),
      (await fs.lstat(at("/to-d/"))).isDirectory(),
      await codeOf(fs.lstat(at("/to-f/"))),
    ],
    gives: [true, true, "ENOTDIR"],
  },
  {
    name: "a symlink to itself is a loop",
    given: links,
    run: (fs, at) => fs.stat(at("/loop")),
    fails: "ELOOP: too many symbolic links encountered, stat '/loop'",
  },
  {
    name: "forty symlinks are followed, forty-one are not",
    given: Object.fromEntries([
      ["/l0", "end"],
      ...Array.from({ length: 41 }, (_, at) => [`/l${at + 1}`, { to: `l${at}` }]),
    ]),
    run: async (fs, at) => [
      await fs.readFile(at("/l40"), "utf8"),
      await codeOf(fs.readFile(at("/l41"), "utf8")),
    ],
    gives: ["end", "ELOOP"],
  },
  {
    name: "a dangling symlink leads nowhere",
    given: links,
    run: (fs, at) => fs.stat(at("/dangling")),
    fails: "ENOENT: no such file or directory, stat '/dangling'",
  },
  {
    name: "writing through a dangling symlink creates its target",
    given: links,
    run: async (fs, at) => {
      await fs.writeFile(at("/dangling"), "made");
      return [
        await fs.readFile(at("/nowhere"), "utf8"),
        (await fs.lstat(at("/dangling"))).isSymbolicLink(),
      ];
    },
    gives: ["made", true],
  },
  {
    name: "creating exclusively through a dangling symlink is refused",
    given: links,
    run: (fs, at) => fs.writeFile(at("/dangling"), "x", { flag: "wx" }),
    fails: "EEXIST: file already exists, open '/dangling'",
  },
  {
    name: "creating through a loop is refused",
    given: links,
    run: (fs, at) => fs.writeFile(at("/loop"), "x"),
    fails: "ELOOP: too many symbolic links encountered, open '/loop'",
  },
  {
    name: "a name of 255 bytes is one, of 256 is none",
    run: async (fs, at) => [
      await codeOf(fs.writeFile(at(`/${"x".repeat(255)}`), "")),
      await codeOf(fs.writeFile(at(`/${"x".repeat(256)}`), "")),
      await codeOf(fs.writeFile(at(`/${"é".repeat(127)}x`), "")),
      await codeOf(fs.writeFile(at(`/${"é".repeat(128)}`), "")),
    ],
    gives: ["ok", "ENAMETOOLONG", "ok", "ENAMETOOLONG"],
  },
  {
    name: "a path of 4,096 bytes is too long",
    run: (fs, at) => codeOf(fs.stat(at("/".repeat(4096)))),
    gives: "ENAMETOOLONG",
  },
  {
    name: "names are kept as they are, whatever the script and the form",
    run: async (fs, at) => {
      const names = [
        "\u00e4",
        "a\u0308",
        "日本",
        "🐙",
        "a b",
        "%41",
        "back\\slash",
        ".hidden",
        "-rf",
        "\n",
      ];
      for (const name of names) await fs.writeFile(at(`/${name}`), name);
      const found = await fs.readdir(at("/"));
      return [found.length, names.every((name) => found.includes(name))];
    },
    gives: [10, true],
  },
  {
    name: "realpath tells the way without symlinks and dots",
    given: links,
    run: async (fs, at) => {
      const root = await fs.realpath(at("/"));
      const real = async (path: string) => (await fs.realpath(at(path))).slice(root.length);
      return [
        await real("/to-d/../to-d/g"),
        await real("/to-f"),
        await real("/up"),
        await real("/d//e/."),
      ];
    },
    gives: ["/d/g", "/f", "/d", "/d/e"],
  },
  {
    name: "realpath of what is not there fails",
    given: links,
    run: (fs, at) => fs.realpath(at("/dangling")),
    fails: "ENOENT: no such file or directory, realpath '/dangling'",
  },
  {
    name: "realpath refuses a slash after a file",
    given: links,
    run: (fs, at) => fs.realpath(at("/f/")),
    fails: "ENOTDIR: not a directory, realpath '/f/'",
  },
];
