/** A mount whose base is out of reach: what was read before is read, the rest fails at once and says why. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serveDirectory } from "../../node/static-server.ts";
import { describeMount, minifo, minifoOk, Scratch, shell } from "./fixture.ts";

/** A server that a test stops and starts again at the same place. */
async function stoppable(directory: string) {
  let server = await serveDirectory(directory, { port: 0, host: "127.0.0.1" });
  const { url } = server;
  onTestFinished(() => server.close());
  return {
    url,
    stop: () => server.close(),
    start: async () => {
      server = await serveDirectory(directory, {
        port: Number(new URL(url).port),
        host: "127.0.0.1",
      });
    },
  };
}

describeMount("a mount without a network", () => {
  test("is made from what was kept, says so, and goes on by itself once there is one", async () => {
    const big = Uint8Array.from({ length: 2_500_000 }, (_, at) => Math.imul(at, 40503) >> 7);
    const scratch = await Scratch.with({ read: "one\n", "d/unread": "two\n", "d/big": big });
    const log = join(scratch.directory, "log");
    await minifoOk("index", scratch.base);
    const server = await stoppable(scratch.base);
    await scratch.mount(server.url, "--log", log);
    expect(await readFile(scratch.at("read"), "utf8")).toBe("one\n");
    expect((await readFile(scratch.at("d/big"))).equals(big)).toBe(true);
    await appendFile(scratch.at("read"), "and ours\n");
    await scratch.unmount();
    await server.stop();

    const { mountpoint, storage } = scratch;
    const args = ["mount", server.url, mountpoint, "--storage", storage, "--log", log];
    const { code, stderr } = await minifo(...args);
    expect([code, stderr]).toEqual([0, expect.stringContaining("offline: ")]);
    expect(await shell("ls -R | wc -l", scratch.mountpoint)).toBe("7\n");
    expect(await readFile(scratch.at("read"), "utf8")).toBe("one\nand ours\n");
    expect((await readFile(scratch.at("d/big"))).equals(big)).toBe(true);
    for (const _ of [1, 2]) {
      await expect(readFile(scratch.at("d/unread"))).rejects.toMatchObject({ code: "EIO" });
    }
    expect(await readFile(log, "utf8")).toMatch(
      /offline, and it is not kept.*\/d\/unread.*prefetch/,
    );
    await writeFile(scratch.at("d/new"), "new");
    expect(await scratch.status()).toEqual(["created d/new", "modified read"]);

    await server.start();
    expect(await readFile(scratch.at("d/unread"), "utf8")).toBe("two\n");
    expect(await readFile(log, "utf8")).toContain("the network is back");
    await scratch.unmount();
  });

  test("has all that was prefetched, though it was never mounted before", async () => {
    const scratch = await Scratch.with({ "d/a": "one\n", "d/e/b": "two\n", c: "three\n" });
    await minifoOk("index", scratch.base);
    const server = await stoppable(scratch.base);
    const told = JSON.parse(await minifoOk("prefetch", server.url, "/d/", "--json"));
    expect(told).toEqual({ files: 2, bytes: 8 });
    const { code, stderr } = await minifo("prefetch", server.url, "none");
    expect([code, stderr]).toEqual([1, expect.stringContaining("ENOENT")]);
    await server.stop();
    await scratch.mount(server.url);
    await shell("diff -r base/d mnt/d", scratch.directory);
    await expect(readFile(scratch.at("c"))).rejects.toMatchObject({ code: "EIO" });
    await scratch.unmount();
  });

  test("is refused where nothing was kept", async () => {
    const scratch = await Scratch.with({ a: "one\n" });
    await minifoOk("index", scratch.base);
    const server = await stoppable(scratch.base);
    await scratch.mount(server.url, "--cache-size", "0");
    expect(await readFile(scratch.at("a"), "utf8")).toBe("one\n");
    await scratch.unmount();
    await server.stop();
    const { mountpoint, storage } = scratch;
    const { code, stderr } = await minifo("mount", server.url, mountpoint, "--storage", storage);
    expect([code, stderr]).toEqual([1, expect.stringContaining("connection refused")]);
  });
});
