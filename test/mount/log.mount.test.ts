/** What a mount in the background says, and to whom. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeMount, minifo, mountsAt, Scratch, shell } from "./fixture.ts";

describeMount("--log", () => {
  test("takes when it was mounted and unmounted, and with --debug each request", async () => {
    const scratch = await Scratch.with({ "d/a": "A" });
    const log = `${scratch.directory}/log`;
    await scratch.mount(scratch.base, "--log", log);
    await scratch.unmount();
    const first = await readFile(log, "utf8");
    expect(first).toMatch(
      /^\S+Z minifo\[\d+\]: mounted .*\n\S+Z minifo\[\d+\]: unmounted .*stored\n$/,
    );

    await scratch.mount(scratch.base, "--log", log, "--debug");
    await shell("cat d/a; echo N >new; ! cat none 2>/dev/null", scratch.mountpoint);
    await scratch.unmount();
    const told = await readFile(log, "utf8");
    expect(told.startsWith(first)).toBe(true);
    for (const line of [
      /lookup +none {2}ENOENT {2}\d+ µs {2}by \d+$/m,
      /read +d\/a 0\+\d+ {2}1 bytes {2}\d+ µs/m,
      /create +new {2}ok {2}\d+ µs/m,
      /write +new 0\+2 {2}2 bytes {2}\d+ µs/m,
    ]) {
      expect(told).toMatch(line);
    }
  });

  test("is asked for where --debug would tell nobody", async () => {
    const scratch = await Scratch.with({ a: "A" });
    const args = ["mount", scratch.base, scratch.mountpoint, "--storage", scratch.storage];
    const { code, stderr } = await minifo(...args, "--debug");
    expect([code, stderr]).toEqual([2, expect.stringContaining("add --log FILE or --foreground")]);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });
});
