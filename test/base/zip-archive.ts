/**
 * Writes zips for tests, with everything that may be wrong or rare in one: each field can be set as a test wants it.
 */
import { deflateRawSync } from "node:zlib";
import { crc32Of } from "../../src/base/crc32.ts";
import type { Time } from "../../src/index.ts";

/** A member, as far as a test cares. */
export interface WrittenMember {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  readonly isStored?: true;
  /** Compression to be stated in place of the true one. */
  readonly method?: number;
  /** Type and permissions as on Unix; without it the member is one of DOS. */
  readonly unixMode?: number;
  readonly dosAttributes?: number;
  readonly mtime?: Time;
  /** Seconds, as an extended timestamp. */
  readonly extendedMtime?: number;
  readonly flags?: number;
  readonly crc32?: number;
  readonly size?: number;
  readonly offset?: number;
  /** An extra field of this number in the central directory. */
  readonly extra?: readonly [number, Uint8Array];
  /** Sizes and offsets stand in a zip64 field. */
  readonly isZip64?: true;
  /** So many bytes of extra field in the local header only. */
  readonly localExtra?: number;
}

export interface WrittenZip {
  readonly comment?: string;
  /** Bytes before the archive, as those of a self-extracting one. */
  readonly prefix?: Uint8Array;
  readonly isZip64?: true;
  readonly disk?: number;
  readonly entries?: number;
}

/** The bytes of a zip. */
export function zipOf(members: readonly WrittenMember[], zip: WrittenZip = {}): Uint8Array {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  const put = (part: Buffer): void => {
    parts.push(part);
    at += part.length;
  };
  for (const member of members) {
    const name = Buffer.from(member.name as string);
    const plain = Buffer.from((member.content ?? "") as string);
    const packed = member.isStored ? plain : deflateRawSync(plain);
    const method = member.method ?? (member.isStored ? 0 : 8);
    const crc32 = member.crc32 ?? crc32Of(plain);
    const flags = member.flags ?? (typeof member.name === "string" ? 0x800 : 0);
    const size = member.size ?? plain.length;
    const offset = member.offset ?? at;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(member.localExtra ?? 0, 28);
    put(Buffer.concat([local, name, Buffer.alloc(member.localExtra ?? 0), packed]));
    const extra = Buffer.concat(extrasOf(member, size, packed.length, offset));
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt8(member.unixMode === undefined ? 0 : 3, 5);
    header.writeUInt16LE(flags, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt16LE((13 << 11) | (30 << 5) | 5, 12);
    header.writeUInt16LE((46 << 9) | (11 << 5) | 22, 14);
    header.writeUInt32LE(crc32, 16);
    header.writeUInt32LE(member.isZip64 ? 0xffffffff : packed.length, 20);
    header.writeUInt32LE(member.isZip64 ? 0xffffffff : size, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt16LE(extra.length, 30);
    header.writeUInt32LE(
      ((member.unixMode ?? 0) * 0x10000 + (member.dosAttributes ?? 0)) >>> 0,
      38,
    );
    header.writeUInt32LE(member.isZip64 ? 0xffffffff : offset, 42);
    central.push(Buffer.concat([header, name, extra]));
  }
  const start = at;
  const directory = Buffer.concat(central);
  put(directory);
  const entries = zip.entries ?? members.length;
  if (zip.isZip64) {
    const end64 = Buffer.alloc(76);
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(entries), 24);
    end64.writeBigUInt64LE(BigInt(entries), 32);
    end64.writeBigUInt64LE(BigInt(directory.length), 40);
    end64.writeBigUInt64LE(BigInt(start), 48);
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(at), 64);
    end64.writeUInt32LE(1, 72);
    put(end64);
  }
  const comment = Buffer.from(zip.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip.disk ?? 0, 4);
  end.writeUInt16LE(zip.isZip64 ? 0xffff : entries, 10);
  end.writeUInt32LE(zip.isZip64 ? 0xffffffff : directory.length, 12);
  end.writeUInt32LE(zip.isZip64 ? 0xffffffff : start, 16);
  end.writeUInt16LE(comment.length, 20);
  put(Buffer.concat([end, comment]));
  return new Uint8Array(Buffer.concat([zip.prefix ?? Buffer.alloc(0), ...parts]));
}

function extrasOf(
  member: WrittenMember,
  size: number,
  packedSize: number,
  offset: number,
): Buffer[] {
  const fields: Buffer[] = [];
  const add = (number: number, bytes: Uint8Array): void => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(number, 0);
    head.writeUInt16LE(bytes.length, 2);
    fields.push(head, Buffer.from(bytes));
  };
  if (member.isZip64) {
    const bytes = Buffer.alloc(24);
    [size, packedSize, offset].forEach((value, at) => {
      bytes.writeBigUInt64LE(BigInt(value), at * 8);
    });
    add(0x0001, bytes);
  }
  if (member.extendedMtime !== undefined) {
    const bytes = Buffer.alloc(5, 1);
    bytes.writeInt32LE(member.extendedMtime, 1);
    add(0x5455, bytes);
  }
  if (member.mtime) {
    const { seconds, nanoseconds } = member.mtime;
    const ticks = BigInt(seconds) * 10_000_000n + BigInt(Math.floor(nanoseconds / 100));
    const bytes = Buffer.alloc(32);
    bytes.writeUInt16LE(1, 4);
    bytes.writeUInt16LE(24, 6);
    bytes.writeBigUInt64LE(ticks + 116_444_736_000_000_000n, 8);
    add(0x000a, bytes);
  }
  if (member.extra) add(...member.extra);
  return fields;
}
