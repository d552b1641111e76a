/** What could leave somebody waiting for ever, one by one: it cannot happen, or is cleared in bounded time. */
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import {
  describeMount,
  execute,
  minifo,
  minifoOk,
  mountsAt,
  Scratch,
  shell,
  until,
} from "./fixture.ts";
import { SlowServer } from "./slow-server.ts";

const faults = fileURLToPath(new URL("planted-faults.cjs", import.meta.url));

/** Mounts `base` on the mountpoint of `scratch`, with the faults of planted-faults.cjs in place. */
async function mountWithFaults(scratch: Scratch, base = scratch.base) {
  const faulty = { NODE_OPTIONS: `--require "${faults}"`, PLANTED_FILE: scratch.at("slow") };
  const before = Object.keys(faulty).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, faulty);
  try {
    return await scratch.mountInForeground(base);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describeMount("nobody waits for ever", () => {
  test("when the serving thread dies: callers get errors, the mount goes, the process says why", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { ended } = await mountWithFaults(scratch);
    const caller = await execute("stat", [scratch.at("make-the-thread-die")]);
    expect([caller.code, caller.stderr]).toEqual([1, expect.stringMatching(/cannot stat/)]);
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("planted: the thread dies")]);
    await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    await scratch.mount(scratch.base);
    expect(await readFile(scratch.at("a"), "utf8")).toBe("A");
    await scratch.unmount();
  });

  test("when the kernel rejects a reply: the caller gets EIO, and all goes on", async () => {
    const scratch = await Scratch.with({ a: "A" });
    await mountWithFaults(scratch);
    const caller = await execute("stat", [scratch.at("make-a-bad-reply")]);
    expect([caller.code, caller.stderr]).toEqual([
      1,
      expect.stringContaining("Input/output error"),
    ]);
    expect(await readFile(scratch.at("a"), "utf8")).toBe("A");
    await scratch.unmount();
  });

  test("when the process is killed while it waits for itself: the mount goes, who waits gets an error", async () => {
    const scratch = await Scratch.with({ slow: "S" });
    const server = await SlowServer.before(scratch);
    const { child, ended } = await mountWithFaults(scratch, server.url);
    onTestFinished(async () => {
      if ((await mountsAt(scratch.mountpoint)).length > 0) {
        await shell("umount -f -l mnt", scratch.directory);
      }
    });
    child.kill("SIGUSR2");
    await until(() => server.asked > 0);
    const other = execute("cat", [scratch.at("slow")]);
    child.kill("SIGKILL");
    await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    expect(await ended).toMatchObject({ signal: "SIGKILL" });
    expect((await other).code).toBe(1);
  });

  test("when the serving process is stopped: others are told so, and it can be detached", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    await writeFile(scratch.at("new"), "N");
    child.kill("SIGSTOP");
    const again = await minifo(
      "mount",
      scratch.base,
      scratch.mountpoint,
      "--storage",
      `${scratch.storage}2`,
    );
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("does not answer")]);
    const asked = await minifo("umount", scratch.mountpoint);
    expect([asked.code, asked.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`process ${child.pid} does not answer.*--lazy`)),
    ]);
    await minifoOk("umount", "--lazy", scratch.mountpoint);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
    child.kill("SIGCONT");
    expect(await ended).toMatchObject({ code: 0 });
    expect(await scratch.status()).toEqual(["created new"]);
  });

  test("when names are taken back while the base does not answer to a reader of one of them", async () => {
    const scratch = await Scratch.with({ slow: "S", other: "O" });
    const server = await SlowServer.before(scratch);
    await scratch.mount(server.url);
    await shell("chmod 600 slow; rm other", scratch.mountpoint);
    const reader = execute("cat", [scratch.at("slow")]);
    await until(() => server.asked > 0);
    const reverting = minifoOk("revert", scratch.storage, "slow", "other");
    await until(async () => (await shell("ls", scratch.mountpoint)).includes("other"));
    expect(await readFile(scratch.at("other"), "utf8")).toBe("O");
    server.answerWith("the file");
    expect((await reader).stdout).toBe("S");
    await reverting;
    await scratch.unmount();
  });

  test("of a base that falls silent, nor of a mount that others detached: both end by themselves", async () => {
    const silent = await Scratch.with({ slow: "S", fast: "F" });
    const detached = await Scratch.with({ slow: "S", fast: "F" });
    const [first, second] = [await SlowServer.before(silent), await SlowServer.before(detached)];

    const past = async (): Promise<void> => {
      await silent.mount(first.url);
      // Without the page cache, which would ask a second time.
      const read = [`if=${silent.at("slow")}`, "iflag=direct", "bs=4096", "count=1"];
      const { code, stderr } = await execute("dd", read);
      expect([code, stderr]).toEqual([1, expect.stringContaining("Input/output error")]);
      expect(await readFile(silent.at("fast"), "utf8")).toBe("F");
      first.answerWith("the file");
      expect(await readFile(silent.at("slow"), "utf8")).toBe("S");
      await silent.unmount();
    };
    const outside = async (): Promise<void> => {
      const { ended } = await detached.mountInForeground(second.url);
      await writeFile(detached.at("new"), "N");
      const held = await open(detached.at("fast"));
      onTestFinished(() => held.close().catch(() => {}));
      const reader = execute("cat", [detached.at("slow")]);
      await until(() => second.asked > 0);
      await shell("umount -l mnt", detached.directory);
      expect((await reader).code).toBe(1);
      const { code, stderr } = await ended;
      expect([code, stderr]).toEqual([0, expect.stringContaining("detached while it was in use")]);
      expect(await detached.status()).toEqual(["created new"]);
    };
    await Promise.all([past(), outside()]);
  });

  test("when it is told twice to end, though the base is silent and somebody uses it", async () => {
    const scratch = await Scratch.with({ slow: "S" });
    const server = await SlowServer.before(scratch);
    const { child, ended } = await scratch.mountInForeground(server.url);
    const reader = execute("cat", [scratch.at("slow")]);
    await until(() => server.asked > 0);
    child.kill("SIGTERM");
    await once(child.stderr as NodeJS.ReadableStream, "data");
    child.kill("SIGTERM");
    expect((await reader).code).toBe(1);
    expect(await ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("is in use by cat"),
    });
  });
});
