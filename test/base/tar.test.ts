import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Base, httpFetcher, openTarBase, run } from "../../src/index.ts";
import { treeOnDisk } from "../node/base/tree-on-disk.ts";
import { awkwardNames, baseContract, contractTree } from "./contract.ts";
import { FakeClock } from "./fake-clock.ts";
import { fileServer, type SiteServer } from "./site-server.ts";
import { tarOf } from "./tar-archive.ts";

async function openAt(url: string): Promise<Base> {
  const fetcher = httpFetcher({ clock: new FakeClock() });
  onTestFinished(() => fetcher.close());
  return await run(openTarBase({ url, fetcher }));
}

async function opened(tar: Uint8Array): Promise<{ base: Base; server: SiteServer }> {
  const server = await fileServer("a.tar", tar);
  return { base: await openAt(server.fileUrl), server };
}

async function contentOf(base: Base, path: string): Promise<string> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = new Uint8Array(node.size);
  const length = await run(base.read(node, 0, into));
  return Buffer.from(into.subarray(0, length)).toString();
}

async function namesIn(base: Base, path = ""): Promise<string[]> {
  return (await run(base.list(path))).map(({ name }) => name).sort();
}

/** A tar with a header as a test wants it: name, kind, content, and fields to be overwritten. */
function handmade(
  ...members: readonly (readonly [
    name: string | Uint8Array,
    kind: string,
    content?: string,
    link?: string,
    fields?: Readonly<Record<number, string>>,
  ])[]
): Uint8Array {
  const blocks = members.map(([name, kind, content = "", link = "", fields = {}]) => {
    const header = Buffer.alloc(512);
    Buffer.from(name as string).copy(header, 0);
    header.write("0000644\0", 100);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000001750\0", 136);
    header.write(kind, 156);
    header.write(link, 157);
    header.write("ustar\0", 257);
    for (const [at, field] of Object.entries(fields)) header.write(field, Number(at), "latin1");
    header.fill(" ", 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0`, 148);
    const body = Buffer.from(content);
    return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return new Uint8Array(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

let archive: Uint8Array | undefined;
const contractTar = (): Uint8Array => {
  archive ??= tarOf(treeOnDisk(contractTree), "--format=pax");
  return archive;
};

baseContract({
  name: "tar over HTTP",
  make: async () => openAt((await fileServer("c.tar", contractTar())).fileUrl),
});

describe("a tar over HTTP", () => {
  test.each(["gnu", "pax", "oldgnu"])(
    "of the format %s has every name, link and size",
    async (format) => {
      const long = "long/".repeat(60);
      const tree = Object.fromEntries([
        ...awkwardNames.map((name) => [`n/${name}`, { content: name }] as const),
        [`${long}file`, { content: "deep" }],
        ["link", { target: `${long}file` }],
        ["twin 1", { content: "twins", link: "t" }],
        ["twin 2", { content: "twins", link: "t" }],
      ]);
      const { base } = await opened(tarOf(treeOnDisk(tree), `--format=${format}`));
      expect(await namesIn(base, "n")).toEqual([...awkwardNames].sort());
      for (const name of awkwardNames) expect(await contentOf(base, `n/${name}`)).toBe(name);
      expect(await contentOf(base, `${long}file`)).toBe("deep");
      expect((await run(base.lookup("link")))?.target).toBe(`${long}file`);
      expect(await run(base.lookup("twin 2"))).toMatchObject({ nlink: 2, size: 5 });
      expect(await contentOf(base, "twin 2")).toBe("twins");
      expect(base.omitted).toBe(0);
    },
  );

  test("gzipped is the same, read from memory after one download", async () => {
    const tar = tarOf(treeOnDisk({ "d/one": "1", two: { content: "2".repeat(3_000_000) } }));
    const { base, server } = await opened(new Uint8Array(gzipSync(tar)));
    const before = server.asked.length;
    expect(await contentOf(base, "d/one")).toBe("1");
    expect(await contentOf(base, "two")).toBe("2".repeat(3_000_000));
    expect(server.asked.length).toBe(before);
    expect(before).toBe(2);
  });

  test("is walked without its large files, which are read by ranges", async () => {
    const large = new Uint8Array(20 * 2 ** 20).fill(7);
    const { base, server } = await opened(tarOf(treeOnDisk({ a: { content: large }, b: "last" })));
    expect(server.bytesSent()).toBeLessThan(4 * 2 ** 20);
    expect(await contentOf(base, "b")).toBe("last");
  });

  test("shows owners, devices, fifos and extended attributes", async () => {
    const pax = `${"29 SCHILY.xattr.user.a=value\n".length} SCHILY.xattr.user.a=value\n`;
    const { base } = await opened(
      handmade(
        ["pipe", "6"],
        ["null", "3", "", "", { 329: "0000001\0", 337: "0000003\0" }],
        ["x", "x", pax],
        ["f", "0", "x", "", { 108: "0001750\0", 116: "0000012\0" }],
      ),
    );
    expect(await run(base.lookup("pipe"))).toMatchObject({ type: "fifo" });
    expect(await run(base.lookup("null"))).toMatchObject({ type: "character", rdev: 0x103 });
    const node = await run(base.lookup("f"));
    expect(node).toMatchObject({ uid: 1000, gid: 10, mode: 0o644 });
    expect(node?.xattrs?.get("user.a")).toEqual(new TextEncoder().encode("value"));
  });

  test("shows the whiteouts of an OCI layer as the files they are", async () => {
    const { base } = await opened(handmade(["etc/.wh.passwd", "0"], ["etc/.wh..wh..opq", "0"]));
    expect(await namesIn(base, "etc")).toEqual([".wh..wh..opq", ".wh.passwd"]);
  });

  test("shows the last of several members with one name, and a link to what it names", async () => {
    const { base } = await opened(
      handmade(["f", "0", "first"], ["f", "0", "last"], ["a", "1", "", "f"], ["b", "1", "", "a"]),
    );
    expect(await contentOf(base, "b")).toBe("last");
    expect((await run(base.lookup("a")))?.nlink).toBe(3);
  });

  test.each([
    ["an absolute path", "/etc/passwd"],
    ["a path that leads out", "../up"],
    ["a path that leads out and in", "a/../../up"],
    ["a name that is no UTF-8", Uint8Array.of(0xff)],
  ])("leaves out a member with %s, and counts it", async (_, name) => {
    const { base } = await opened(handmade(["f", "0", "x"], [name, "0", "y"]));
    expect(await namesIn(base)).toEqual(["f"]);
    expect(base.omitted).toBe(1);
  });

  test("leaves out links to nowhere, to directories and to themselves, and unknown kinds", async () => {
    const { base } = await opened(
      handmade(
        ["d/", "5"],
        ["a", "1", "", "nothing"],
        ["b", "1", "", "d"],
        ["c", "1", "", "c"],
        ["v", "V", ""],
        ["s", "2", "", ""],
      ),
    );
    expect(await namesIn(base)).toEqual(["d"]);
    expect(base.omitted).toBe(5);
  });

  test("shows a sparse file and refuses to read it", async () => {
    const { base } = await opened(handmade(["f", "S", "x"]));
    await expect(contentOf(base, "f")).rejects.toMatchObject({ code: "EOPNOTSUPP" });
  });

  test("says ESTALE once the tar was replaced, also for what is not in memory yet", async () => {
    const tar = (letter: string) =>
      tarOf(treeOnDisk({ a: { content: letter.repeat(5_000_000) }, b: letter }));
    const { base, server } = await opened(tar("a"));
    const node = await run(base.lookup("a"));
    if (!node) throw new Error("it is missing");
    server.files.set("a.tar", { content: tar("b"), mtime: { seconds: 5, nanoseconds: 0 } });
    await expect(run(base.read(node, 0, new Uint8Array(5_000_000)))).rejects.toMatchObject({
      code: "ESTALE",
    });
  });

  test.each([
    ["noise", new Uint8Array(2048).fill(0x55), /no tar/],
    ["a tar that was cut off", handmade(["f", "0", "x".repeat(2000)]).subarray(0, 1024), /cut off/],
    ["a damaged header", handmade(["f", "0", "x"], ["g", "0"]).fill(1, 1030, 1040), /byte 1024/],
    ["a damaged extended header", handmade(["x", "x", "99 path=f\n"], ["f", "0"]), /extended/],
    [
      "an extended header whose record has no length",
      handmade(["x", "x", "0 path=f\n"], ["f", "0"]),
      /extended/,
    ],
    [
      "an extended header whose record leads back",
      handmade(["x", "x", "10 path=f\n-10 a=b\n"], ["f", "0"]),
      /extended/,
    ],
    [
      "a size that leads back",
      handmade(["f", "0", "", "", { 124: `${"\xff".repeat(10)}\xfe\0` }]),
      /negative/,
    ],
    [
      "thousands of global records",
      handmade([
        "g",
        "g",
        Array.from({ length: 1000 }, (_, at) => `12 k${at + 1000}=vv\n`).join(""),
      ]),
      /global/,
    ],
    ["a number that is none", handmade(["f", "0", "", "", { 124: "9" }]), /number/],
    ["a size beyond reason", handmade(["f", "0", "", "", { 124: "\x80\x7f\x7f" }]), /reason/],
  ])("refuses %s with EPROTO", async (_, bytes, words) => {
    const server = await fileServer("a.tar", bytes);
    await expect(openAt(server.fileUrl)).rejects.toMatchObject({ code: "EPROTO" });
    await expect(openAt(server.fileUrl)).rejects.toThrow(words);
  });

  test("refuses a gzip that is damaged with EIO", async () => {
    const bytes = new Uint8Array(gzipSync(handmade(["f", "0", "x"])));
    bytes[30] = (bytes[30] as number) ^ 0x40;
    const server = await fileServer("a.tar.gz", bytes);
    await expect(openAt(server.fileUrl)).rejects.toMatchObject({ code: "EIO" });
  });

  test("opens or refuses, but never hangs or crashes, over a tar with flipped bytes", async () => {
    const good = handmade(["x", "x", "14 path=d/name\n"], ["f", "0", "text"], ["l", "1", "", "d"]);
    const server = await fileServer("a.tar", good);
    for (let at = 0; at < good.length; at += 3) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      server.files.set("a.tar", { content: bytes });
      try {
        await namesIn(await openAt(server.fileUrl));
      } catch (error) {
        expect(error).toHaveProperty("errno");
      }
    }
  });
});
