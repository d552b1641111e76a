/** Wrong arguments: refused with a rejected promise, never thrown, and before anything is touched. */
import { type ConformanceCase, codeOf } from "./table.ts";

/** The methods as a program without types calls them. */
type Loose = Record<string, (...values: unknown[]) => Promise<unknown>>;

const withoutArguments = [
  "access",
  "appendFile",
  "chmod",
  "chown",
  "copyFile",
  "cp",
  "lchown",
  "link",
  "lstat",
  "lutimes",
  "mkdir",
  "mkdtemp",
  "open",
  "opendir",
  "readFile",
  "readdir",
  "readlink",
  "realpath",
  "rename",
  "rm",
  "rmdir",
  "stat",
  "statfs",
  "symlink",
  "truncate",
  "unlink",
  "utimes",
  "writeFile",
];

export const argumentCases: readonly ConformanceCase[] = [
  ...withoutArguments.map(
    (method): ConformanceCase => ({
      name: `${method} without arguments rejects`,
      run: async (fs) => (fs as unknown as Loose)[method]?.(),
      fails: "ERR_INVALID_ARG_TYPE",
    }),
  ),
  {
    name: "a path with NUL in it is refused",
    run: (fs, at) => fs.stat(at("/a\0b")),
    fails: "ERR_INVALID_ARG_VALUE",
  },
  {
    name: "NUL in the second path is refused too",
    given: { "/f": "" },
    run: (fs, at) => fs.rename(at("/f"), at("/a\0b")),
    fails: "ERR_INVALID_ARG_VALUE",
  },
  {
    name: "an empty path is not there",
    run: (fs) => fs.stat(""),
    fails: "ENOENT: no such file or directory, stat ''",
  },
  {
    name: "data that is neither text nor bytes is refused, and nothing is created",
    run: async (fs, at) => [
      await codeOf((fs as unknown as Loose).writeFile?.(at("/x"), 5) ?? Promise.resolve()),
      await codeOf((fs as unknown as Loose).writeFile?.(at("/x"), null) ?? Promise.resolve()),
      await fs.readdir(at("/")),
    ],
    gives: ["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_TYPE", []],
  },
  {
    name: "an unknown encoding is refused",
    given: { "/f": "" },
    run: (fs, at) => fs.readFile(at("/f"), "nope"),
    fails: "ERR_INVALID_ARG_VALUE",
  },
  ...["zz", "", "rx", "ws", "r++", "+r", "wxs"].map(
    (flag): ConformanceCase => ({
      name: `the flag ${JSON.stringify(flag)} is refused`,
      given: { "/f": "" },
      run: (fs, at) => fs.open(at("/f"), flag),
      fails: "ERR_INVALID_ARG_VALUE",
    }),
  ),
  {
    name: "modes are numbers or octal digits",
    given: { "/f": "" },
    run: async (fs, at) => [
      await codeOf(fs.chmod(at("/f"), "9")),
      await codeOf(fs.chmod(at("/f"), -1)),
      await codeOf(fs.chmod(at("/f"), 1.5)),
      await codeOf(fs.chmod(at("/f"), undefined as unknown as number)),
      await codeOf(fs.chmod(at("/f"), "640")),
      (await fs.stat(at("/f"))).mode & 0o7777,
    ],
    gives: [
      "ERR_INVALID_ARG_VALUE",
      "ERR_OUT_OF_RANGE",
      "ERR_OUT_OF_RANGE",
      "ERR_INVALID_ARG_TYPE",
      "ok",
      0o640,
    ],
  },
  {
    name: "owners are integers from -1 on",
    given: { "/f": "" },
    run: async (fs, at) => [
      await codeOf(fs.chown(at("/f"), 1.5, -1)),
      await codeOf(fs.chown(at("/f"), "x" as unknown as number, -1)),
      await codeOf(fs.chown(at("/f"), -2, -1)),
      await codeOf(fs.chown(at("/f"), -1, -1)),
    ],
    gives: ["ERR_OUT_OF_RANGE", "ERR_INVALID_ARG_TYPE", "ERR_OUT_OF_RANGE", "ok"],
  },
  {
    name: "times are numbers, their text, or dates",
    given: { "/f": "" },
    run: async (fs, at) => [
      await codeOf(fs.utimes(at("/f"), "q", 1)),
      await codeOf(fs.utimes(at("/f"), Number.NaN, 1)),
      await codeOf(fs.utimes(at("/f"), {} as Date, 1)),
      await codeOf(fs.utimes(at("/f"), "12", 1.5)),
      (await fs.stat(at("/f"))).atimeMs,
      (await fs.stat(at("/f"))).mtimeMs,
    ],
    gives: [
      "ERR_INVALID_ARG_TYPE",
      "ERR_INVALID_ARG_TYPE",
      "ERR_INVALID_ARG_TYPE",
      "ok",
      12000,
      1500,
    ],
  },
  {
    name: "access takes modes up to 7",
    given: { "/f": "" },
    run: (fs, at) => fs.access(at("/f"), 99),
    fails: "ERR_OUT_OF_RANGE",
  },
  {
    name: "recursive is a boolean",
    run: async (fs, at) => [
      await codeOf(fs.mkdir(at("/d"), { recursive: "yes" as unknown as boolean })),
      await codeOf(fs.rm(at("/d"), { recursive: 1 as unknown as boolean })),
    ],
    gives: ["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_TYPE"],
  },
];
