/** The wire format: requests made by hand are understood, replies have fuse.h's layout. */
import { describe, expect, test } from "vitest";
import { encodeAttributes, encodeStatx } from "../../../node/fuse/protocol/attributes.ts";
import { EntryPacker } from "../../../node/fuse/protocol/directories.ts";
import { encodeInit, maxTransfer } from "../../../node/fuse/protocol/init.ts";
import {
  encodeInvalidateEntry,
  encodeInvalidateInode,
} from "../../../node/fuse/protocol/notify.ts";
import { decodeRequest } from "../../../node/fuse/protocol/request.ts";
import { decodeHeader, Message, opcodes } from "../../../node/fuse/protocol/wire.ts";
import type { Stat } from "../../../src/index.ts";
import { attributesIn, Bytes, direntsIn, requestOf } from "./kernel-side.ts";

function decoded(opcode: number, body?: Bytes) {
  const message = requestOf({ opcode, ...(body && { body }) });
  return decodeRequest(message, decodeHeader(message));
}

const stat: Stat = {
  ino: 2 ** 52 + 7,
  type: "file",
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 1001,
  rdev: 0,
  size: 5_000_000_000,
  blocks: 9_765_632,
  atime: { seconds: 1, nanoseconds: 2 },
  mtime: { seconds: -3, nanoseconds: 999_999_999 },
  ctime: { seconds: 5, nanoseconds: 6 },
  btime: { seconds: 7, nanoseconds: 8 },
};

const usual = { dataMayChange: false, noOpen: false, writeback: false };

