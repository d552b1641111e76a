/** `check` on a storage on disk: what can go wrong with its files and with the bytes of its records. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openOverlay } from "../../../node/index.ts";
import { holderOf } from "../../../node/storage/disk.ts";
import { inspectDiskStorage } from "../../../node/storage/inspection.ts";
import {
  decodeNode,
  encode,
  encodeNode,
  nameKey,
  numberKey,
  soleKey,
} from "../../../node/storage/record-format.ts";
import { Records } from "../../../node/storage/records.ts";
import { type CheckReport, type ContentRecord, check, run } from "../../../src/index.ts";

let place: string;
let site: string;
let storage: string;

const large = new Uint8Array(200_000).map((_, at) => (at % 250) + 1);

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), "minifo-check-"));
  site = join(place, "site");
  storage = join(place, "storage");
  mkdirSync(join(site, "d"), { recursive: true });
  writeFileSync(join(site, "d/e"), "e");
  writeFileSync(join(site, "base"), large);
  const { fs, close } = await openOverlay({ base: site, storage });
  await fs.promises.writeFile("/large", large);
  await fs.promises.writeFile("/small", "small");
  await fs.promises.rename("/d", "/moved");
  const base = await fs.promises.open("/base", "r+");
  await base.write("written", 150_000);
  await base.close();
  await close();
});

afterEach(() => rmSync(place, { recursive: true }));

/** The content files, the largest last. */
function contentFiles(): string[] {
  const root = join(storage, "content");
  const files = readdirSync(root).flatMap((group) =>
    readdirSync(join(root, group)).map((entry) => join(root, group, entry)),
  );
  return files.sort((a, b) => statSync(a).blocks - statSync(b).blocks);
}

function contentFileOfLarge(): string {
  return contentFiles().at(-1) as string;
}

function changeRecords(change: Parameters<Records["write"]>[0]): void {
  const records = new Records(join(storage, "records.mdb"), storage, false);
  records.write(change);
  records.close();
}

async function checked(repair = false): Promise<CheckReport> {
  const inspection = inspectDiskStorage(storage, { repair });
  try {
    return await run(check({ storage: inspection, repair }));
  } finally {
    await run(inspection.close());
  }
}

async function kinds(): Promise<string[]> {
  return (await checked()).findings.map(({ kind }) => kind);
}

/** What is read at each path now, or the code it fails with. */
async function tree(): Promise<Record<string, string>> {
  const { fs, close } = await openOverlay({ base: site, storage });
  const told: Record<string, string> = {};
  for (const path of ["/large", "/small", "/moved/e", "/base"]) {
    told[path] = await fs.promises.readFile(path).then(
      (bytes) => Buffer.from(bytes).toString("latin1"),
      (error) => error.code,
    );
  }
  await close();
  return told;
}

test("a good storage is sound, and looking at it changes nothing", async () => {
  const before = readFileSync(join(storage, "records.mdb"));
  expect(await checked()).toEqual({ findings: [], repaired: false, damaged: false });
  expect(readFileSync(join(storage, "records.mdb")).equals(before)).toBe(true);
});

