import { describe, expect, test } from "vitest";
import { FsError, run } from "../../src/index.ts";
import { context, Fixture } from "./fixture.ts";

const tree = {
  "index.html": "<h1>hello</h1>",
  "docs/a.txt": "alpha",
  "docs/b.txt": "beta",
  "docs/deep/er/leaf": "leaf",
  link: { target: "docs/a.txt" },
  "hard/one": { content: "same", link: "g" },
  "hard/two": { content: "same", link: "g" },
};

const chunk = 65536;

/** A base file whose byte at offset n is n % 251, too large to hold. */
const big = {
  size: 256 * 1024 * 1024,
  fill: (offset: number, into: Uint8Array) => {
    for (let i = 0; i < into.length; i += 1) into[i] = (offset + i) % 251;
  },
};

describe("an untouched overlay", () => {
  test("shows the base and records nothing", async () => {
    const f = await Fixture.open(tree);
    expect(await f.read("docs/a.txt")).toBe("alpha");
    expect(await f.names("")).toEqual(["docs", "hard", "index.html", "link"]);
    expect(await f.run(f.overlay.readlink(await f.at("link")))).toBe("docs/a.txt");
    expect(await f.status()).toEqual([]);
    expect(f.disk.nodes.size).toBe(0);
    expect(f.disk.names.size).toBe(0);
  });

  test("gives names of one base object one inode, and numbers that survive a remount", async () => {
    const f = await Fixture.open(tree);
    const before = await f.run(f.overlay.getattr(await f.at("hard/one")));
    expect(before.nlink).toBe(2);
    expect((await f.at("hard/two")).ino).toBe(before.ino);
    const number = (await f.at("docs/a.txt")).ino;
    await f.remount();
    expect((await f.at("hard/two")).ino).toBe(before.ino);
    expect((await f.at("docs/a.txt")).ino).toBe(number);
  });
});