describe("requests", () => {
  test("a header tells who asks what of which node", () => {
    const message = requestOf({ opcode: opcodes.getattr, unique: 0x1_0000_0002, nodeid: 77 });
    expect(decodeHeader(message)).toEqual({
      opcode: opcodes.getattr,
      unique: 0x1_0000_0002,
      nodeid: 77,
      uid: 1000,
      gid: 1001,
      pid: 4242,
    });
  });

  test("a message shorter than it says is refused", () => {
    const message = requestOf({ opcode: opcodes.getattr });
    message.length -= 1;
    expect(() => decodeHeader(message)).toThrow("EPROTO");
  });

  test("LOOKUP names a name", () => {
    expect(decoded(opcodes.lookup, new Bytes().name("grün"))).toEqual({
      kind: "lookup",
      name: "grün",
    });
  });

  test("a name that is no UTF-8 is EILSEQ, the replacement character itself is not", () => {
    const invalid = new Bytes().name(Buffer.from([0x61, 0xff]));
    expect(() => decoded(opcodes.lookup, invalid)).toThrow("EILSEQ");
    expect(decoded(opcodes.lookup, new Bytes().name("a\ufffd"))).toMatchObject({ name: "a\ufffd" });
  });

  test("a name without an end is refused, even if a zero lies behind the message", () => {
    const message = requestOf({ opcode: opcodes.lookup, body: new Bytes().raw(Buffer.from("ab")) });
    message.bytes[message.length] = 0;
    expect(() => decodeRequest(message, decodeHeader(message))).toThrow("EINVAL");
  });

  test("SETATTR tells only what is to change", () => {
    const body = (valid: number) =>
      new Bytes().u32(valid, 0).u64(9, 4096, 0, -5, 100, 200).u32(1, 2, 3, 0o104755, 0, 7, 8, 0);
    expect(decoded(opcodes.setattr, body(1))).toEqual({
      kind: "setattr",
      fh: undefined,
      dropsPrivileges: false,
      changes: { mode: 0o4755 },
    });
    expect(decoded(opcodes.setattr, body(0b1111110))).toEqual({
      kind: "setattr",
      fh: 9,
      dropsPrivileges: false,
      changes: {
        uid: 7,
        gid: 8,
        size: 4096,
        atime: { seconds: -5, nanoseconds: 1 },
        mtime: { seconds: 100, nanoseconds: 2 },
      },
    });
    expect(decoded(opcodes.setattr, body(1 << 11))).toMatchObject({ dropsPrivileges: true });
    expect(decoded(opcodes.setattr, body(0b110110000))).toMatchObject({
      changes: { atime: "now", mtime: "now" },
    });
  });

  test("a size no number holds exactly is EFBIG", () => {
    const body = new Bytes()
      .u32(8, 0)
      .u64(0, 2n ** 60n, 0, 0, 0, 0)
      .u32(0, 0, 0, 0, 0, 0, 0, 0);
    expect(() => decoded(opcodes.setattr, body)).toThrow("EFBIG");
  });

  test("WRITE shows its data where it lies", () => {
    const body = new Bytes()
      .u64(3, 2 ** 33)
      .u32(4, 0)
      .u64(0)
      .u32(2, 0)
      .raw(Buffer.from("data"));
    const message = requestOf({ opcode: opcodes.write, body });
    const request = decodeRequest(message, decodeHeader(message));
    if (request.kind !== "write") throw new Error("not a write");
    expect([request.fh, request.offset, request.data.toString()]).toEqual([3, 2 ** 33, "data"]);
    expect(request.data.buffer).toBe(message.bytes.buffer);
  });

  test("RENAME2 knows NOREPLACE and EXCHANGE, and refuses what it does not know", () => {
    const body = (flags: number) => new Bytes().u64(5).u32(flags, 0).name("a").name("b");
    const plain = { kind: "rename", name: "a", newParent: 5, newName: "b" };
    expect(decoded(opcodes.rename2, body(1))).toEqual({
      ...plain,
      noReplace: true,
      exchange: false,
    });
    expect(decoded(opcodes.rename2, body(2))).toEqual({
      ...plain,
      noReplace: false,
      exchange: true,
    });
    expect(() => decoded(opcodes.rename2, body(4))).toThrow("EINVAL");
    expect(decoded(opcodes.rename, new Bytes().u64(5).name("a").name("b"))).toMatchObject(plain);
  });

  test("BATCH_FORGET gives back lookups of many nodes", () => {
    expect(decoded(opcodes.batchForget, new Bytes().u32(2, 0).u64(5, 1, 6, 3))).toEqual({
      kind: "forget",
      nodes: [
        { nodeid: 5, lookups: 1 },
        { nodeid: 6, lookups: 3 },
      ],
    });
  });

  test("FALLOCATE takes KEEP_SIZE, PUNCH_HOLE and ZERO_RANGE, and nothing that moves data", () => {
    const body = (mode: number) => new Bytes().u64(1, 10, 20).u32(mode, 0);
    expect(decoded(opcodes.fallocate, body(1))).toMatchObject({
      mode: { keepSize: true, punchHole: false },
    });
    expect(decoded(opcodes.fallocate, body(0))).toMatchObject({ offset: 10, length: 20 });
    expect(decoded(opcodes.fallocate, body(3))).toMatchObject({ mode: { punchHole: true } });
    expect(decoded(opcodes.fallocate, body(0x10))).toMatchObject({ mode: { zeroRange: true } });
    expect(() => decoded(opcodes.fallocate, body(8))).toThrow("EOPNOTSUPP");
  });

  test("COPY_FILE_RANGE names both files, and no more than its reply can count", () => {
    const body = new Bytes().u64(1, 10, 77, 2, 20, 2 ** 40, 0);
    expect(decoded(opcodes.copyFileRange, body)).toMatchObject({
      kind: "copy",
      fh: 1,
      offset: 10,
      toNodeid: 77,
      toFh: 2,
      toOffset: 20,
      length: 0xffff_f000,
    });
  });

  test.each([
    ["ACCESS", 34],
    ["SETLK", 32],
    ["an opcode of the future", 4000],
  ])("%s is ENOSYS, so that the kernel does it by itself", (_, opcode) => {
    expect(() => decoded(opcode)).toThrow("ENOSYS");
  });

  test("an open like that of `sync -f` is told from others", () => {
    const open = (flags: number) => decoded(opcodes.opendir, new Bytes().u32(flags, 0));
    expect(open(0o4000)).toMatchObject({ forSync: true });
    expect(open(0o4000 | 0o200000)).toMatchObject({ forSync: process.arch !== "x64" });
    expect(open(0o4002)).toMatchObject({ forSync: false });
  });
});

