/** A storage on a disk that fills up under a mount: ENOSPC, nothing lost, and on it goes once there is room. */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { describeMount, execute, minifoOk, Scratch, shell } from "./fixture.ts";

describeMount("a mount whose storage is on a full disk", () => {
  // Those whose writes are gathered hear of it when they close or sync.
  test.each(["rw", "writeback"])(
    "with -o %s says ENOSPC to writers, keeps what it acknowledged, reads on, and takes writes again",
    async (words) => {
      const scratch = await Scratch.with({ "base.txt": "base\n" });
      const disk = `${scratch.directory}/disk`;
      const storage = `${disk}/storage`;
      await mkdir(disk);
      await shell(`mount -t tmpfs -o size=6m tmpfs ${disk}`, "/");
      onTestFinished(async () => {
        await execute("umount", ["-l", scratch.mountpoint]);
        await execute("umount", ["-l", disk]);
      });
      await minifoOk("mount", scratch.base, scratch.mountpoint, "--storage", storage, "-o", words);

      const error = `${scratch.directory}/error`;
      const fill = `for i in $(seq 40); do
      head -c 300000 /dev/zero | tr '\\0' "$((i % 10))" | dd of=f$i conv=fsync status=none 2>${error} || break
      echo "$i"
    done; cat ${error} >&2`;
      const filled = await execute("bash", ["-o", "pipefail", "-c", fill], scratch.mountpoint);
      const safe = filled.stdout.trim().split("\n").map(Number);
      expect(filled.stderr).toContain("No space left on device");
      expect(safe.length).toBeGreaterThan(5);
      const whole = async () => {
        for (const i of safe) {
          expect(await readFile(scratch.at(`f${i}`), "latin1")).toBe(
            String(i % 10).repeat(300_000),
          );
        }
      };
      await whole();
      expect(await readFile(scratch.at("base.txt"), "utf8")).toBe("base\n");
      await expect(appendFile(scratch.at("base.txt"), "x".repeat(10_000))).rejects.toMatchObject({
        code: "ENOSPC",
      });

      await shell(`mount -o remount,size=40m ${disk}`, "/");
      await appendFile(scratch.at("base.txt"), "more\n");
      await shell("echo late >late; sync late", scratch.mountpoint);
      await scratch.unmount();
      await minifoOk("mount", scratch.base, scratch.mountpoint, "--storage", storage);
      await whole();
      // With writeback the kernel has made the file longer before it hears that there is no room; of what the writer was
      // told is not safe a page may be there and another not.
      const told = await readFile(scratch.at("base.txt"), "utf8");
      expect(told).toMatch(words === "writeback" ? /^base\n[\0x]*more\n$/ : /^base\nmore\n$/);
      expect(await readFile(scratch.at("late"), "utf8")).toBe("late\n");
      await scratch.unmount();
    },
  );
});