describe("names", () => {
  test("unlink of a base file leaves a whiteout that survives a remount", async () => {
    const f = await Fixture.open(tree);
    await f.unlink("docs/a.txt");
    await expect(f.at("docs/a.txt")).rejects.toMatchObject({ code: "ENOENT" });
    await f.remount();
    await expect(f.at("docs/a.txt")).rejects.toMatchObject({ code: "ENOENT" });
    expect(await f.names("docs")).toEqual(["b.txt", "deep"]);
    expect(await f.status()).toEqual(["deleted docs/a.txt"]);
  });

  test("a directory removed and made again does not show the base's children", async () => {
    const f = await Fixture.open(tree);
    await f.unlink("docs/deep/er/leaf");
    await f.rmdir("docs/deep/er");
    await f.rmdir("docs/deep");
    await f.mkdir("docs/deep");
    expect(await f.names("docs/deep")).toEqual([]);
    await f.remount();
    expect(await f.names("docs/deep")).toEqual([]);
    expect(await f.status()).toEqual(["replaced docs/deep"]);
  });

  test("rename of a base directory records two names and a node, and reads nothing", async () => {
    const f = await Fixture.open(tree);
    await f.rename("docs", "moved");
    await f.run(f.overlay.commit("strict"));
    expect(f.base.bytesRead).toBe(0);
    expect(f.disk.dataBytes).toBe(0);
    expect(f.disk.nodes.size).toBe(2);
    await f.remount();
    expect(await f.read("moved/deep/er/leaf")).toBe("leaf");
    await expect(f.at("docs")).rejects.toMatchObject({ code: "ENOENT" });
    expect(await f.status()).toEqual(["renamed moved from docs"]);
  });

  test("a change deep inside a renamed directory is found at its new path", async () => {
    const f = await Fixture.open(tree);
    await f.writeAt("docs/deep/er/leaf", 0, "LEAF");
    await f.rename("docs", "moved");
    await f.remount();
    expect(await f.read("moved/deep/er/leaf")).toBe("LEAF");
    expect(await f.status()).toEqual(["renamed moved from docs", "modified moved/deep/er/leaf"]);
  });

  test("rename over a base file drops it, exchange swaps, noReplace refuses", async () => {
    const f = await Fixture.open(tree);
    await f.rename("docs/a.txt", "docs/b.txt");
    expect(await f.read("docs/b.txt")).toBe("alpha");
    await f.create("new", "n");
    await f.rename("new", "index.html", { exchange: true });
    expect(await f.read("index.html")).toBe("n");
    expect(await f.read("new")).toBe("<h1>hello</h1>");
    await expect(f.rename("new", "index.html", { noReplace: true })).rejects.toMatchObject({
      code: "EEXIST",
    });
    await f.remount();
    expect(await f.read("index.html")).toBe("n");
    expect(await f.status()).toEqual([
      "renamed docs/b.txt from docs/a.txt",
      "replaced index.html",
      "renamed new from index.html",
    ]);
  });

  test("a directory whose names nobody has asked for yet is not empty", async () => {
    const f = await Fixture.open({ "d/e/f": "f" });
    for (const path of ["d", "d/e"]) {
      await expect(f.rmdir(path)).rejects.toMatchObject({ code: "ENOTEMPTY" });
    }
    await f.unlink("d/e/f");
    await f.rmdir("d/e");
    await f.rmdir("d");
    expect(await f.names("")).toEqual([]);
  });

  test("a name that comes or goes moves the times of its directory, and of no other", async () => {
    const f = await Fixture.open({ "d/f": "f", "e/g": "g" });
    const times = async () => {
      const lines = [];
      for (const path of ["d", "e"]) {
        const { mtime, ctime } = await run(f.overlay.getattr(await f.at(path)));
        lines.push(
          `${path} mtime ${JSON.stringify(mtime)}`,
          `${path} ctime ${JSON.stringify(ctime)}`,
        );
      }
      return lines;
    };
    const changes: [directories: string[], change: () => Promise<unknown>][] = [
      [["d"], () => f.create("d/new")],
      [["d"], () => f.mkdir("d/sub")],
      [["d"], () => f.link("d/f", "d/link")],
      [["d"], () => f.unlink("d/f")],
      [["d"], () => f.rmdir("d/sub")],
      [["d", "e"], () => f.rename("d/new", "e/new")],
    ];
    for (const [directories, change] of changes) {
      const before = await times();
      await change();
      const moved = (await times()).filter((line) => !before.includes(line));
      expect(
        moved.map((line) => line.slice(0, "d mtime".length)),
        `${change}`,
      ).toEqual(directories.flatMap((path) => [`${path} mtime`, `${path} ctime`]));
    }
  });

  test("a directory cannot go into itself", async () => {
    const f = await Fixture.open(tree);
    await expect(f.rename("docs", "docs/deep/docs")).rejects.toMatchObject({ code: "EINVAL" });
  });

  test("a hard link to a base file stores no data and shares its inode", async () => {
    const f = await Fixture.open(tree);
    await f.link("docs/a.txt", "linked");
    await f.writeAt("linked", 0, "A");
    expect(await f.read("docs/a.txt")).toBe("Alpha");
    await f.remount();
    expect(await f.read("docs/a.txt")).toBe("Alpha");
    const { nlink, ino } = await f.run(f.overlay.getattr(await f.at("linked")));
    expect([nlink, ino]).toEqual([2, (await f.at("docs/a.txt")).ino]);
    expect(await f.status()).toEqual(["modified docs/a.txt", "created linked link to docs/a.txt"]);
  });

  test("the other name of a base link group stays when one is removed", async () => {
    const f = await Fixture.open(tree);
    await f.unlink("hard/one");
    await f.remount();
    const { nlink } = await f.run(f.overlay.getattr(await f.at("hard/two")));
    expect(nlink).toBe(1);
    expect(await f.read("hard/two")).toBe("same");
  });

  test("an unlinked open file of the base stays readable and writable, and goes with its last handle", async () => {
    const f = await Fixture.open(tree);
    const { overlay } = f;
    const handle = await run(overlay.open(await f.at("docs/a.txt"), { read: true, write: true }));
    await f.unlink("docs/a.txt");
    const into = new Uint8Array(5);
    expect(await run(overlay.read(handle, 0, into))).toBe(5);
    await run(overlay.write(handle, 0, new Uint8Array([65])));
    await run(overlay.commit("strict"));
    expect((await run(overlay.getattr(handle.inode))).nlink).toBe(0);
    expect(f.disk.orphans.size).toBe(1);
    await run(overlay.release(handle));
    await run(overlay.commit("strict"));
    expect([f.disk.orphans.size, f.disk.data.size]).toEqual([0, 0]);
    expect([...f.disk.nodes.keys()].length).toBe(1);
  });

  test("an orphan of a crashed owner is dropped at the next mount", async () => {
    const f = await Fixture.open(tree);
    await f.create("temporary", "data");
    await run(f.overlay.open(await f.at("temporary"), { read: true }));
    await f.unlink("temporary");
    await run(f.overlay.commit("strict"));
    expect(f.disk.orphans.size).toBe(1);
    await f.mount();
    expect([f.disk.orphans.size, f.disk.data.size]).toEqual([0, 0]);
  });

  test("every name a file system may have is legal, the dangerous ones of JavaScript too", async () => {
    const f = await Fixture.open({ "x/__proto__": "p" });
    const names = [
      "__proto__",
      "constructor",
      ".wh.x",
      "META_dAfFgHE39ktF3HD2sr",
      "a\nb",
      "ä".repeat(127),
    ];
    for (const name of names) await f.create(name, name);
    await f.remount();
    for (const name of names) expect(await f.read(name)).toBe(name);
    expect(await f.read("x/__proto__")).toBe("p");
    await expect(f.create("ä".repeat(128))).rejects.toMatchObject({ code: "ENAMETOOLONG" });
    await expect(f.create("\ud800")).rejects.toMatchObject({ code: "EILSEQ" });
  });
});

