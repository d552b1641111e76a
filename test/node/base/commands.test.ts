import { chmodSync, linkSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { indexCommand } from "../../../node/cli/index-tree.ts";
import { packCommand } from "../../../node/cli/pack.ts";
import { serveCommand } from "../../../node/cli/serve.ts";
import { serveDirectory } from "../../../node/static-server.ts";
import {
  type BaseNode,
  httpFetcher,
  type MemoryEntry,
  openManifestBase,
  run,
} from "../../../src/index.ts";
import { fileServer, siteServer } from "../../base/site-server.ts";
import { zipOf } from "../../base/zip-archive.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs a command as the command line would, and gives what it wrote. */
async function running(command: Command, ...words: string[]) {
  const written = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      written[stream] += text;
      return true;
    });
  }
  command.exitOverride();
  await command.parseAsync(words, { from: "user" });
  return written;
}

describe("minifo index", () => {
  test("writes the manifest, sums up on stderr and keeps stdout for data", async () => {
    const root = treeOnDisk({ a: "12345", "sub/b": "" });
    const { stdout, stderr } = await running(indexCommand(), root);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/minifo\.json: 3 entries, 5 bytes in files, index of \d+ bytes\n$/);
    expect(JSON.parse(readFileSync(join(root, "minifo.json"), "utf8")).entries).toBe(3);
  });

  test("sums up for machines with --json", async () => {
    const root = treeOnDisk({ a: "12345" });
    const { stdout } = await running(indexCommand(), root, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ entries: 1, bytes: 5, leftOut: [] });
  });

  test("--from a listing makes the index that verifies the same site from then on", async () => {
    const mtime = { seconds: 1_600_000_000, nanoseconds: 0 };
    const large = new Uint8Array(2_100_000).fill(7);
    const files = new Map<string, MemoryEntry>([
      ["a b", { content: "one", mtime }],
      ["d", { type: "directory" }],
      ["d/large#1", { content: large, mtime }],
    ]);
    const site = await siteServer(files, { listing: "nginx" });
    const copy = join(temporaryDirectory(), "copy");
    const { stderr } = await running(indexCommand(), "--from", site.url, copy);
    expect(stderr).toMatch(/minifo\.json: 3 entries, /);
    expect(Buffer.compare(readFileSync(join(copy, "d/large#1")), large)).toBe(0);
    site.files.set("minifo.json", { content: readFileSync(join(copy, "minifo.json")) });
    const base = await run(openManifestBase({ url: site.url, fetcher: httpFetcher() }));
    const node = (await run(base.lookup("d/large#1"))) as BaseNode;
    expect(node).toMatchObject({ size: large.length, mtime });
    site.files.set("d/large#1", { content: large.fill(8), mtime });
    await expect(run(base.read(node, 0, new Uint8Array(1)))).rejects.toMatchObject({ code: "EIO" });
    const again = running(indexCommand(), "--from", site.url, copy);
    await expect(again).rejects.toThrow(/^EEXIST.*not empty/);
  });

  test("--from an archive makes a site of it, symlinks and all", async () => {
    const zip = zipOf([
      { name: "d/run.sh", content: "#!/bin/sh", unixMode: 0o104755 },
      { name: "d/to", content: "../elsewhere", unixMode: 0o120777 },
    ]);
    const site = await fileServer("t.zip", zip);
    const copy = join(temporaryDirectory(), "copy");
    await running(indexCommand(), "--from", site.fileUrl, copy);
    expect(statSync(join(copy, "d/run.sh")).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(join(copy, "d/to"))).toBe("../elsewhere");
    expect(JSON.parse(readFileSync(join(copy, "minifo.json"), "utf8")).entries).toBe(3);
  });

  test("--from an indexed site keeps several names of one file, and permissions", async () => {
    const root = treeOnDisk({ a: "one", "sub/b": "two" });
    linkSync(join(root, "a"), join(root, "sub/c"));
    chmodSync(join(root, "sub"), 0o500);
    await running(indexCommand(), root);
    const server = await serveDirectory(root);
    onTestFinished(() => server.close());
    const copy = join(temporaryDirectory(), "copy");
    await running(indexCommand(), "--from", server.url, copy);
    expect(statSync(join(copy, "sub/c"))).toMatchObject({ ino: statSync(join(copy, "a")).ino });
    expect(statSync(join(copy, "sub")).mode & 0o777).toBe(0o500);
    expect(readFileSync(join(copy, "sub/c"), "utf8")).toBe("one");
  });

  test("fails with what, where and why", async () => {
    await expect(running(indexCommand(), "/nothing/here")).rejects.toMatchObject({
      code: "ENOENT",
      syscall: "index",
      path: "/nothing/here",
    });
  });

  test("teaches in its help", () => {
    const command = indexCommand();
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toContain("minifo index site && minifo serve site");
  });
});

describe("minifo pack", () => {
  test("publishes, tells what was written, and nothing on stdout", async () => {
    const root = treeOnDisk({ a: "12345", "sub/b": "" });
    const out = join(temporaryDirectory(), "image");
    const { stdout, stderr } = await running(packCommand(), root, out);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/minifo\.json: 3 entries, 5 bytes in files; now generation 1\n/);
    expect(stderr).toMatch(/objects: 1 written \(5 bytes\), 0 were there already\n$/);
    const again = await running(packCommand(), root, out, "--json", "--prune", "--keep", "0");
    expect(again.stderr).toContain("unchanged since generation 1");
    expect(JSON.parse(again.stdout)).toMatchObject({ unchanged: true, written: 0, reused: 1 });
  });

  test.each(["-1", "x", "1.5"])("keeps no '%s' generations", async (count) => {
    const packing = running(packCommand(), "/nothing", "/nothing/out", `--keep=${count}`);
    await expect(packing).rejects.toMatchObject({ code: "commander.invalidArgument" });
  });
});

describe("minifo serve", () => {
  test("fails where there is no directory", async () => {
    await expect(running(serveCommand(), "/nothing/here")).rejects.toMatchObject({
      code: "ENOENT",
    });
    const root = treeOnDisk({ f: "x" });
    await expect(running(serveCommand(), join(root, "f"))).rejects.toMatchObject({
      code: "ENOTDIR",
    });
  });

  test("fails with a taken port, and says what to try", async () => {
    const root = treeOnDisk({ f: "x" });
    const server = await serveDirectory(root);
    onTestFinished(() => server.close());
    const { port } = new URL(server.url);
    await expect(running(serveCommand(), root, "--port", port)).rejects.toThrow(
      /^EBUSY.*another program listens there; choose another --port/,
    );
  });

  test.each(["-1", "x", "65536", "1.5", ""])("takes no port '%s'", async (port) => {
    await expect(running(serveCommand(), "/", "--port", port)).rejects.toMatchObject({
      code: "commander.invalidArgument",
    });
  });
});
