/**
 * Mounts of an ordinary user, by fusermount3. They live in a mount namespace of their own, where everybody may open
 * /dev/fuse, as udev has it, and where the program lies in a place that everybody may read.
 */
import { expect, test } from "vitest";
import { describeMount, mountsAt, Scratch } from "./fixture.ts";
import { asNobody } from "./namespace.ts";

describeMount("an ordinary user", () => {
  test("mounts, writes, unmounts, and finds the changes again", async () => {
    const scratch = await Scratch.with({ a: "A", b: "B", "d/c": "C" });
    const { code, stdout, stderr } = await asNobody(
      scratch,
      `minifo mount base mnt --storage $sto
      findmnt -n -o FSTYPE,SOURCE,OPTIONS mnt
      echo N >mnt/new; rm mnt/b; mv mnt/d mnt/moved; chmod 600 mnt/a; stat -c '%U %a' mnt/new mnt/a
      minifo status $sto --json | grep -o '"state": "[a-z]*"' | sort
      minifo umount mnt
      minifo mount base mnt --storage $sto
      cat mnt/new mnt/moved/c; echo; ls mnt
      minifo revert $sto b
      ls mnt/b
      fusermount3 -u mnt
      minifo mount base mnt --storage $sto
      ls mnt; minifo umount mnt`,
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("mounted ")]);
    const [shown, ...said] = stdout.trim().split("\n");
    expect(shown).toMatch(/^fuse\.minifo +\S+\/base +rw,nosuid,nodev,.*user_id=65534/);
    expect(shown).not.toContain("allow_other");
    const states = ["attributes", "created", "deleted", "renamed"];
    expect(said).toEqual([
      "nobody 644",
      "nobody 600",
      ...states.map((state) => `"state": "${state}"`),
      ..."N|C|a|moved|new|b|mnt/b|a|b|moved|new".split("|"),
    ]);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });

  test("is told of somebody who uses the mount, ends it with SIGTERM, and loses nothing", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stdout, stderr } = await asNobody(
      scratch,
      `minifo mount base mnt --storage $sto --foreground & daemon=$!
      until mountpoint -q mnt; do sleep 0.05; done
      (cd mnt; exec sleep 300) & user=$!
      until [ "$(readlink /proc/$user/cwd)" = "$PWD/mnt" ]; do sleep 0.05; done
      echo N >mnt/new
      ! minifo umount mnt
      kill $daemon; wait $daemon && echo "ended with $?"
      kill $user
      minifo status $sto`,
      // As where nobody has mounted fusectl, by which a connection can be cut off.
      "umount -A fusectl || true",
    );
    expect([code, stderr]).toEqual([0, expect.stringMatching(/EBUSY.*sleep \(\d+\) uses it/)]);
    expect(stderr).toMatch(/is in use by sleep/);
    expect(stdout).toMatch(/^ended with 0\ncreated +new\n$/);
  });

  test("is rid of a mount whose process was killed", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stdout } = await asNobody(
      scratch,
      `minifo mount base mnt --storage $sto --foreground & daemon=$!
      until mountpoint -q mnt; do sleep 0.05; done
      echo N >mnt/new; sync mnt/new; kill -9 $daemon; wait $daemon || true
      while grep -q " $PWD/mnt " /proc/self/mountinfo; do sleep 0.05; done
      minifo mount base mnt --storage $sto; cat mnt/new; minifo umount mnt`,
    );
    expect([code, stdout]).toEqual([0, "N\n"]);
  });

  test("is told what is missing and what to do: allow_other, a mountpoint of his own", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stderr } = await asNobody(
      scratch,
      `! minifo mount base mnt --storage $sto -o allow_other
      ! minifo mount base mnt2 --storage $sto
      ! PATH=/nowhere /usr/local/sbin/minifo mount base mnt --storage $sto`,
      `mkdir -p mnt2; echo "# nobody may" >fuse.conf; mount --bind fuse.conf /etc/fuse.conf`,
    );
    const [allowing, placing, missing] = stderr.trim().split("\n");
    expect(code).toBe(0);
    expect(allowing).toMatch(/EPERM.*root put a line user_allow_other into \/etc\/fuse\.conf/);
    expect(placing).toMatch(/EPERM.*on a directory of his own/);
    expect(missing).toMatch(/EPERM.*apt-get install fuse3/);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });

  test("may mount with allow_other where /etc/fuse.conf says so", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stdout } = await asNobody(
      scratch,
      `minifo mount base mnt --storage $sto -o allow_other
      findmnt -n -o OPTIONS mnt | grep -o allow_other; minifo umount mnt`,
      "echo user_allow_other >fuse.conf; mount --bind fuse.conf /etc/fuse.conf",
    );
    expect([code, stdout]).toEqual([0, "allow_other\n"]);
  });

  test("is told to install koffi where it is missing", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stderr } = await asNobody(
      scratch,
      "! minifo mount base mnt --storage $sto",
      "mount -t tmpfs -o size=1m tmpfs program/node_modules/koffi",
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("npm install koffi")]);
  });

  test("mounts in a user namespace of his own without any of that", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { code, stdout, stderr } = await asNobody(
      scratch,
      `unshare -Urm bash -euc 'minifo mount base mnt --storage $sto
        echo N >mnt/new; minifo status $sto; minifo umount mnt
        minifo mount base mnt --storage $sto; cat mnt/new; minifo umount mnt'`,
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("1 path differs")]);
    expect(stdout).toMatch(/^created +new\nN\n$/);
  });
});