describe("replies", () => {
  test("INIT takes what the kernel offers, and writeback only if it was asked for", () => {
    const reply = Message.withRoom(128);
    const request = { major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff | 0 };
    expect(encodeInit(reply, request, usual)).toBe(64);
    const body = reply.bytes.subarray(16);
    const flags = body.readUInt32LE(12);
    expect([body.readUInt32LE(0), body.readUInt32LE(4)]).toEqual([7, 39]);
    expect(flags & (1 << 16)).toBe(0);
    expect(flags & (1 << 13)).not.toBe(0);
    expect(body.readUInt32LE(20)).toBe(maxTransfer);
    expect(body.readUInt16LE(28)).toBe(256);
    encodeInit(reply, request, { ...usual, writeback: true });
    expect(body.readUInt32LE(12) & (1 << 16)).not.toBe(0);
    const without = { ...request, flags: request.flags & ~(1 << 16) };
    expect(() => encodeInit(reply, without, { ...usual, writeback: true })).toThrow("writeback");
  });

  test("INIT without opens takes no truncation by them, and only of a kernel that can do without", () => {
    const reply = Message.withRoom(128);
    const request = { major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff | 0 };
    const truncation = () => reply.view.getUint32(16 + 12, true) & (1 << 3);
    encodeInit(reply, request, usual);
    expect(truncation()).not.toBe(0);
    encodeInit(reply, request, { ...usual, noOpen: true });
    expect(truncation()).toBe(0);
    const without = { ...request, flags: request.flags & ~(1 << 17) };
    expect(() => encodeInit(reply, without, { ...usual, noOpen: true })).toThrow("noopen");
  });

  test("INIT refuses a kernel that is too old and asks a newer one to come down", () => {
    const reply = Message.withRoom(128);
    const older = { major: 7, minor: 8, maxReadahead: 0, flags: 0 };
    expect(() => encodeInit(reply, older, usual)).toThrow("EPROTO");
    encodeInit(reply, { ...older, major: 8 }, usual);
    expect(reply.view.getUint32(16, true)).toBe(7);
  });

  test("attributes keep 64 bits, nanoseconds and times before 1970", () => {
    const reply = Message.withRoom(512);
    expect(encodeAttributes(reply, stat, 1.5)).toBe(104);
    const body = reply.bytes.subarray(16);
    expect([body.readBigUInt64LE(0), body.readUInt32LE(8)]).toEqual([1n, 500_000_000]);
    expect(attributesIn(body, 16)).toEqual({
      ino: 2 ** 52 + 7,
      size: 5_000_000_000,
      blocks: 9_765_632,
      mtime: [-3, 999_999_999],
      mode: 0o100644,
      nlink: 2,
      uid: 1000,
      gid: 1001,
    });
  });

  test("STATX tells the time of birth", () => {
    const reply = Message.withRoom(512);
    expect(encodeStatx(reply, stat, 1)).toBe(288);
    const statx = reply.bytes.subarray(16 + 32);
    expect([statx.readBigInt64LE(80), statx.readUInt32LE(88)]).toEqual([7n, 8]);
    expect([statx.readBigInt64LE(112), statx.readUInt32LE(120)]).toEqual([-3n, 999_999_999]);
  });

  test("directory entries are packed as long as they fit", () => {
    const reply = Message.withRoom(512);
    const packer = new EntryPacker(reply, 64);
    expect(packer.fits("äöü", false)).toBe(true);
    packer.add({ name: "äöü", type: "directory", ino: 5, next: 1 });
    expect(packer.length).toBe(32);
    expect(packer.fits("123456789", false)).toBe(false);
    packer.add({ name: "12345678", type: "file", ino: 6, next: 2 });
    expect(direntsIn(reply.bytes.subarray(16, 16 + packer.length), false)).toEqual([
      { name: "äöü", ino: 5, next: 1, type: 4, nodeid: 0 },
      { name: "12345678", ino: 6, next: 2, type: 8, nodeid: 0 },
    ]);
  });

  test("notifications carry a code in place of an error and no unique", () => {
    const entry = encodeInvalidateEntry(9, "é");
    expect([entry.length, entry.readInt32LE(4), entry.readBigUInt64LE(8)]).toEqual([35, 3, 0n]);
    expect([entry.readBigUInt64LE(16), entry.readUInt32LE(24)]).toEqual([9n, 2]);
    expect(encodeInvalidateInode(9, true).readBigInt64LE(24)).toBe(0n);
    expect(encodeInvalidateInode(9, false).readBigInt64LE(24)).toBe(-1n);
  });
});
