/** Attributes: stat, access, chmod, chown, utimes, statfs. */
import { type ConformanceCase, codeOf } from "./table.ts";

const tree = {
  "/f": "hello",
  "/d": null,
  "/to-f": { to: "f" },
  "/dangling": { to: "nowhere" },
} as const;

export const attributeCases: readonly ConformanceCase[] = [
  {
    name: "stat tells type, mode, size and links",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/f"), 0o640);
      const stats = await fs.stat(at("/f"));
      return [
        stats.isFile(),
        stats.isDirectory(),
        stats.isSymbolicLink(),
        stats.isFIFO() || stats.isSocket() || stats.isBlockDevice() || stats.isCharacterDevice(),
        stats.mode,
        stats.size,
        stats.nlink,
        stats.blocks > 0,
        stats.blksize > 0,
      ];
    },
    gives: [true, false, false, false, 0o100640, 5, 1, true, true],
  },
  {
    name: "stat tells times as numbers and as dates",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/f"), 1_700_000_000.25, new Date(1_600_000_000_500));
      const stats = await fs.stat(at("/f"));
      return [
        stats.atimeMs,
        stats.mtimeMs,
        stats.atime.toISOString(),
        stats.mtime.getTime(),
        stats.ctime instanceof Date,
        stats.ctimeMs > stats.mtimeMs,
        stats.birthtimeMs > 0,
      ];
    },
    gives: [
      1_700_000_000_250,
      1_600_000_000_500,
      "2023-11-14T22:13:20.250Z",
      1_600_000_000_500,
      true,
      true,
      true,
    ],
  },
  {
    name: "times before 1970 are times",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/f"), new Date(123), new Date(-1500));
      const { atimeMs, mtimeMs } = await fs.stat(at("/f"));
      return [atimeMs, mtimeMs];
    },
    gives: [123, -1500],
  },
  {
    name: "stat tells BigInts if asked",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/f"), 1, 1.5);
      const big = await fs.stat(at("/f"), { bigint: true });
      const plain = await fs.stat(at("/f"));
      return [
        big.isFile(),
        String(big.size),
        String(big.mtimeMs),
        String(big.mtimeNs),
        big.mtime.getTime(),
        Number(big.ino) === plain.ino,
        Number(big.mode) === plain.mode,
        big.ctimeNs / 1_000_000n === big.ctimeMs,
      ];
    },
    gives: [true, "5", "1500", "1500000000", 1500, true, true, true],
  },
  {
    name: "lstat tells of a symlink itself",
    given: tree,
    run: async (fs, at) => {
      const stats = await fs.lstat(at("/to-f"));
      const big = await fs.lstat(at("/to-f"), { bigint: true });
      return [stats.isSymbolicLink(), stats.size, big.isSymbolicLink(), stats.isFile()];
    },
    gives: [true, 1, true, false],
  },
  {
    name: "lstat of what is not there fails",
    run: (fs, at) => fs.lstat(at("/no")),
    fails: "ENOENT: no such file or directory, lstat '/no'",
  },
  {
    name: "inode numbers tell files apart and stay",
    given: tree,
    run: async (fs, at) => {
      const ino = async (path: string) => (await fs.lstat(at(path))).ino;
      const before = [await ino("/f"), await ino("/d"), await ino("/to-f")];
      await fs.appendFile(at("/f"), "!");
      await fs.chmod(at("/d"), 0o700);
      await fs.rename(at("/to-f"), at("/l"));
      const after = [await ino("/f"), await ino("/d"), await ino("/l")];
      return [new Set(before).size, before.every((number, n) => number === after[n])];
    },
    gives: [3, true],
  },
  {
    name: "all files are on one device",
    given: tree,
    run: async (fs, at) => (await fs.stat(at("/f"))).dev === (await fs.stat(at("/d"))).dev,
    gives: true,
  },
  {
    name: "reading changes no mtime, writing does",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/f"), 1, 1);
      await fs.readFile(at("/f"));
      const read = (await fs.stat(at("/f"))).mtimeMs;
      await fs.appendFile(at("/f"), "!");
      return [read, (await fs.stat(at("/f"))).mtimeMs > 1000];
    },
    gives: [1000, true],
  },
  {
    name: "a directory's mtime changes with its names",
    given: { "/d/f": "", "/e": null },
    run: async (fs, at) => {
      const changes: boolean[] = [];
      const touches = async (change: () => Promise<unknown>) => {
        await fs.utimes(at("/d"), 1, 1);
        await change();
        changes.push((await fs.stat(at("/d"))).mtimeMs > 1000);
      };
      await touches(() => fs.writeFile(at("/d/g"), ""));
      await touches(() => fs.writeFile(at("/d/g"), "again"));
      await touches(() => fs.chmod(at("/d/g"), 0o600));
      await touches(() => fs.rename(at("/d/g"), at("/e/g")));
      await touches(() => fs.unlink(at("/d/f")));
      await touches(() => fs.mkdir(at("/d/h")));
      await touches(() => fs.rmdir(at("/d/h")));
      await touches(() => fs.link(at("/e/g"), at("/d/h")));
      return changes;
    },
    gives: [true, false, false, true, true, true, true, true],
  },
  {
    name: "chmod changes permission bits only, through symlinks, and keeps mtime",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/f"), 1, 1);
      await fs.chmod(at("/to-f"), 0o4711);
      const { mode, mtimeMs } = await fs.stat(at("/f"));
      return [mode, mtimeMs, (await fs.lstat(at("/to-f"))).isSymbolicLink()];
    },
    gives: [0o104711, 1000, true],
  },
  {
    name: "chmod of what is not there fails",
    given: tree,
    run: (fs, at) => fs.chmod(at("/dangling"), 0o600),
    fails: "ENOENT: no such file or directory, chmod '/dangling'",
  },
  {
    name: "chown changes what is not -1",
    given: tree,
    asUser: { fails: "EPERM: operation not permitted, chown '/f'" },
    run: async (fs, at) => {
      await fs.chown(at("/f"), 1000, 1001);
      await fs.chown(at("/f"), -1, 1002);
      const { uid, gid } = await fs.stat(at("/f"));
      return [uid, gid];
    },
    gives: [1000, 1002],
  },
  {
    name: "another owner takes setuid and setgid from a file, and nothing from a directory",
    given: tree,
    asUser: { fails: "EPERM: operation not permitted, chown '/f'" },
    run: async (fs, at) => {
      const modes: number[] = [];
      for (const [path, mode] of [
        ["/f", 0o6755],
        ["/f", 0o6745],
        ["/d", 0o6755],
      ] as const) {
        await fs.chmod(at(path), mode);
        await fs.chown(at(path), 1000, 1001);
        modes.push((await fs.stat(at(path))).mode & 0o7777);
        await fs.chown(at(path), 0, 0);
      }
      return modes;
    },
    gives: [0o755, 0o2745, 0o6755],
  },
  {
    name: "lchown changes a symlink itself",
    given: tree,
    asUser: { fails: "EPERM: operation not permitted, chown '/f'" },
    run: async (fs, at) => {
      await fs.chown(at("/f"), 5, 5);
      await fs.lchown(at("/to-f"), 1000, 1001);
      return [(await fs.lstat(at("/to-f"))).uid, (await fs.stat(at("/to-f"))).uid];
    },
    gives: [1000, 5],
  },
  {
    name: "chown and lchown of what is not there fail",
    run: async (fs, at) => [
      await codeOf(fs.chown(at("/no"), 1, 1)),
      await codeOf(fs.lchown(at("/no"), 1, 1)),
    ],
    gives: ["ENOENT", "ENOENT"],
  },
  {
    name: "utimes goes through symlinks, lutimes does not",
    given: tree,
    run: async (fs, at) => {
      await fs.utimes(at("/to-f"), 1, 2);
      await fs.lutimes(at("/to-f"), 3, 4);
      return [(await fs.stat(at("/f"))).mtimeMs, (await fs.lstat(at("/to-f"))).mtimeMs];
    },
    gives: [2000, 4000],
  },
  {
    name: "utimes of what is not there fails",
    run: (fs, at) => fs.utimes(at("/no"), 1, 1),
    fails: "ENOENT: no such file or directory, utime '/no'",
  },
  {
    name: "lutimes of what is not there fails",
    run: (fs, at) => fs.lutimes(at("/no"), 1, 1),
    fails: "ENOENT: no such file or directory, lutime '/no'",
  },
  {
    name: "access tells what is there",
    given: tree,
    run: async (fs, at) => {
      const { R_OK, W_OK, F_OK } = fs.constants;
      return [await fs.access(at("/f")), await fs.access(at("/to-f"), R_OK | W_OK | F_OK)];
    },
    gives: [undefined, undefined],
  },
  {
    name: "access of what is not there fails",
    given: tree,
    run: (fs, at) => fs.access(at("/dangling")),
    fails: "ENOENT: no such file or directory, access '/dangling'",
  },
  {
    name: "access tells whether a file may be executed",
    given: tree,
    run: async (fs, at) => {
      const before = await codeOf(fs.access(at("/f"), fs.constants.X_OK));
      await fs.chmod(at("/f"), 0o755);
      return [
        before,
        await codeOf(fs.access(at("/f"), fs.constants.X_OK)),
        await codeOf(fs.access(at("/d"), fs.constants.X_OK)),
      ];
    },
    gives: ["EACCES", "ok", "ok"],
  },
  {
    name: "statfs tells sizes that add up, as numbers or BigInts",
    given: tree,
    run: async (fs, at) => {
      const plain = await fs.statfs(at("/f"));
      const big = await fs.statfs(at("/"), { bigint: true });
      return [
        plain.bsize > 0,
        plain.blocks >= plain.bfree,
        plain.bfree >= plain.bavail,
        typeof big.blocks,
      ];
    },
    gives: [true, true, true, "bigint"],
  },
  {
    name: "statfs of what is not there fails",
    run: (fs, at) => fs.statfs(at("/no")),
    fails: "ENOENT: no such file or directory, statfs '/no'",
  },
];
