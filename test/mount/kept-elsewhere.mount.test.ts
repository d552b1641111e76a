/** A mount that another mount namespace has too, as containers and services do: it is unmounted here and lives on there. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { describeMount, mountsAt, Scratch, until } from "./fixture.ts";
import { letGoOfOthers } from "./namespace.ts";

describeMount("umount of a mount that another namespace keeps", () => {
  test("says who keeps it, and returns once that has ended", async () => {
    const scratch = await Scratch.with({ a: "A" });
    await scratch.mount(scratch.base);
    const keeping = `${letGoOfOthers(scratch.mountpoint)}\nexec sleep 1000`;
    const keeper = spawn("unshare", ["-m", "bash", "-euc", keeping], { stdio: "ignore" });
    onTestFinished(() => {
      keeper.kill("SIGKILL");
    });
    // By then it has the namespace, and what happens here does not reach there any more.
    await until(() => readFileSync(`/proc/${keeper.pid}/comm`, "utf8") === "sleep\n");

    const program = new URL("../../bin/minifo.js", import.meta.url).pathname;
    const unmounting = spawn(process.execPath, [program, "umount", scratch.mountpoint]);
    let told = "";
    const says = `sleep (${keeper.pid}) keeps it mounted in a namespace of its own, and it ends with that`;
    const code = await new Promise<number | null>((resolve) => {
      unmounting.on("close", resolve);
      unmounting.stderr.setEncoding("utf8").on("data", (text: string) => {
        told += text;
        if (told.includes(says)) keeper.kill("SIGKILL");
      });
    });
    expect([code, told]).toEqual([0, expect.stringContaining(says)]);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
    expect(await scratch.status()).toEqual([]);
  });
});