describe("damage on disk is found, and repaired so that the rest can be read:", () => {
  const corruptions: Readonly<
    Record<string, { plant: () => void; kinds: readonly string[]; costs?: Record<string, string> }>
  > = {
    "a content file that was emptied": {
      plant: () => truncateSync(contentFileOfLarge(), 0),
      kinds: ["content-missing"],
      costs: { "/large": "ENOENT" },
    },
    "a content file that was cut": {
      plant: () => truncateSync(contentFileOfLarge(), 3 * 65_536),
      kinds: ["content-missing"],
      costs: { "/large": "ENOENT" },
    },
    "a content file that is gone": {
      plant: () => unlinkSync(contentFileOfLarge()),
      kinds: ["content-missing"],
      costs: { "/large": "ENOENT" },
    },
    "a directory in place of a content file": {
      plant: () => {
        const file = contentFileOfLarge();
        unlinkSync(file);
        mkdirSync(file);
      },
      kinds: ["content-missing"],
      costs: { "/large": "ENOENT" },
    },
    "a base file's content that is gone": {
      plant: () => unlinkSync(contentFiles()[0] as string),
      kinds: ["content-missing"],
      costs: { "/base": Buffer.from(large).toString("latin1") },
    },
    "bytes after the end of a file": {
      plant: () => {
        const bytes = readFileSync(contentFileOfLarge());
        writeFileSync(contentFileOfLarge(), Buffer.concat([bytes, Buffer.from("more")]));
      },
      kinds: ["content-end"],
    },
    "a small content that is gone from the records": {
      plant: () =>
        changeRecords((writer) => {
          for (let id = 1; id < 10; id += 1) writer.remove(numberKey("content", id));
        }),
      kinds: ["content-missing"],
      costs: { "/small": "ENOENT" },
    },
    "a node that is no JSON": {
      plant: () => changeRecords((writer) => writer.put(numberKey("node", 2), Buffer.from("{"))),
      kinds: ["node-unreadable", "name-without-node", "content-unclaimed"],
      costs: { "/large": "ENOENT" },
    },
    "a name that is no UTF-8": {
      plant: () => {
        const key = Buffer.concat([nameKey(1, ""), Buffer.from([0xff, 0xfe])]);
        changeRecords((writer) => writer.put(key, encode({ whiteout: true })));
      },
      kinds: ["foreign-record"],
    },
    "an alias under another's key": {
      plant: () => {
        const key = Buffer.concat([Buffer.from("a"), Buffer.alloc(32)]);
        const alias = encode({ identity: "path:x", ino: 2 ** 52 + 1 });
        changeRecords((writer) => writer.put(key, alias));
      },
      kinds: ["foreign-record"],
    },
    "a key that nothing has": {
      plant: () => changeRecords((writer) => writer.put(Buffer.from("zzz"), Buffer.from("?"))),
      kinds: ["foreign-record"],
    },
    "a marker that is gone": {
      plant: () => changeRecords((writer) => writer.remove(soleKey("marker"))),
      kinds: ["foreign-record"],
    },
    "an owner's record that is garbage": {
      plant: () => changeRecords((writer) => writer.put(soleKey("ownership"), Buffer.from("{"))),
      kinds: ["foreign-record"],
    },
  };
  for (const [name, { plant, kinds: expected, costs = {} }] of Object.entries(corruptions)) {
    test(name, async () => {
      const before = await tree();
      expect(await kinds()).toEqual([]);
      plant();
      expect(await kinds()).toEqual(expected);
      const { quarantine, damaged } = await checked(true);
      expect(damaged).toBe(false);
      expect(existsSync(join(quarantine as string, "records.json"))).toBe(true);
      expect(await kinds()).toEqual([]);
      expect(await tree()).toEqual({ ...before, ...costs });
    });
  }
});

test("what a repair takes out is in the quarantine, and stays there when the storage is taken over", async () => {
  const bytes = readFileSync(contentFileOfLarge());
  changeRecords((writer) => writer.put(numberKey("node", 2), Buffer.from("garbage")));
  const { quarantine = "" } = await checked(true);
  expect(quarantine.startsWith(join(storage, "quarantine"))).toBe(true);
  const list = JSON.parse(readFileSync(join(quarantine, "records.json"), "utf8"));
  expect(list).toMatchObject({ format: "minifo quarantine", version: 1 });
  expect(list.findings[0]).toMatch(/inode 2 is no JSON/);
  const name = { kind: "name", parent: 1, name: "large", value: { ino: 2, type: "file" } };
  const node = { kind: "node", ino: 2, bytes: Buffer.from("garbage").toString("base64") };
  expect(list.records).toEqual([expect.objectContaining(name), expect.objectContaining(node)]);
  const owner = { pid: 1, started: "0", boot: "", holder: "gone", epoch: 1, state: "open" };
  changeRecords((writer) => writer.put(soleKey("ownership"), encode(owner)));
  await tree();
  const [kept, ...others] = readdirSync(join(quarantine, "content"));
  expect(others).toEqual([]);
  expect(readFileSync(join(quarantine, "content", kept as string)).equals(bytes)).toBe(true);
});

