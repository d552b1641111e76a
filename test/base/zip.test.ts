import { describe, expect, onTestFinished, test } from "vitest";
import { type Base, httpFetcher, openZipBase, run, typeBits } from "../../src/index.ts";
import { baseContract, contractTreeWithout } from "./contract.ts";
import { FakeClock } from "./fake-clock.ts";
import { fileServer, type SiteServer } from "./site-server.ts";
import { type WrittenMember, type WrittenZip, zipOf } from "./zip-archive.ts";
import { zipOfTree } from "./zip-of-tree.ts";

async function openAt(url: string): Promise<Base> {
  const fetcher = httpFetcher({ clock: new FakeClock() });
  onTestFinished(() => fetcher.close());
  return await run(openZipBase({ url, fetcher }));
}

/** Opens a zip of these members; the server is there to be looked at, and to be told to change it. */
async function opened(
  members: readonly WrittenMember[],
  zip?: WrittenZip,
): Promise<{ base: Base; server: SiteServer }> {
  const server = await fileServer("a.zip", zipOf(members, zip));
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

const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (Math.imul(at, 2654435761) >>> 13) & 0xff);

const lacks = { hardLinks: true } as const;
const archive = zipOfTree(contractTreeWithout(lacks));

baseContract({
  name: "zip over HTTP",
  lacks,
  make: async () => openAt((await fileServer("c.zip", archive)).fileUrl),
});

