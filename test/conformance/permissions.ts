/** Cases of who may do what: root and an overlay in process may do all of it, others what the modes say. */
import { type ConformanceCase, codeOf, text } from "./table.ts";

const tree = { "/f": "abc", "/d/inner": "in" };

export const permissionCases: readonly ConformanceCase[] = [
  {
    name: "a file whose mode allows nothing is read and written by root alone",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/f"), 0);
      return [
        await codeOf(fs.readFile(at("/f"))),
        await codeOf(fs.appendFile(at("/f"), "d")),
        await codeOf(fs.truncate(at("/f"), 1)),
      ];
    },
    gives: ["ok", "ok", "ok"],
    asUser: { gives: ["EACCES", "EACCES", "EACCES"] },
  },
  {
    name: "a file that was opened before its mode took the right away stays open",
    given: tree,
    run: async (fs, at) => {
      const file = await fs.open(at("/f"), "r+");
      try {
        await fs.chmod(at("/f"), 0);
        await file.write("A", 0);
        return text(new Uint8Array((await file.readFile()) as Uint8Array));
      } finally {
        await file.close();
      }
    },
    gives: "Abc",
  },
  {
    name: "names in a directory without the right to write are changed by root alone",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/d"), 0o555);
      return [
        await codeOf(fs.writeFile(at("/d/new"), "")),
        await codeOf(fs.mkdir(at("/d/sub"))),
        await codeOf(fs.symlink("x", at("/d/link"))),
        await codeOf(fs.link(at("/f"), at("/d/hard"))),
        await codeOf(fs.rename(at("/d/inner"), at("/d/other"))),
        await codeOf(fs.rename(at("/f"), at("/d/f"))),
        await codeOf(fs.unlink(at("/d/f"))),
        await codeOf(fs.readdir(at("/d"))),
      ];
    },
    gives: ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok"],
    asUser: {
      gives: ["EACCES", "EACCES", "EACCES", "EACCES", "EACCES", "EACCES", "ENOENT", "ok"],
    },
  },
  {
    name: "what is in a directory without the right to search it is reached by root alone",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/d"), 0o600);
      return [
        await codeOf(fs.stat(at("/d/inner"))),
        await codeOf(fs.readFile(at("/d/inner"))),
        await codeOf(fs.stat(at("/d/missing"))),
        await codeOf(fs.readdir(at("/d"))),
      ];
    },
    gives: ["ok", "ok", "ENOENT", "ok"],
    asUser: { gives: ["EACCES", "EACCES", "EACCES", "ok"] },
  },
  {
    name: "a directory without the right to read it is listed by root alone",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/d"), 0o300);
      return [await codeOf(fs.readdir(at("/d"))), await codeOf(fs.stat(at("/d/inner")))];
    },
    gives: ["ok", "ok"],
    asUser: { gives: ["EACCES", "ok"] },
  },
  {
    name: "a file belongs to who makes it, with the group of a setgid directory",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/d"), 0o2755);
      await fs.writeFile(at("/d/new"), "");
      await fs.mkdir(at("/d/sub"));
      const [directory, file, sub] = [
        await fs.stat(at("/d")),
        await fs.stat(at("/d/new")),
        await fs.stat(at("/d/sub")),
      ];
      return [file.uid === sub.uid, file.gid === directory.gid, sub.mode & 0o2000];
    },
    gives: [true, true, 0o2000],
  },
  {
    name: "times are set by who owns the file, whatever its mode",
    given: tree,
    run: async (fs, at) => {
      await fs.chmod(at("/f"), 0);
      await fs.utimes(at("/f"), 1, 2);
      return (await fs.stat(at("/f"))).mtimeMs;
    },
    gives: 2000,
  },
];