describe("content", () => {
  test("one byte into a 256 MiB base file stores one chunk and a record, and fetches one chunk", async () => {
    const f = await Fixture.open({ big });
    await f.writeAt("big", 134_217_000, "Z");
    await run(f.overlay.commit("strict"));
    expect(f.base.bytesRead).toBe(chunk);
    expect(f.disk.dataBytes).toBe(chunk);
    expect(f.disk.nodes.size).toBe(1);
    await f.remount();
    const bytes = await f.readAt("big", 134_216_998, 5);
    const at = (offset: number) => offset % 251;
    expect([...bytes]).toEqual([
      at(134_216_998),
      at(134_216_999),
      90,
      at(134_217_001),
      at(134_217_002),
    ]);
  });

  test("rename, chmod, touch and link of a big base file fetch and store nothing", async () => {
    const f = await Fixture.open({ big });
    await f.rename("big", "moved");
    await run(f.overlay.setattr(await f.at("moved"), { mode: 0o600, mtime: "now" }));
    await f.link("moved", "also");
    await run(f.overlay.commit("strict"));
    expect([f.base.bytesRead, f.disk.dataBytes]).toEqual([0, 0]);
  });

  test("a whole chunk written fetches nothing", async () => {
    const f = await Fixture.open({ big });
    await f.writeAt("big", chunk, new Uint8Array(2 * chunk).fill(7));
    expect(f.base.bytesRead).toBe(0);
  });

  test("what was cut off stays cut off when the file grows again", async () => {
    const f = await Fixture.open({ big });
    await f.writeAt("big", 10, "local");
    await run(f.overlay.setattr(await f.at("big"), { size: 12 }));
    await run(f.overlay.setattr(await f.at("big"), { size: 3 * chunk }));
    await f.remount();
    const bytes = await f.readBytes("big");
    expect(bytes.length).toBe(3 * chunk);
    expect([...bytes.subarray(8, 14)]).toEqual([8, 9, 108, 111, 0, 0]);
    expect(bytes.subarray(12).every((byte) => byte === 0)).toBe(true);
  });

  test("truncation to nothing fetches nothing and takes a new content", async () => {
    const f = await Fixture.open({ big });
    await f.writeAt("big", 0, "x");
    await run(f.overlay.commit("strict"));
    const fetched = f.base.bytesRead;
    await run(f.overlay.setattr(await f.at("big"), { size: 0 }));
    await run(f.overlay.commit("strict"));
    expect([f.base.bytesRead, f.disk.dataBytes]).toEqual([fetched, 0]);
  });

  test("a size that no disk holds is refused, so that it cannot stand in the way of later commits", async () => {
    const f = await Fixture.open({ file: "file" });
    await expect(f.writeAt("file", 2 ** 44, "x")).rejects.toMatchObject({ code: "EFBIG" });
    const truncation = run(f.overlay.setattr(await f.at("file"), { size: 2 ** 44 }));
    await expect(truncation).rejects.toMatchObject({ code: "EFBIG" });
    expect(await f.status()).toEqual([]);
  });

  test("seek finds data and holes", async () => {
    const f = await Fixture.open({});
    await f.create("sparse");
    await run(f.overlay.setattr(await f.at("sparse"), { size: 10 * chunk }));
    await f.writeAt("sparse", 4 * chunk, "x");
    const handle = await run(f.overlay.open(await f.at("sparse"), { read: true }));
    expect(await run(f.overlay.lseek(handle, 0, "data"))).toBe(4 * chunk);
    expect(await run(f.overlay.lseek(handle, 4 * chunk, "hole"))).toBe(5 * chunk);
    await expect(run(f.overlay.lseek(handle, 5 * chunk, "data"))).rejects.toMatchObject({
      code: "ENXIO",
    });
    expect((await run(f.overlay.getattr(handle.inode))).blocks).toBe(chunk / 512);
  });
});

