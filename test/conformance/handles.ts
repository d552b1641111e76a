/** Open files: positions, flags, what is left when the name is gone. */
import { type ConformanceCase, codeOf, text } from "./table.ts";

export const handleCases: readonly ConformanceCase[] = [
  {
    name: "reads go on from where the last one ended",
    given: { "/f": "hello world" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"));
      const buffer = new Uint8Array(6);
      const pieces: unknown[] = [];
      for (let n = 0; n < 3; n += 1) {
        const { bytesRead } = await handle.read(buffer, 0, 6, null);
        pieces.push(text(buffer.subarray(0, bytesRead)));
      }
      await handle.close();
      return pieces;
    },
    gives: ["hello ", "world", ""],
  },
  {
    name: "a read at a position does not move the current one",
    given: { "/f": "0123456789" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r");
      const first = await handle.read({ buffer: new Uint8Array(2), position: 7 });
      const second = await handle.read({ buffer: new Uint8Array(3), offset: 1, length: 2 });
      const third = await handle.read(new Uint8Array(2), { position: 4 });
      const fourth = await handle.read(new Uint8Array(1), 0, 1, -1);
      await handle.close();
      return [first, second, third, fourth].map(({ buffer, bytesRead }) => [
        text(buffer),
        bytesRead,
      ]);
    },
    gives: [
      ["78", 2],
      ["\u000001", 2],
      ["45", 2],
      ["2", 1],
    ],
  },
  {
    name: "read without a buffer makes one",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r");
      const { bytesRead, buffer } = await handle.read();
      await handle.close();
      return [bytesRead, buffer.length, text(buffer.subarray(0, bytesRead))];
    },
    gives: [5, 16384, "hello"],
  },
  {
    name: "read refuses ranges outside of the buffer",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r");
      const codes = [
        await codeOf(handle.read(new Uint8Array(2), 3, 1)),
        await codeOf(handle.read(new Uint8Array(2), 0, 3)),
        await codeOf(handle.read(new Uint8Array(2), -1)),
      ];
      await handle.close();
      return codes;
    },
    gives: ["ERR_OUT_OF_RANGE", "ERR_OUT_OF_RANGE", "ERR_OUT_OF_RANGE"],
  },
  {
    name: "writes go on from where the last one ended, or to a position",
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "w");
      const bytes = new TextEncoder().encode("0123456789");
      const written = [
        (await handle.write("abc")).bytesWritten,
        (await handle.write(bytes, 2, 3)).bytesWritten,
        (await handle.write(bytes, { offset: 8 })).bytesWritten,
        (await handle.write("é", 0)).bytesWritten,
        (await handle.write("ff", null, "hex")).bytesWritten,
        (await handle.write(bytes, 0, 1, 12)).bytesWritten,
      ];
      await handle.close();
      return [written, await fs.readFile(at("/f"), "latin1")];
    },
    gives: [[3, 3, 2, 2, 1, 1], "Ã©c23489ÿ\0\0\u00000"],
  },
  {
    name: "a handle open for appending writes at the end, whatever the position",
    given: { "/f": "one" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "a");
      await handle.write("two", 0);
      await fs.appendFile(at("/f"), "three");
      await handle.write("four");
      await handle.close();
      return fs.readFile(at("/f"), "utf8");
    },
    gives: "onetwothreefour",
  },
  {
    name: "a+ reads from the beginning",
    given: { "/f": "one" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "a+");
      const before = await handle.readFile("utf8");
      await handle.write("two");
      const after = await handle.readFile("utf8");
      await handle.close();
      return [before, after, await fs.readFile(at("/f"), "utf8")];
    },
    gives: ["one", "", "onetwo"],
  },
  {
    name: "readFile and writeFile of a handle go on from its position",
    given: { "/f": "hello world" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r+");
      await handle.read(new Uint8Array(6), 0, 6);
      const rest = await handle.readFile({ encoding: "utf8" });
      await handle.writeFile("!");
      await handle.appendFile("?");
      await handle.close();
      return [rest, await fs.readFile(at("/f"), "utf8")];
    },
    gives: ["world", "hello world!?"],
  },
  {
    name: "readFile, writeFile and appendFile take a handle for the path",
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "w+");
      await fs.writeFile(handle, "one");
      await fs.appendFile(handle, "two");
      const rest = await fs.readFile(handle, "utf8");
      await handle.close();
      return [rest, await fs.readFile(at("/f"), "utf8")];
    },
    gives: ["", "onetwo"],
  },
  {
    name: "readv and writev take several views",
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "w+");
      const bytes = new TextEncoder().encode("0123456789");
      const { bytesWritten } = await handle.writev([bytes.subarray(0, 4), bytes.subarray(6)]);
      const into = [new Uint8Array(3), new Uint8Array(9)] as const;
      const { bytesRead } = await handle.readv(into, 1);
      await handle.close();
      return [bytesWritten, bytesRead, text(into[0]), text(into[1].subarray(0, 4))];
    },
    gives: [8, 7, "123", "6789"],
  },
  {
    name: "a handle tells and changes attributes",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r+");
      await handle.chmod(0o600);
      await handle.utimes(1, 2);
      const { mode, atimeMs, mtimeMs } = await handle.stat();
      const { mtimeNs, size } = await handle.stat({ bigint: true });
      await handle.truncate(3);
      await handle.sync();
      await handle.datasync();
      await handle.close();
      const left = await fs.readFile(at("/f"), "utf8");
      return [mode, atimeMs, mtimeMs, String(mtimeNs), String(size), left];
    },
    gives: [0o100600, 1000, 2000, "2000000000", "5", "hel"],
  },
  {
    name: "truncate of a handle leaves its position, and the hole reads zero",
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "w");
      await handle.write("hello");
      await handle.truncate();
      await handle.write("!");
      await handle.close();
      return fs.readFile(at("/f"), "utf8");
    },
    gives: "\0\0\0\0\0!",
  },
  {
    name: "an unlinked file can be read and written until it is closed",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r+");
      await fs.unlink(at("/f"));
      await handle.write("J");
      const buffer = new Uint8Array(5);
      await handle.read(buffer, 0, 5, 0);
      const { nlink } = await handle.stat();
      await handle.close();
      return [text(buffer), nlink, await fs.readdir(at("/"))];
    },
    gives: ["Jello", 0, []],
  },
  {
    name: "a handle follows its file when it is renamed or replaced",
    given: { "/f": "old", "/g": "new" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r");
      await fs.rename(at("/g"), at("/f"));
      const before = await handle.readFile("utf8");
      await handle.close();
      return [before, await fs.readFile(at("/f"), "utf8")];
    },
    gives: ["old", "new"],
  },
  {
    name: "a handle not open for it neither reads nor writes nor truncates",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const reader = await fs.open(at("/f"), "r");
      const codes = [await codeOf(reader.write("x")), await codeOf(reader.truncate(1))];
      await reader.close();
      const writer = await fs.open(at("/f"), "w");
      codes.push(await codeOf(writer.read(new Uint8Array(1))), await codeOf(writer.readFile()));
      await writer.close();
      return codes;
    },
    gives: ["EBADF", "EINVAL", "EBADF", "EBADF"],
  },
  {
    name: "writing to a handle that is open for reading fails",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r");
      try {
        await handle.write("x");
      } finally {
        await handle.close();
      }
    },
    fails: "EBADF: bad file descriptor, write",
  },
  {
    name: "a closed handle is good for nothing, and may be closed again",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "r+");
      await handle.close();
      return [
        await codeOf(handle.stat()),
        await codeOf(handle.read(new Uint8Array(1))),
        await codeOf(handle.write("x")),
        await codeOf(handle.close()),
      ];
    },
    gives: ["EBADF", "EBADF", "EBADF", "ok"],
  },
  {
    name: "close waits for what is under way",
    given: { "/f": "" },
    run: async (fs, at) => {
      const handle = await fs.open(at("/f"), "w");
      const writing = handle.write("hello");
      await handle.close();
      return [(await writing).bytesWritten, await fs.readFile(at("/f"), "utf8")];
    },
    gives: [5, "hello"],
  },
  {
    name: "a directory can be opened, told about and synced, but not read or written",
    given: { "/d": null },
    run: async (fs, at) => {
      const handle = await fs.open(at("/d"), "r");
      const told = [
        (await handle.stat()).isDirectory(),
        await codeOf(handle.sync()),
        await codeOf(handle.read(new Uint8Array(1))),
        await codeOf(handle.write("x")),
        await codeOf(handle.truncate(0)),
      ];
      await handle.close();
      return told;
    },
    gives: [true, "ok", "EISDIR", "EBADF", "EINVAL"],
  },
  {
    name: "a directory cannot be opened for writing",
    given: { "/d": null },
    run: (fs, at) => fs.open(at("/d"), "w"),
    fails: "EISDIR: illegal operation on a directory, open '/d'",
  },
  {
    name: "open takes the constants",
    given: { "/f": "hello", "/d": null, "/l": { to: "f" } },
    run: async (fs, at) => {
      const { O_CREAT, O_EXCL, O_WRONLY, O_TRUNC, O_NOFOLLOW, O_DIRECTORY, O_RDONLY } =
        fs.constants;
      const tried = async (path: string, flags: number) => {
        try {
          await (await fs.open(at(path), flags)).close();
          return "ok";
        } catch (error) {
          return (error as { code: string }).code;
        }
      };
      return [
        await tried("/f", O_RDONLY),
        await tried("/l", O_NOFOLLOW),
        await tried("/f", O_DIRECTORY),
        await tried("/d", O_DIRECTORY),
        await tried("/f", O_CREAT | O_EXCL | O_WRONLY),
        await tried("/l", O_CREAT | O_NOFOLLOW | O_WRONLY),
        await tried("/new", O_CREAT | O_EXCL | O_WRONLY),
        await tried("/f", O_WRONLY | O_TRUNC),
        (await fs.stat(at("/f"))).size,
      ];
    },
    gives: ["ok", "ELOOP", "ENOTDIR", "ok", "EEXIST", "ELOOP", "ok", "ok", 0],
  },
  {
    name: "open takes every flag Node names",
    given: { "/f": "hello" },
    run: async (fs, at) => {
      const left: string[] = [];
      for (const flag of [
        "r",
        "rs",
        "sr",
        "r+",
        "rs+",
        "sr+",
        "a",
        "as",
        "sa",
        "a+",
        "as+",
        "sa+",
      ]) {
        await (await fs.open(at("/f"), flag)).close();
      }
      left.push(await fs.readFile(at("/f"), "utf8"));
      for (const flag of ["wx", "xw", "wx+", "xw+", "ax", "xa", "ax+", "xa+"]) {
        left.push(String(await codeOf(fs.open(at("/f"), flag))));
        await (await fs.open(at(`/${flag}`), flag)).close();
      }
      for (const flag of ["w", "w+"]) {
        await fs.writeFile(at("/f"), "hello");
        await (await fs.open(at("/f"), flag)).close();
        left.push(await fs.readFile(at("/f"), "utf8"));
      }
      return left;
    },
    gives: ["hello", ...Array(8).fill("EEXIST"), "", ""],
  },
  {
    name: "open creates with the mode it is given, less the umask",
    run: async (fs, at) => {
      await (await fs.open(at("/a"), "w", 0o640)).close();
      await (await fs.open(at("/b"), "w")).close();
      return [(await fs.stat(at("/a"))).mode & 0o777, (await fs.stat(at("/b"))).mode & 0o777];
    },
    gives: [0o640, 0o644],
  },
];
