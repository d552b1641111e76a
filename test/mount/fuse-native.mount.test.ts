/** The second driver: the same overlay by way of libfuse, with the losses it states. */
import { existsSync } from "node:fs";
import { link, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeMount, minifo, Scratch, shell } from "./fixture.ts";

const libraries = ["/lib", "/usr/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"];
const lacksLibrary = !libraries.some((directory) => existsSync(`${directory}/libfuse.so.2`));
const files = { "a.txt": "alpha\n", "d/b.txt": "beta\n", big: new Uint8Array(300_000).fill(7) };

describeMount(`the driver fuse-native${lacksLibrary ? " (skipped: no libfuse.so.2)" : ""}`, () => {
  const natively = { skip: lacksLibrary };

  async function mounted(): Promise<Scratch> {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url, "--driver", "fuse-native");
    return scratch;
  }

  test("carries the same changes, which the other driver finds again", natively, async () => {
    const scratch = await mounted();
    await shell("diff -r -x minifo.json base mnt", scratch.directory);
    await shell(
      `echo more >>a.txt; mv d moved; mkdir n; ln -s a.txt s; rm -f gone; chmod 600 moved/b.txt
      printf Z | dd of=big bs=1 seek=150000 conv=notrunc,fsync status=none; setfattr -n user.x -v y a.txt`,
      scratch.mountpoint,
    );
    expect((await scratch.status()).sort()).toEqual([
      "attributes moved/b.txt",
      "created n",
      "created s",
      "modified a.txt",
      "modified big",
      "renamed moved",
    ]);
    const sums = await shell("find . -type f -exec md5sum {} + | sort", scratch.mountpoint);
    await scratch.unmount();
    await scratch.mount((await scratch.serve()).url);
    expect(await shell("find . -type f -exec md5sum {} + | sort", scratch.mountpoint)).toBe(sums);
    expect(
      await shell("readlink s; getfattr --only-values -n user.x a.txt", scratch.mountpoint),
    ).toBe("a.txt\ny");
    await scratch.unmount();
  });

  test("loses what it says it loses, and nothing else", natively, async () => {
    const scratch = await mounted();
    await utimes(scratch.at("a.txt"), 1_000_000.25, 2_000_000);
    const { mtimeMs } = await stat(scratch.at("a.txt"));
    expect(mtimeMs).toBe(1_000_000_250);
    await link(scratch.at("a.txt"), scratch.at("hard"));
    const [one, other] = await Promise.all([stat(scratch.at("a.txt")), stat(scratch.at("hard"))]);
    expect(one.ino).not.toBe(other.ino);
    await writeFile(scratch.at("hard"), "through the other name");
    await expect(readFile(scratch.at("a.txt"), "utf8")).resolves.toBeDefined();
    await expect(shell("fallocate -l 10 a.txt", scratch.mountpoint)).rejects.toThrow(/fallocate/);
    const said = await shell(
      `touch -d 1960-01-01 d/b.txt; [ "$(stat -c %Y d/b.txt)" -lt 0 ] || echo "none before 1970"
      touch -d 2001-02-03T04:05:06.123456789Z d/b.txt; stat -c %y d/b.txt | cut -d. -f2 | cut -c1-9
      python3 -c 'import ctypes; libc = ctypes.CDLL(None, use_errno=True)
print(libc.renameat2(-100, b"a.txt", -100, b"new", 1), ctypes.get_errno())'
      exec 3<big; rm big; ls -a | grep -c fuse_hidden; exec 3<&-
      chmod 777 .; setpriv --reuid 54321 --regid 54321 --clear-groups sh -c ': >theirs'; stat -c %u theirs
      mknod device c 1 3 && [ -c device ] && stat -c %t:%T device || echo "no device"`,
      scratch.mountpoint,
    );
    expect(said.trim().split("\n")).toEqual([
      "none before 1970",
      "123000000", // to the millisecond
      "-1 22", // EINVAL
      "1",
      "0", // root's, though another made it
      "1:3", // which is no loss
    ]);
    await scratch.unmount();
  });

  test("says what it loses when it is used, and in the help", natively, async () => {
    const scratch = await Scratch.with(files);
    const args = ["mount", scratch.base, scratch.mountpoint, "--storage", scratch.storage];
    const { code, stderr } = await minifo(...args, "--driver", "fuse-native");
    expect([code, stderr]).toEqual([0, expect.stringContaining("sets mtime to atime")]);
    await scratch.unmount();
    expect((await minifo("help", "mount")).stdout).toContain("libfuse2");
  });

  test("ends on SIGTERM with everything stored", natively, async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(
      scratch.base,
      "--driver",
      "fuse-native",
    );
    await writeFile(scratch.at("new"), "N");
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, signal: null });
    expect(await scratch.status()).toEqual(["created new"]);
  });
});