describe("commits", () => {
  test("a failed commit keeps everything, refuses new data, and goes on once there is room", async () => {
    const f = await Fixture.open(tree);
    f.disk.capacity = 4;
    await f.create("full", "too much").catch(() => {});
    await expect(run(f.overlay.commit("strict"))).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await f.read("full")).toBe("too much");
    await expect(f.create("more", "data")).rejects.toMatchObject({ code: "ENOSPC" });
    f.disk.capacity = 1000;
    await f.create("more", "data");
    await f.remount();
    expect(await f.read("full")).toBe("too much");
    expect(await f.read("more")).toBe("data");
  });

  test("a status of a damaged storage, in which a directory lies in itself, comes to an end", async () => {
    const f = await Fixture.open(tree);
    await f.mkdir("a");
    await f.mkdir("a/b");
    const [a, b] = [await f.at("a"), await f.at("a/b")];
    await run(f.overlay.commit("strict"));
    f.disk.names.get(1)?.delete("a");
    f.disk.names.set(b.ino, new Map([["a", { ino: a.ino, type: "directory" }]]));
    expect(await f.status()).toHaveLength(2);
  });

  test("a later owner's epoch refuses the earlier one's commits", async () => {
    const f = await Fixture.open(tree);
    const earlier = f.overlay;
    await f.mount();
    await run(earlier.mkdir(earlier.root, "late", 0o755, context));
    await expect(run(earlier.commit("strict"))).rejects.toMatchObject({ code: "ESTALE" });
    expect(await f.names("")).not.toContain("late");
  });
});

test("opening over a storage that takes no commit of ours ends with ESTALE, after one try", async () => {
  const f = await Fixture.open({ a: "1" });
  let commits = 0;
  f.disk.before = ({ method }) => {
    if (method !== "commit") return undefined;
    commits += 1;
    if (commits > 50) throw new Error("it goes on for ever");
    throw new FsError("ESTALE", { reason: "another process has taken this storage over" });
  };
  await expect(f.mount()).rejects.toMatchObject({ code: "ESTALE" });
  expect(commits).toBe(1);
});

describe("revert", () => {
  test("brings back what was changed, deleted, renamed and replaced, and leaves no record", async () => {
    const f = await Fixture.open(tree);
    await f.writeAt("docs/b.txt", 0, "B");
    await f.unlink("docs/a.txt");
    await f.rename("docs/deep", "moved");
    await f.create("moved/new", "n");
    await f.unlink("index.html");
    await f.create("index.html", "other");
    await f.link("docs/b.txt", "b2");
    await f.mkdir("fresh");
    await f.rename("hard/one", "fresh/one");
    await f.run(f.overlay.revert([""]));
    expect(await f.status()).toEqual([]);
    await f.remount();
    expect(await f.names("")).toEqual(["docs", "hard", "index.html", "link"]);
    expect(await f.read("docs/a.txt")).toBe("alpha");
    expect(await f.read("docs/b.txt")).toBe("beta");
    expect(await f.read("docs/deep/er/leaf")).toBe("leaf");
    expect(await f.read("index.html")).toBe("<h1>hello</h1>");
    expect(await f.read("hard/one")).toBe("same");
    expect([f.disk.dataBytes, [...f.disk.nodes.keys()].filter((ino) => ino !== 1)]).toEqual([
      0,
      [],
    ]);
    for (const [path, nlink] of [
      ["", 4],
      ["docs", 3],
      ["hard/one", 2],
      ["docs/b.txt", 1],
    ] as const) {
      expect((await f.run(f.overlay.getattr(await f.at(path)))).nlink).toBe(nlink);
    }
  });

  test("of one path leaves the others", async () => {
    const f = await Fixture.open(tree);
    await f.unlink("docs/a.txt");
    await f.unlink("docs/b.txt");
    await f.run(f.overlay.revert(["docs/a.txt"]));
    expect(await f.status()).toEqual(["deleted docs/b.txt"]);
    expect(await f.read("docs/a.txt")).toBe("alpha");
  });

  test("of what differs in nothing is an error", async () => {
    const f = await Fixture.open(tree);
    await expect(f.run(f.overlay.revert(["docs"]))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("of a renamed file whose old directory is deleted says what to revert too", async () => {
    const f = await Fixture.open(tree);
    await f.rename("docs/deep/er/leaf", "leaf");
    await f.rmdir("docs/deep/er");
    await expect(f.run(f.overlay.revert(["leaf"]))).rejects.toMatchObject({
      code: "ENOENT",
      reason: expect.stringContaining("docs/deep/er"),
    });
    await f.run(f.overlay.revert(["leaf", "docs/deep/er"]));
    expect(await f.read("docs/deep/er/leaf")).toBe("leaf");
    expect(await f.status()).toEqual([]);
  });
});
