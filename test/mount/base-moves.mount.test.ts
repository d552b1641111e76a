/** A mount whose base is published again under it: it stays what it is, and says so. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeMount, minifo, minifoOk, Scratch, until } from "./fixture.ts";

describeMount("a mount whose base is published anew", () => {
  test("hears of it, says so once and in status, and follows only once it is mounted again", async () => {
    const scratch = await Scratch.with({ a: "one\n" });
    const log = join(scratch.directory, "log");
    const server = await scratch.serve();
    await scratch.mount(server.url, "-o", "poll=1", "--log", log);
    expect((await minifo("status", scratch.storage)).stderr).not.toContain("moved");
    await writeFile(join(scratch.base, "new"), "new\n");
    await minifoOk("index", scratch.base);
    const said = async () => (await readFile(log, "utf8")).split("the base has moved;").length - 1;
    await until(async () => (await said()) > 0);
    const asked = server.counts.requests;
    await until(() => server.counts.requests > asked + 1);
    expect(await said()).toBe(1);
    const { stderr } = await minifo("status", scratch.storage);
    expect(stderr).toMatch(/note: the base .* has moved; remount to follow it/);
    await expect(readFile(scratch.at("new"))).rejects.toMatchObject({ code: "ENOENT" });
    await scratch.remount(server.url);
    expect(await readFile(scratch.at("new"), "utf8")).toBe("new\n");
    await scratch.unmount();
  });
});
