/** cp inside a mount, which asks for copy_file_range(2). */
import { expect, test } from "vitest";
import { describeMount, Scratch, shell } from "./fixture.ts";

describeMount("cp inside a mount", () => {
  test("of a large file of the base fetches and stores nothing, and both are files of their own", async () => {
    const scratch = await Scratch.with({});
    await shell("head -c 50000000 /dev/urandom >base/large", scratch.directory);
    const server = await scratch.serve();
    await scratch.mount(server.url);
    const before = server.counts.bytes;
    await shell("cp --sparse=never large copy; sync copy", scratch.mountpoint);
    expect(server.counts.bytes).toBe(before);
    const stored = Number(await shell("du -s --block-size=1 sto | cut -f1", scratch.directory));
    expect(stored).toBeLessThan(256 * 1024);
    await shell(
      `cp base/large want
      cmp want mnt/copy
      for file in want mnt/copy; do
        printf changed | dd of=$file bs=1 seek=30000000 conv=notrunc status=none
      done
      cmp want mnt/copy; cmp base/large mnt/large; rm mnt/large
      cp mnt/copy mnt/again; cmp want mnt/again`,
      scratch.directory,
    );
    await scratch.remount(server.url);
    await shell("cmp want mnt/copy; cmp want mnt/again", scratch.directory);
    expect((await scratch.status()).sort()).toEqual([
      "created again",
      "created copy",
      "deleted large",
    ]);
    await scratch.unmount();
  });
});
