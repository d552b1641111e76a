/**
 * minifo as the helper of mount(8): `mount -t fuse.minifo` and a line of fstab(5), each in a private mount namespace, so
 * that nothing outside changes.
 */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeMount, mountsAt, program, Scratch } from "./fixture.ts";
import { privately } from "./namespace.ts";

describeMount("mount(8)", () => {
  test("mounts the type fuse.minifo, with its own words, and shows it as such", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stdout, stderr } = await privately(
      scratch,
      `mount -t fuse.minifo -o ro,noexec,noatime,umask=027,user,nofail,x-any=1,sto="$PWD/sto" base mnt
      findmnt -n -o FSTYPE,SOURCE,OPTIONS mnt
      cat mnt/a; stat -c %a mnt/a; ! touch mnt/a 2>&1
      df --output=fstype,source,target mnt | tail -n1
      [ "$(df --output=size mnt | tail -n1)" = "$(df --output=size . | tail -n1)" ]
      minifo status sto
      minifo umount mnt`,
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("nothing differs")]);
    const [shown, ...said] = stdout.split("\n");
    const { base, mountpoint } = scratch;
    expect(shown).toMatch(new RegExp(`^fuse\\.minifo +${base} +ro,nosuid,nodev,noexec,noatime,`));
    expect(said[0]).toBe("A640");
    expect(said[1]).toContain("Read-only file system");
    expect(said[2]).toMatch(new RegExp(`^fuse\\.minifo +${base} +${mountpoint}$`));
    expect(await mountsAt(mountpoint)).toEqual([]);
  });

  test("mounts what a line of fstab says, writes, unmounts and mounts again", async () => {
    const scratch = await Scratch.with({ a: "A", b: "B" });
    const { url } = await scratch.serve();
    await writeFile(
      `${scratch.directory}/fstab`,
      `${url} ${scratch.mountpoint} fuse.minifo noauto,_netdev,users,storage=${scratch.storage},log=${scratch.directory}/log 0 0\n`,
    );
    const { code, stdout, stderr } = await privately(
      scratch,
      `mount --fstab fstab "$PWD/mnt"
      findmnt -n -o FSTYPE,SOURCE mnt
      echo N >mnt/new; rm mnt/b; umount mnt
      mount --fstab fstab "$PWD/mnt"
      ls mnt; cat mnt/new; minifo umount mnt`,
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^fuse\.minifo +http:\S+\na\nnew\nN\n$/);
    expect((await scratch.status()).sort()).toEqual(["created new", "deleted b"]);
  });

  test("hears 1 of wrong words, 32 of what cannot be mounted, and why", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { stdout, stderr } = await privately(
      scratch,
      `helper() { minifo "$@" || echo $?; }
      helper "$PWD/base" "$PWD/mnt" -o rw,dev,suid
      helper "$PWD/base" "$PWD/mnt" -o rw,sto=changes
      helper "$PWD/base" "$PWD/mnt" -o "rw,qwerty,sto=$PWD/sto"
      helper "$PWD/none" "$PWD/mnt" -o "rw,sto=$PWD/sto"
      helper "$PWD/base" "$PWD/none" -o "rw,sto=$PWD/sto"
      helper "$PWD/base" "$PWD/mnt" -o "remount,ro,sto=$PWD/sto"
      mount -t fuse.minifo base mnt || echo $?`,
    );
    expect(stdout.split("\n")).toEqual(["1", "1", "1", "32", "32", "1", "1", ""]);
    expect(stderr.split("\n")).toEqual([
      expect.stringContaining("where the changes are kept: -o storage=DIR"),
      expect.stringContaining("an absolute path"),
      expect.stringContaining("-o qwerty means nothing"),
      expect.stringMatching(/ENOENT.*none/),
      expect.stringMatching(/ENOENT.*make it first/),
      expect.stringContaining("unmount it and mount it anew"),
      expect.stringContaining("where the changes are kept"),
      "",
    ]);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });

  test("mounts the type minifo through /sbin/mount.minifo, with -s, -f, -n and -v", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const sbin = `${scratch.directory}/sbin`;
    await mkdir(sbin);
    await symlink(program, `${sbin}/mount.minifo`);
    const { code, stdout, stderr } = await privately(
      scratch,
      `base=$PWD/base; words=base=$base,sto=$PWD/sto
      mount -t overlay -o "lowerdir=$PWD/sbin:$(realpath /sbin)" overlay "$(realpath /sbin)"
      mount -t minifo -f -o "$words" none mnt; ls mnt
      mount -t minifo -s -n -v -o "qwerty,$words" none mnt
      findmnt -n -o FSTYPE,SOURCE mnt; minifo umount mnt`,
    );
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^mounted .*base at .*mnt/)]);
    expect(stdout).toMatch(/^fuse\.minifo +\S+\/base\n$/);
  });
});
