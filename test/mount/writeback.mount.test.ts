/**
 * `-o writeback`: what is written lies in the kernel at first. What that may not change: what others are told, what an
 * fsync or a close is worth, and that a revert is seen at once.
 */
import { appendFile, open, readFile, stat, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeMount, execute, minifo, mountsAt, Scratch, shell, until } from "./fixture.ts";

const writeback = ["-o", "writeback"] as const;
const files = { page: "the base's page\n", other: "the base's\n", link: "linked\n" };

describeMount("a mount with -o writeback", () => {
  test("says what may be lost, and is refused together with noopen and with the other driver", async () => {
    const scratch = await Scratch.with(files);
    const places = [scratch.base, scratch.mountpoint, "--storage", scratch.storage];
    const never = await minifo("mount", ...places, "-o", "noopen", ...writeback);
    expect(never).toMatchObject({ code: 1 });
    expect(never.stderr).toContain("choose one");
    const native = await minifo("mount", ...places, "--driver", "fuse-native", ...writeback);
    expect(native).toMatchObject({ code: 1 });
    expect(native.stderr).toContain("the driver fuse-native cannot do that");
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
    const mounted = await minifo("mount", ...places, ...writeback);
    expect(mounted).toMatchObject({ code: 0 });
    expect(mounted.stderr).toContain("that is lost if this process is killed");
    await scratch.unmount();
  });

  test("status and diff show what was written to files that are open still", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base, ...writeback);
    const page = await open(scratch.at("page"), "a");
    await page.write("and ours\n");
    const made = await open(scratch.at("made"), "wx");
    await made.write("in the kernel\n");
    expect(await scratch.status()).toEqual(["created made", "modified page"]);
    const { stdout } = await minifo("diff", scratch.storage);
    expect(stdout).toContain("+and ours");
    expect(stdout).toContain("+in the kernel");
    await made.close();
    await page.close();
    await scratch.unmount();
  });

  test("shows a revert at once, also of files that are open and of what they had still to store", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base, ...writeback);
    const base = await stat(`${scratch.base}/page`);
    await writeFile(scratch.at("other"), "ours, and much longer than what the base has\n");
    const page = await open(scratch.at("page"), "r+");
    await page.write("more than was there before, by far\n", 0);
    await shell("mv link moved; echo more >>moved; cat page other moved", scratch.mountpoint);
    const reverted = await minifo("revert", scratch.storage, "page", "other", "moved");
    expect(reverted).toMatchObject({ code: 0 });
    for (const [name, text] of Object.entries(files)) {
      expect(await readFile(scratch.at(name), "utf8")).toBe(text);
      expect((await stat(scratch.at(name))).size).toBe(text.length);
    }
    expect((await stat(scratch.at("page"))).mtimeMs).toBe(base.mtimeMs);
    expect(await scratch.status()).toEqual([]);
    await page.close();
    expect(await scratch.status()).toEqual([]);
    // The name goes on as any other.
    await appendFile(scratch.at("page"), "ours again\n");
    expect(await readFile(scratch.at("page"), "utf8")).toBe(`${files.page}ours again\n`);
    await scratch.unmount();
    await scratch.mount(scratch.base);
    expect(await readFile(scratch.at("page"), "utf8")).toBe(`${files.page}ours again\n`);
    await scratch.unmount();
  });

  test("what was closed or fsynced before an fsync returned is there after kill -9", async () => {
    const scratch = await Scratch.with(files);
    const daemon = await scratch.mountInForeground(scratch.base, ...writeback);
    await writeFile(scratch.at("closed"), "c".repeat(100_000));
    await shell("touch -d 2001-02-03 closed", scratch.mountpoint);
    const synced = await open(scratch.at("synced"), "wx");
    await synced.write("s".repeat(100_000));
    await synced.sync();
    daemon.child.kill("SIGKILL");
    await daemon.ended;
    await synced.close().catch(() => {
      // Its mount is gone.
    });
    await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    await scratch.mount(scratch.base);
    expect(await readFile(scratch.at("closed"), "utf8")).toBe("c".repeat(100_000));
    expect((await stat(scratch.at("closed"))).mtime.getFullYear()).toBe(2001);
    expect(await readFile(scratch.at("synced"), "utf8")).toBe("s".repeat(100_000));
    await scratch.unmount();
  });

  test("everything is stored when it is unmounted, or told to end, with files still open", async () => {
    const scratch = await Scratch.with(files);
    const daemon = await scratch.mountInForeground(scratch.base, ...writeback);
    const page = await open(scratch.at("page"), "a");
    await page.write("ours\n");
    daemon.child.kill("SIGTERM");
    await daemon.ended;
    await page.close().catch(() => {
      // Its mount is gone.
    });
    await scratch.mount(scratch.base, ...writeback);
    expect(await readFile(scratch.at("page"), "utf8")).toBe(`${files.page}ours\n`);
    await shell("cp page copy; touch -r page copy", scratch.mountpoint);
    expect((await execute("umount", [scratch.mountpoint])).code).toBe(0);
    await scratch.mount(scratch.base);
    expect(await readFile(scratch.at("copy"), "utf8")).toBe(`${files.page}ours\n`);
    await scratch.unmount();
  });
});