describe("a zip over HTTP", () => {
  test("opens with one request if it is small, and reads a member with one more", async () => {
    const { base, server } = await opened([{ name: "d/f", content: "text" }]);
    expect(server.asked.length).toBe(1);
    expect(await namesIn(base, "d")).toEqual(["f"]);
    expect(await contentOf(base, "d/f")).toBe("text");
    expect(server.asked.length).toBe(2);
  });

  test("opens with two requests if it is large, and fetches a member without its neighbours", async () => {
    const { base, server } = await opened([
      { name: "one", content: noise(2_000_000), isStored: true },
      { name: "two", content: "small" },
      { name: "three", content: noise(2_000_000), isStored: true },
    ]);
    expect(server.asked.length).toBe(2);
    const before = server.bytesSent();
    expect(await contentOf(base, "two")).toBe("small");
    expect(server.bytesSent() - before).toBeLessThan(100);
  });

  test("reads one MiB for a byte from the middle of a large stored member", async () => {
    const content = noise(5_000_000);
    const { base, server } = await opened([{ name: "f", content, isStored: true, localExtra: 99 }]);
    const node = await run(base.lookup("f"));
    if (!node) throw new Error("it is missing");
    const before = server.bytesSent();
    const into = new Uint8Array(1);
    await run(base.read(node, 3_000_000, into));
    expect(into[0]).toBe(content[3_000_000]);
    expect(server.bytesSent() - before).toBeLessThan(2 ** 20 + 100);
  });

  test("inflates a large member once, however often it is read", async () => {
    const { base, server } = await opened([{ name: "f", content: noise(3_000_000) }]);
    const node = await run(base.lookup("f"));
    if (!node) throw new Error("it is missing");
    const before = server.asked.length;
    for (let at = 0; at < 3_000_000; at += 300_000) {
      await run(base.read(node, at, new Uint8Array(1000)));
    }
    expect(server.asked.length - before).toBe(1);
  });

  test("finds where a member begins although its local header is longer than its entry", async () => {
    const { base } = await opened([{ name: "f", content: "text", localExtra: 1000 }]);
    expect(await contentOf(base, "f")).toBe("text");
  });

  test.each<[string, WrittenMember[], WrittenZip]>([
    ["zip64", [{ name: "f", content: "text", isZip64: true }], { isZip64: true }],
    ["a comment", [{ name: "f", content: "text" }], { comment: "PK\u0005\u0006 and more of it" }],
    ["a program before it", [{ name: "f", content: "text" }], { prefix: noise(5000) }],
    ["both", [{ name: "f", content: "text", isZip64: true }], { isZip64: true, prefix: noise(9) }],
  ])("reads a zip with %s", async (_, members, zip) => {
    const { base } = await opened(members, zip);
    expect(await contentOf(base, "f")).toBe("text");
  });

  test("reads a zip on a server that knows no ranges, with one download for all of it", async () => {
    const names = ["one", "two", "three"];
    const zip = zipOf(names.map((name) => ({ name, content: noise(50_000), isStored: true })));
    const server = await fileServer("a.zip", zip, { ranges: false });
    const base = await openAt(server.fileUrl);
    for (const name of names) {
      expect(Buffer.from(await contentOf(base, name))).toEqual(
        Buffer.from(Buffer.from(noise(50_000)).toString()),
      );
    }
    expect(server.asked.length).toBe(2);
  });

  test("is empty if it has no members", async () => {
    const { base } = await opened([]);
    expect(await namesIn(base)).toEqual([]);
  });

  test("takes times from the NTFS field, the extended timestamp or the DOS time, in this order", async () => {
    const mtime = { seconds: 1_500_000_000, nanoseconds: 123_456_700 };
    const { base } = await opened([
      { name: "ntfs", mtime, extendedMtime: 5 },
      { name: "unix", extendedMtime: -7 },
      { name: "dos" },
    ]);
    const timeOf = async (path: string) => (await run(base.lookup(path)))?.mtime;
    expect(await timeOf("ntfs")).toEqual(mtime);
    expect(await timeOf("unix")).toEqual({ seconds: -7, nanoseconds: 0 });
    expect(await timeOf("dos")).toEqual({
      seconds: Date.UTC(2026, 10, 22, 13, 30, 10) / 1000,
      nanoseconds: 0,
    });
  });

  test("takes types and permissions from a Unix, and none from DOS", async () => {
    const { base } = await opened([
      { name: "run", content: "x", unixMode: typeBits.file | 0o4755 },
      { name: "link", content: "run", unixMode: typeBits.symlink | 0o777 },
      { name: "pipe", unixMode: typeBits.fifo | 0o600 },
      { name: "dir", dosAttributes: 0x10 },
      { name: "plain", content: "x" },
    ]);
    const nodes = await run(base.list(""));
    const told = Object.fromEntries(
      nodes.map(({ name, node }) => [name, [node.type, node.mode.toString(8), node.target]]),
    );
    expect(told).toEqual({
      run: ["file", "4755", undefined],
      link: ["symlink", "777", "run"],
      pipe: ["fifo", "600", undefined],
      dir: ["directory", "755", undefined],
      plain: ["file", "644", undefined],
    });
  });

  test("reads names in UTF-8, by the Unicode field, and else in the DOS code page", async () => {
    const { base } = await opened([
      { name: "Grüße" },
      { name: Buffer.from("ungesagt-ü") },
      { name: Uint8Array.of(0x81, 0x9c) },
    ]);
    expect(await namesIn(base)).toEqual(["Grüße", "ungesagt-ü", "ü£"].sort());
  });

  test("takes the backslashes of DOS programs for slashes, and leaves those of a Unix", async () => {
    const { base } = await opened([
      { name: "dos\\file" },
      { name: "unix\\file", unixMode: typeBits.file | 0o644 },
    ]);
    expect(await namesIn(base)).toEqual(["dos", "unix\\file"]);
    expect(await namesIn(base, "dos")).toEqual(["file"]);
  });

  test.each([
    "/etc/passwd",
    "../up",
    "a/../../up",
    "nul\0byte",
    `${"x".repeat(256)}`,
    "f/below-a-file",
  ])("leaves out a member called '%s', and counts it", async (name) => {
    const { base } = await opened([{ name: "f", content: "text" }, { name }]);
    expect(base.omitted).toBe(1);
    expect(await namesIn(base)).toEqual(["f"]);
  });

  test("leaves out a name that says it is UTF-8 and is not", async () => {
    const { base } = await opened([{ name: Uint8Array.of(0xff), flags: 0x800 }]);
    expect(base.omitted).toBe(1);
  });

  test("shows the last of several members with one name, as extracting does", async () => {
    const { base } = await opened([
      { name: "f", content: "first" },
      { name: "./f", content: "last" },
    ]);
    expect(await contentOf(base, "f")).toBe("last");
    expect(base.omitted).toBe(1);
  });

  test.each<[string, Partial<WrittenMember>]>([
    ["is encrypted", { flags: 0x801 }],
    ["is compressed in a way we do not know", { method: 14 }],
  ])("shows a member that %s and refuses to read it", async (_, flaw) => {
    const { base } = await opened([{ name: "f", content: "text", ...flaw }]);
    expect(await namesIn(base)).toEqual(["f"]);
    await expect(contentOf(base, "f")).rejects.toMatchObject({ code: "EOPNOTSUPP", path: "f" });
  });

  test.each<[string, Partial<WrittenMember>]>([
    ["the wrong CRC-32", { crc32: 5 }],
    ["more bytes than it says", { size: 3 }],
    ["fewer bytes than it says", { size: 300 }],
    ["another member's header", { offset: 1 }],
  ])("gives EIO and no bytes of a member that has %s", async (_, flaw) => {
    for (const isStored of [{}, { isStored: true as const }]) {
      const { base } = await opened([{ name: "f", content: "text", ...isStored, ...flaw }]);
      await expect(contentOf(base, "f")).rejects.toMatchObject({ code: "EIO" });
    }
  });

  test("says ESTALE once the zip was replaced, and does not mix the two", async () => {
    const members = (letter: string): WrittenMember[] => [
      { name: "one", content: letter.repeat(2_000_000), isStored: true },
      { name: "two", content: letter, isStored: true },
    ];
    const { base, server } = await opened(members("a"));
    const node = await run(base.lookup("one"));
    if (!node) throw new Error("it is missing");
    await run(base.read(node, 0, new Uint8Array(1)));
    const mtime = { seconds: 1_000_000_001, nanoseconds: 0 };
    server.files.set("a.zip", { content: zipOf(members("b")), mtime });
    await expect(run(base.read(node, 0, new Uint8Array(2_000_000)))).rejects.toMatchObject({
      code: "ESTALE",
    });
    await expect(contentOf(base, "two")).rejects.toMatchObject({ code: "ESTALE" });
    server.files.delete("a.zip");
    await expect(contentOf(base, "two")).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("notices by the CRC-32 or the length that a server without validators replaced it", async () => {
    const zip = (letter: string) => zipOf([{ name: "f", content: letter, isStored: true }]);
    const server = await fileServer("a.zip", zip("a"), { validators: false });
    const base = await openAt(server.fileUrl);
    expect(base.capabilities.integrity).toBe("none");
    server.files.set("a.zip", { content: zip("b") });
    await expect(contentOf(base, "f")).rejects.toMatchObject({ code: "EIO" });
    server.files.set("a.zip", { content: zip("longer") });
    await expect(contentOf(base, "f")).rejects.toMatchObject({ code: "ESTALE" });
  });

  test("has another identity once anything in it changed, and the same elsewhere", async () => {
    const identityOf = async (content: string) =>
      (await opened([{ name: "f", content }])).base.identity;
    expect(await identityOf("a")).toBe(await identityOf("a"));
    expect(await identityOf("a")).not.toBe(await identityOf("b"));
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /no zip/],
    ["noise", noise(100_000), /no zip/],
    ["a zip that was cut off", zipOf([{ name: "f", content: "x" }]).subarray(0, 60), /no zip/],
    ["one that lost its beginning", zipOf([{ name: "f" }]).subarray(40), /cut off|damaged/],
    ["a part of several", zipOf([{ name: "f" }], { disk: 2 }), /several files/],
    ["one that says it has more members", zipOf([{ name: "f" }], { entries: 9 }), /9 members/],
    ["a member outside of it", zipOf([{ name: "f", offset: 1e6 }]), /outside/],
    ["an encrypted directory", zipOf([{ name: "f", flags: 0x2800 }]), /encrypted/],
  ])("refuses %s with EPROTO", async (_, bytes, words) => {
    const server = await fileServer("a.zip", bytes);
    await expect(openAt(server.fileUrl)).rejects.toMatchObject({ code: "EPROTO" });
    await expect(openAt(server.fileUrl)).rejects.toThrow(words);
  });

  test("opens or refuses, but never hangs or crashes, over a zip with flipped bytes", async () => {
    const good = zipOf(
      [
        { name: "d/f", content: "some text", isZip64: true },
        { name: "link", content: "d/f", unixMode: typeBits.symlink | 0o777 },
      ],
      { isZip64: true },
    );
    const server = await fileServer("a.zip", good);
    for (let at = 0; at < good.length; at += 1) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      server.files.set("a.zip", { content: bytes });
      try {
        const base = await openAt(server.fileUrl);
        const node = await run(base.lookup("d/f"));
        // A size beyond reason may stand there; nobody can read that much.
        const isReadable = node && node.size < 1e6;
        if (isReadable && (await contentOf(base, "d/f")) !== "some text") {
          throw new Error(`wrong bytes with byte ${at} flipped`);
        }
      } catch (error) {
        expect(error).toHaveProperty("errno");
      }
    }
  });
});
