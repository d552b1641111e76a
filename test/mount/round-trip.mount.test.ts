/** What a user does with a mount, and that all of it is there again after the next one. */
import { execFile } from "node:child_process";
import { appendFile, link, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { describeMount, minifoOk, Scratch, shell } from "./fixture.ts";

const pages = Object.fromEntries(
  Array.from({ length: 60 }, (_, i) => [`docs/p${i}.html`, `page ${i}\n`]),
);
const files = {
  ...pages,
  "docs/deep/er/leaf": "leaf\n",
  "docs/deep/other": "other\n",
  "a b#c?100%.txt": "odd name\n",
  "big.bin": new Uint8Array(3_000_000).map((_, i) => (i * 7) ^ (i >> 8)),
};

const tell =
  "find . -printf '%P %y %m %s %T@ %n %l\\n' | sort; find . -type f -exec md5sum {} + | sort";

describeMount("a mount", () => {
  test.each(["over HTTP", "over a directory"])("%s equals its base", async (how) => {
    const scratch = await Scratch.with(files);
    const base = how === "over HTTP" ? (await scratch.serve()).url : scratch.base;
    await scratch.mount(base);
    await shell(`diff -r --no-dereference -x minifo.json base mnt`, scratch.directory);
    await scratch.unmount();
  });

  test("takes every kind of change, keeps it, and tells exactly these", async () => {
    const scratch = await Scratch.with(files);
    await shell("cp -a base original", scratch.directory);
    const { url } = await scratch.serve();
    await scratch.mount(url);
    await shell(
      `echo more >>docs/p1.html; echo new >new.txt; rm docs/p2.html; mv docs/deep moved
      mkdir -p n/m; ln -s new.txt s; chmod 600 docs/p3.html; ln docs/p5.html hard
      touch -d '2001-02-03 04:05:06.123456789' docs/p4.html
      touch -d '1913-02-03 04:05:06.5' docs/p7.html
      printf Z | dd of=big.bin bs=1 seek=1500000 conv=notrunc status=none; mv docs/p6.html n/`,
      scratch.mountpoint,
    );
    const before = await shell(tell, scratch.mountpoint);
    const expected = [
      "attributes docs/p3.html",
      "attributes docs/p4.html",
      "attributes docs/p7.html",
      "created hard",
      "created n",
      "created n/m",
      "created new.txt",
      "created s",
      "deleted docs/p2.html",
      "modified big.bin",
      "modified docs/p1.html",
      "renamed moved",
      "renamed n/p6.html",
    ];
    expect((await scratch.status()).sort()).toEqual(expected);
    await scratch.remount(url);
    expect(await shell(tell, scratch.mountpoint)).toBe(before);
    expect((await scratch.status()).sort()).toEqual(expected);
    expect((await stat(scratch.at("docs/p4.html"), { bigint: true })).mtimeNs).toBe(
      981173106_123456789n,
    );
    expect((await stat(scratch.at("docs/p7.html"), { bigint: true })).mtimeNs).toBeLessThan(0n);
    const [hard, p5] = await Promise.all([
      stat(scratch.at("hard")),
      stat(scratch.at("docs/p5.html")),
    ]);
    expect([hard.ino, hard.nlink]).toEqual([p5.ino, 2]);
    await scratch.unmount();
    expect((await scratch.status()).sort()).toEqual(expected);
    await shell("diff -r -x minifo.json original base", scratch.directory);
  });

  test("round-trips untouched files through tar -cS", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url);
    await shell(
      `mkdir out; tar -C mnt -cSf - . | tar -C out -xf -; diff -r -x minifo.json base out`,
      scratch.directory,
    );
    await scratch.unmount();
  });

  test("shows a revert at once, in names, data and attributes", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url);
    await writeFile(scratch.at("docs/p1.html"), "ours, and longer than it was");
    await shell(
      "rm docs/p2.html; echo new >docs/new; mv docs/deep away; ls -l docs",
      scratch.mountpoint,
    );
    expect(await readFile(scratch.at("docs/p1.html"), "utf8")).toContain("ours");
    await minifoOk("revert", scratch.storage, "docs/p1.html", "docs/p2.html", "docs/new", "away");
    expect(await readFile(scratch.at("docs/p1.html"), "utf8")).toBe("page 1\n");
    expect(await readFile(scratch.at("docs/p2.html"), "utf8")).toBe("page 2\n");
    expect(await readFile(scratch.at("docs/deep/er/leaf"), "utf8")).toBe("leaf\n");
    await expect(stat(scratch.at("docs/new"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(stat(scratch.at("away"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await scratch.status()).toEqual([]);
    await scratch.unmount();
  });

  test("stores one chunk and fetches at most 1 MiB for a byte in the middle of 256 MiB", async () => {
    const scratch = await Scratch.with({});
    await writeFile(`${scratch.base}/big`, "");
    await truncate(`${scratch.base}/big`, 256 * 1024 * 1024);
    const server = await scratch.serve();
    await scratch.mount(server.url);
    const before = server.counts.bytes;
    await shell("mv big moved; chmod 600 moved; ln moved also", scratch.mountpoint);
    await utimes(scratch.at("moved"), 1, 2);
    expect(server.counts.bytes - before).toBe(0);
    await shell(
      "printf Z | dd of=moved bs=1 seek=134217000 conv=notrunc,fsync status=none",
      scratch.mountpoint,
    );
    expect(server.counts.bytes - before).toBeLessThanOrEqual(1024 * 1024);
    const stored = await shell(`du -s --block-size=1 sto | cut -f1`, scratch.directory);
    expect(Number(stored)).toBeLessThanOrEqual(256 * 1024);
    const byte = "dd if=also bs=1 skip=134217000 count=1 status=none";
    expect(await shell(byte, scratch.mountpoint)).toBe("Z");
    expect((await stat(scratch.at("also"))).size).toBe(256 * 1024 * 1024);
    await scratch.unmount();
  });

  test("takes appends of several processes at once without losing any", async () => {
    const scratch = await Scratch.with({ log: "" });
    await scratch.mount(scratch.base);
    await shell(
      `for i in 1 2 3 4; do (for j in $(seq 50); do echo "$i $j" >>log; done) & done; wait`,
      scratch.mountpoint,
    );
    const lines = (await readFile(scratch.at("log"), "utf8")).trim().split("\n");
    expect(new Set(lines).size).toBe(200);
    await scratch.unmount();
  });

  test("keeps an unlinked open file readable and writable", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url);
    const said = await shell(
      `exec 3<>docs/p1.html; rm docs/p1.html; printf Q >&3; cat /proc/self/fd/3; stat -L -c %h /proc/self/fd/3
      ls -a docs | grep -c fuse_hidden || true`,
      scratch.mountpoint,
    );
    expect(said).toBe("Qage 1\n0\n0\n");
    await scratch.unmount();
  });

  test("keeps extended attributes, and knows the flags of rename", async () => {
    const scratch = await Scratch.with({ a: "A", b: "B" });
    await scratch.mount(scratch.base);
    await shell("setfattr -n user.colour -v red a", scratch.mountpoint);
    const renameat2 = (from: string, to: string, flags: number) =>
      promisify(execFile)(
        "python3",
        [
          "-c",
          `import ctypes,os,sys
libc=ctypes.CDLL(None,use_errno=True)
r=libc.renameat2(-100,sys.argv[1].encode(),-100,sys.argv[2].encode(),int(sys.argv[3]))
print(0 if r==0 else ctypes.get_errno())`,
          from,
          to,
          String(flags),
        ],
        { cwd: scratch.mountpoint },
      ).then(({ stdout }) => Number(stdout));
    expect(await renameat2("a", "b", 1)).toBe(17);
    expect(await renameat2("a", "b", 2)).toBe(0);
    await scratch.remount(scratch.base);
    expect(await readFile(scratch.at("a"), "utf8")).toBe("B");
    expect(await shell("getfattr --only-values -n user.colour b", scratch.mountpoint)).toBe("red");
    await scratch.unmount();
  });

  test("hides nothing but what umask= hides, and refuses changes with -o ro", async () => {
    const scratch = await Scratch.with({ a: "A" });
    await scratch.mount(scratch.base, "-o", "ro,umask=027,uid=1234");
    expect((await stat(scratch.at("a"))).mode & 0o777).toBe(0o640);
    await expect(appendFile(scratch.at("a"), "x")).rejects.toMatchObject({ code: "EROFS" });
    await scratch.unmount();
  });

  test("keeps a name it was given with odd characters, and refuses one that is no UTF-8", async () => {
    const scratch = await Scratch.with({ a: "A" });
    await scratch.mount(scratch.base);
    const name = "zeile\n\t\\ü 😀";
    await link(scratch.at("a"), scratch.at(name));
    await scratch.remount(scratch.base);
    expect(await readFile(scratch.at(name), "utf8")).toBe("A");
    await expect(shell("LC_ALL=C touch $'x\\xff'", scratch.mountpoint)).rejects.toThrow(/touch/);
    await scratch.unmount();
  });
});
