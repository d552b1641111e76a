/** A mount that another mount namespace has too, as containers and services do: it is unmounted here and lives on there. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { describeMount, minifo, mountsAt, Scratch, until } from "./fixture.ts";

describeMount("umount of a mount that another namespace keeps", () => {
  test("says who keeps it, and returns once that has ended", async () => {
    const scratch = await Scratch.with({ a: "A" });
    await scratch.mount(scratch.base);
    const keeper = spawn("unshare", ["-m", "sleep", "1000"], { stdio: "ignore" });
    onTestFinished(() => {
      keeper.kill("SIGKILL");
    });
    // By then it has the namespace, and what happens here does not reach there any more.
    await until(() => readFileSync(`/proc/${keeper.pid}/comm`, "utf8") === "sleep\n");

    let ended = false;
    const unmounting = minifo("umount", scratch.mountpoint).finally(() => {
      ended = true;
    });
    await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    expect(ended).toBe(false);
    keeper.kill("SIGKILL");
    const { code, stderr } = await unmounting;
    expect(stderr).toContain(
      `sleep (${keeper.pid}) keeps it mounted in a namespace of its own, and it ends with that`,
    );
    expect(code).toBe(0);
    expect(await scratch.status()).toEqual([]);
  });
});
