/** Whole contents: readFile, writeFile, appendFile, truncate, copyFile. */
import { type ConformanceCase, codeOf, text } from "./table.ts";

export const contentCases: readonly ConformanceCase[] = [
  {
    name: "readFile gives bytes, or text where an encoding is named",
    given: { "/f": "grüß" },
    run: async (fs, at) => [
      text(await fs.readFile(at("/f"))),
      (await fs.readFile(at("/f"))) instanceof Uint8Array,
      await fs.readFile(at("/f"), "utf8"),
      await fs.readFile(at("/f"), { encoding: "UTF-8" }),
      text(await fs.readFile(at("/f"), { encoding: null })),
    ],
    gives: ["grüß", true, "grüß", "grüß", "grüß"],
  },
  {
    name: "readFile knows every encoding",
    given: { "/f": "grüß!" },
    run: (fs, at) =>
      Promise.all(
        ["latin1", "binary", "ascii", "hex", "base64", "base64url", "utf16le", "ucs2"].map((name) =>
          fs.readFile(at("/f"), name),
        ),
      ),
    gives: [
      "gr\u00c3\u00bc\u00c3\u009f!",
      "gr\u00c3\u00bc\u00c3\u009f!",
      "grC<C\u001f!",
      "6772c3bcc39f21",
      "Z3LDvMOfIQ==",
      "Z3LDvMOfIQ",
      "牧볃鿃",
      "牧볃鿃",
    ],
  },
  {
    name: "writeFile knows every encoding",
    run: async (fs, at) => {
      const written: string[] = [];
      for (const [data, encoding] of [
        ["grüß", "utf8"],
        ["grüß", "latin1"],
        ["grüß€", "ascii"],
        ["6772c3zz", "hex"],
        ["Z3LDvMOfIQ==", "base64"],
        ["Z3_DvMOfIQ", "base64url"],
        ["a€🐙", "utf16le"],
      ] as const) {
        await fs.writeFile(at("/f"), data, encoding);
        written.push(await fs.readFile(at("/f"), "hex"));
      }
      return written;
    },
    gives: [
      "6772c3bcc39f",
      "6772fcdf",
      "6772fcdfac",
      "6772c3",
      "6772c3bcc39f21",
      "677fc3bcc39f21",
      "6100ac203dd819dc",
    ],
  },
  {
    name: "a byte order mark is kept",
    run: async (fs, at) => {
      await fs.writeFile(at("/f"), "\ufeffx");
      return fs.readFile(at("/f"), "utf8");
    },
    gives: "\ufeffx",
  },
  {
    name: "an empty file reads as nothing",
    given: { "/f": "" },
    run: async (fs, at) => [
      (await fs.readFile(at("/f"))).length,
      await fs.readFile(at("/f"), "utf8"),
    ],
    gives: [0, ""],
  },
  {
    name: "a file of 3 MiB and a byte reads as it was written",
    run: async (fs, at) => {
      const bytes = new Uint8Array(3 * 2 ** 20 + 1).map((_, at) => (at * 31) >> 3);
      await fs.writeFile(at("/f"), bytes);
      const read = await fs.readFile(at("/f"));
      return [read.length, read.every((byte, at) => byte === bytes[at])];
    },
    gives: [3 * 2 ** 20 + 1, true],
  },
  {
    name: "writeFile replaces all of a file",
    given: { "/f": "a longer text" },
    run: async (fs, at) => {
      await fs.writeFile(at("/f"), "short");
      return fs.readFile(at("/f"), "utf8");
    },
    gives: "short",
  },
  {
    name: "writeFile takes views of any kind, and only the part they show",
    run: async (fs, at) => {
      const { buffer } = new TextEncoder().encode("0123456789");
      await fs.writeFile(at("/a"), new Uint8Array(buffer, 2, 3));
      await fs.writeFile(at("/b"), new DataView(buffer, 4, 2));
      await fs.writeFile(at("/c"), new Uint16Array(buffer, 6, 2));
      return [
        await fs.readFile(at("/a"), "utf8"),
        await fs.readFile(at("/b"), "utf8"),
        await fs.readFile(at("/c"), "utf8"),
      ];
    },
    gives: ["234", "45", "6789"],
  },
  {
    name: "writeFile takes iterables, plain and asynchronous",
    run: async (fs, at) => {
      await fs.writeFile(at("/a"), ["one", " ", "two"]);
      await fs.writeFile(
        at("/b"),
        (async function* () {
          yield "three";
          yield new TextEncoder().encode(" four");
        })(),
      );
      return [await fs.readFile(at("/a"), "utf8"), await fs.readFile(at("/b"), "utf8")];
    },
    gives: ["one two", "three four"],
  },
  {
    name: "writeFile creates with the mode it is given, less the umask",
    run: async (fs, at) => {
      await fs.writeFile(at("/a"), "");
      await fs.writeFile(at("/b"), "", { mode: 0o600 });
      await fs.writeFile(at("/c"), "", { mode: 0o777 });
      await fs.writeFile(at("/b"), "again", { mode: 0o644 });
      const mode = async (path: string) => (await fs.stat(at(path))).mode;
      return [await mode("/a"), await mode("/b"), await mode("/c")];
    },
    gives: [0o100644, 0o100600, 0o100755],
  },
  {
    name: "writeFile takes flags",
    given: { "/f": "12345" },
    run: async (fs, at) => {
      await fs.writeFile(at("/f"), "ab", { flag: "r+" });
      await fs.writeFile(at("/f"), "67", { flag: "a" });
      return [
        await fs.readFile(at("/f"), "utf8"),
        await codeOf(fs.writeFile(at("/f"), "x", { flag: "wx" })),
        await codeOf(fs.writeFile(at("/no"), "x", { flag: "r+" })),
        await codeOf(fs.writeFile(at("/f"), "x", { flag: "r" })),
      ];
    },
    gives: ["ab34567", "EEXIST", "ENOENT", "EBADF"],
  },
  {
    name: "readFile with w+ empties the file",
    given: { "/f": "x" },
    run: async (fs, at) => [
      await fs.readFile(at("/f"), { encoding: "utf8", flag: "w+" }),
      (await fs.stat(at("/f"))).size,
      await fs.readFile(at("/new"), { encoding: "utf8", flag: "a+" }),
    ],
    gives: ["", 0, ""],
  },
  {
    name: "readFile of what is not there fails",
    run: (fs, at) => fs.readFile(at("/no")),
    fails: "ENOENT: no such file or directory, open '/no'",
  },
  {
    name: "readFile of a directory fails while reading",
    given: { "/d": null },
    run: (fs, at) => fs.readFile(at("/d")),
    fails: "EISDIR: illegal operation on a directory, read",
  },
  {
    name: "writeFile of a directory fails",
    given: { "/d": null },
    run: (fs, at) => fs.writeFile(at("/d"), ""),
    fails: "EISDIR: illegal operation on a directory, open '/d'",
  },
  {
    name: "writeFile in a directory that is not there fails",
    run: (fs, at) => fs.writeFile(at("/no/f"), ""),
    fails: "ENOENT: no such file or directory, open '/no/f'",
  },
  {
    name: "writeFile below a file fails",
    given: { "/f": "" },
    run: (fs, at) => fs.writeFile(at("/f/g"), ""),
    fails: "ENOTDIR: not a directory, open '/f/g'",
  },
  {
    name: "writeFile to a path with a slash at its end fails",
    given: { "/f": "" },
    run: async (fs, at) => [
      await codeOf(fs.writeFile(at("/new/"), "")),
      await codeOf(fs.writeFile(at("/f/"), "")),
    ],
    gives: ["EISDIR", "EISDIR"],
  },
  {
    name: "appendFile adds to the end, and creates",
    given: { "/f": "one" },
    run: async (fs, at) => {
      await fs.appendFile(at("/f"), " two");
      await fs.appendFile(at("/f"), new TextEncoder().encode(" three"));
      await fs.appendFile(at("/new"), "first");
      return [await fs.readFile(at("/f"), "utf8"), await fs.readFile(at("/new"), "utf8")];
    },
    gives: ["one two three", "first"],
  },
  {
    name: "appends made side by side all arrive",
    given: { "/f": "" },
    run: async (fs, at) => {
      await Promise.all(Array.from({ length: 20 }, () => fs.appendFile(at("/f"), "xyz")));
      return (await fs.readFile(at("/f"), "utf8")).length;
    },
    gives: 60,
  },
  {
    name: "truncate cuts, and grows with zeros",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      await fs.truncate(at("/f"), 2);
      const cut = await fs.readFile(at("/f"), "utf8");
      await fs.truncate(at("/f"), 4);
      const grown = await fs.readFile(at("/f"), "utf8");
      await fs.truncate(at("/f"));
      return [cut, grown, (await fs.stat(at("/f"))).size];
    },
    gives: ["he", "he\0\0", 0],
  },
  {
    name: "truncate to less than nothing empties",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      await fs.truncate(at("/f"), -3);
      return (await fs.stat(at("/f"))).size;
    },
    gives: 0,
  },
  {
    name: "truncate of what is not there fails as open does",
    run: (fs, at) => fs.truncate(at("/no"), 1),
    fails: "ENOENT: no such file or directory, open '/no'",
  },
  {
    name: "truncate of a directory fails",
    given: { "/d": null },
    run: (fs, at) => fs.truncate(at("/d"), 1),
    fails: "EISDIR: illegal operation on a directory, open '/d'",
  },
  {
    name: "copyFile copies bytes and mode",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      await fs.chmod(at("/f"), 0o751);
      await fs.copyFile(at("/f"), at("/g"));
      await fs.writeFile(at("/f"), "changed");
      return [await fs.readFile(at("/g"), "utf8"), (await fs.stat(at("/g"))).mode & 0o7777];
    },
    gives: ["hello", 0o751],
  },
  {
    name: "copyFile replaces all of a longer file",
    given: { "/f": "short", "/g": "a longer text" },
    run: async (fs, at) => {
      await fs.copyFile(at("/f"), at("/g"));
      return fs.readFile(at("/g"), "utf8");
    },
    gives: "short",
  },
  {
    name: "copyFile onto itself, by name or by symlink, changes nothing",
    given: { "/f": "hello", "/l": { to: "f" } },
    run: async (fs, at) => {
      await fs.copyFile(at("/f"), at("/f"));
      await fs.copyFile(at("/f"), at("/l"));
      return fs.readFile(at("/f"), "utf8");
    },
    gives: "hello",
  },
  {
    name: "copyFile with COPYFILE_EXCL refuses what is there",
    given: { "/f": "hello", "/g": "there" },
    run: (fs, at) => fs.copyFile(at("/f"), at("/g"), fs.constants.COPYFILE_EXCL),
    fails: "EEXIST: file already exists, copyfile '/f' -> '/g'",
  },
  {
    name: "copyFile of what is not there fails",
    run: (fs, at) => fs.copyFile(at("/no"), at("/g")),
    fails: "ENOENT: no such file or directory, copyfile '/no' -> '/g'",
  },
  {
    name: "copyFile to a directory fails",
    given: { "/f": "", "/d": null },
    run: (fs, at) => fs.copyFile(at("/f"), at("/d")),
    fails: "EISDIR: illegal operation on a directory, copyfile '/f' -> '/d'",
  },
  {
    name: "copyFile of a directory fails, and creates nothing",
    given: { "/d": null },
    run: async (fs, at) => [
      await codeOf(fs.copyFile(at("/d"), at("/x"))),
      await fs.readdir(at("/")),
    ],
    gives: ["EISDIR", ["d"]],
  },
  {
    name: "an aborted signal ends readFile and writeFile before they begin",
    given: { "/f": "x" },
    run: async (fs, at) => {
      const abort = new AbortController();
      abort.abort();
      const { signal } = abort;
      return [
        await codeOf(fs.readFile(at("/f"), { signal })),
        await codeOf(fs.writeFile(at("/f"), "y", { signal })),
        await fs.readFile(at("/f"), "utf8"),
      ];
    },
    gives: ["ABORT_ERR", "ABORT_ERR", "x"],
  },
];