test("chunks held past the end of a file are kept aside, and are zeros when the file grows", async () => {
  const records = new Records(join(storage, "records.mdb"), storage, true);
  const node = decodeNode(records.read((reader) => reader.get(numberKey("node", 2))) as Buffer, 2);
  records.close();
  const content = { ...(node.content as ContentRecord), size: 5 };
  changeRecords((writer) => {
    writer.put(numberKey("node", 2), encodeNode({ ...node, content }));
  });
  expect(await kinds()).toEqual(["content-end"]);
  const { quarantine = "" } = await checked(true);
  const { cleared } = JSON.parse(readFileSync(join(quarantine, "records.json"), "utf8"));
  expect(cleared).toEqual([expect.objectContaining({ content: content.id, from: 5 })]);
  expect(Buffer.from(cleared[0].bytes, "base64").equals(large.subarray(5))).toBe(true);
  expect(await kinds()).toEqual([]);
  const { fs, close } = await openOverlay({ base: site, storage });
  await fs.promises.truncate("/large", large.length);
  const grown = Buffer.alloc(large.length);
  grown.set(large.subarray(0, 5));
  expect(grown.equals(await fs.promises.readFile("/large"))).toBe(true);
  await close();
});

test("a storage that is in use can be looked at, and is not repaired", async () => {
  const owner = await openOverlay({ base: site, storage });
  // Under LMDB's own lock a process reads with the way of opening it has already: so the owner's.
  expect(() => inspectDiskStorage(storage, { repair: true })).toThrow(/EBUSY.*this very process/);
  await owner.close();
});

test("an owner that died is still known after a repair, so that the next one cleans up after it", async () => {
  const dead = { pid: 1, started: "0", boot: "", holder: "gone", epoch: 9, state: "open" };
  changeRecords((writer) => writer.put(soleKey("ownership"), encode(dead)));
  await checked(true);
  expect(holderOf(storage)).toBeUndefined();
  const records = new Records(join(storage, "records.mdb"), storage, true);
  const left = records.read((reader) => reader.get(soleKey("ownership")));
  records.close();
  expect(JSON.parse(String(left))).toEqual(dead);
});

test("bytes after the end of a file are no damage if its owner died, and the next one clears them", async () => {
  const bytes = readFileSync(contentFileOfLarge());
  writeFileSync(contentFileOfLarge(), Buffer.concat([bytes, Buffer.from("more")]));
  const dead = { pid: 1, started: "0", boot: "", holder: "gone", epoch: 9, state: "open" };
  changeRecords((writer) => writer.put(soleKey("ownership"), encode(dead)));
  expect(await checked()).toMatchObject({
    findings: [{ severity: "harmless", kind: "content-end", path: "large" }],
    damaged: false,
  });
  const { fs, close } = await openOverlay({ base: site, storage });
  await fs.promises.truncate("/large", large.length + 4);
  const end = (await fs.promises.readFile("/large")).subarray(large.length);
  expect([...end]).toEqual([0, 0, 0, 0]);
  await close();
  expect(await kinds()).toEqual([]);
});

test("what is no storage is refused", async () => {
  expect(() => inspectDiskStorage(site)).toThrow(/ENOENT.*no minifo storage/);
  const foreign = join(place, "foreign");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "records.mdb"), "no database of anybody");
  expect(() => inspectDiskStorage(foreign)).toThrow(/EINVAL/);
  expect(() => inspectDiskStorage(foreign, { repair: true })).toThrow(/EINVAL/);
  changeRecords((writer) => writer.put(soleKey("marker"), encode({ version: 2 })));
  await expect(checked()).rejects.toMatchObject({ code: "EINVAL" });
});
