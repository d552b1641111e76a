/** What the attributes `user.minifo.…` tell of files on a mount, and that nothing takes them along. */
import { expect, test } from "vitest";
import { describeMount, execute, Scratch, shell } from "./fixture.ts";

const files = {
  keep: "K",
  edit: "E".repeat(100_000),
  mode: "M",
  move: "V",
  "d/in": "I",
  gone: "G",
};

describeMount("the attributes user.minifo.…", () => {
  test("tell state, origin, base and local bytes as `status` does, while it is mounted and after", async () => {
    const scratch = await Scratch.with(files);
    const { url } = await scratch.serve();
    await scratch.mount(url);
    await shell(
      `printf Z | dd of=edit bs=1 seek=70000 conv=notrunc status=none
      chmod 600 mode; mv move moved; mv d dir; ln keep link; echo N >new; rm gone; mkdir gone`,
      scratch.mountpoint,
    );
    const tell = `for f in keep edit mode moved dir dir/in new gone .; do
        echo $f $(for a in state origin local-bytes; do
          getfattr --only-values -n user.minifo.$a $f 2>/dev/null || echo "(none)"; echo; done)
      done`;
    const expected = [
      "keep created keep 0",
      "edit modified edit 65536",
      "mode attributes mode 0",
      "moved renamed move 0",
      "dir renamed d 0",
      "dir/in unmodified d/in 0",
      "new created (none) 65536",
      "gone replaced (none) 0",
      ". unmodified . 0",
    ];
    const told = async () => (await shell(tell, scratch.mountpoint)).trim().split("\n");
    expect(await told()).toEqual(expected);
    expect(await shell("getfattr --only-values -n user.minifo.base .", scratch.mountpoint)).toBe(
      url,
    );
    await scratch.remount(url);
    expect(await told()).toEqual(expected);
    await scratch.unmount();
  });

  test("are in no list and in no copy, and cannot be set or removed", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    await shell(
      `setfattr -n user.mine -v x keep; cp -a keep copy; rsync -aX keep ../synced
      [ "$(getfattr -d keep copy ../synced | grep -c user)" = 3 ]
      getfattr -d -m - keep copy ../synced >../all; ! grep minifo ../all
      ! getfattr -n user.minifo.state ../synced 2>/dev/null`,
      scratch.mountpoint,
    );
    for (const change of [
      "-n user.minifo.state -v x",
      "-x user.minifo.state",
      "-n user.minifo.z",
    ]) {
      const { code, stderr } = await execute(
        "setfattr",
        [...change.split(" "), "keep"],
        scratch.mountpoint,
      );
      expect([code, stderr]).toEqual([1, expect.stringContaining("Operation not permitted")]);
    }
    const unknown = await execute("getfattr", ["-n", "user.minifo.z", "keep"], scratch.mountpoint);
    expect(unknown.stderr).toContain("No such attribute");
    await scratch.unmount();
  });
});
