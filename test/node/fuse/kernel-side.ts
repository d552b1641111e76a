/**
 * The kernel's side of the conversation, for tests: requests are put together byte by byte as fuse.h lays them out, by
 * other code than the one under test, and replies are taken apart.
 */
import { Message } from "../../../node/fuse/protocol/wire.ts";

/** Builds the body of a request. */
export class Bytes {
  readonly #parts: Buffer[] = [];

  u32(...values: readonly number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(4);
      part.writeUInt32LE(value >>> 0);
      this.#parts.push(part);
    }
    return this;
  }

  u64(...values: readonly (number | bigint)[]): this {
    for (const value of values) {
      const part = Buffer.alloc(8);
      part.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
      this.#parts.push(part);
    }
    return this;
  }

  name(text: string | Uint8Array): this {
    this.#parts.push(Buffer.from(text), Buffer.from([0]));
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  get buffer(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export interface RequestFields {
  readonly opcode: number;
  readonly unique?: number;
  readonly nodeid?: number;
  readonly body?: Bytes;
}

/** A whole request, in a buffer that is larger than it, as the loop's is. */
export function requestOf({ opcode, unique = 2, nodeid = 1, body }: RequestFields): Message {
  const rest = body?.buffer ?? Buffer.alloc(0);
  const header = new Bytes()
    .u32(40 + rest.length, opcode)
    .u64(unique, nodeid)
    .u32(1000, 1001, 4242, 0).buffer;
  const length = header.length + rest.length;
  return new Message(Buffer.concat([header, rest, Buffer.alloc(64, 0xee)]), length);
}

/** A reply as the kernel sees it. */
export interface Reply {
  readonly unique: number;
  /** 0 or a negative errno. */
  readonly error: number;
  readonly body: Buffer;
}

/** Takes the first `length` bytes of a reply apart; throws where the kernel would say EINVAL. */
export function replyOf(message: Message, length: number): Reply {
  const bytes = Buffer.from(message.bytes.subarray(0, length));
  if (bytes.readUInt32LE(0) !== length) throw new Error("the reply's length is wrong");
  const error = bytes.readInt32LE(4);
  if (error > 0 || error <= -512) throw new Error(`no errno: ${error}`);
  if (error !== 0 && length !== 16) throw new Error("an error has no body");
  return { unique: Number(bytes.readBigUInt64LE(8)), error, body: bytes.subarray(16) };
}

/** What an entry reply says, at `at`. */
export function entryIn(body: Buffer, at = 0) {
  return {
    nodeid: Number(body.readBigUInt64LE(at)),
    entryValid: Number(body.readBigUInt64LE(at + 16)),
    attrValid: Number(body.readBigUInt64LE(at + 24)),
    ...attributesIn(body, at + 40),
  };
}

/** What `struct fuse_attr` says, at `at`. */
export function attributesIn(body: Buffer, at: number) {
  return {
    ino: Number(body.readBigUInt64LE(at)),
    size: Number(body.readBigUInt64LE(at + 8)),
    blocks: Number(body.readBigUInt64LE(at + 16)),
    mtime: [Number(body.readBigInt64LE(at + 32)), body.readUInt32LE(at + 52)],
    mode: body.readUInt32LE(at + 60),
    nlink: body.readUInt32LE(at + 64),
    uid: body.readUInt32LE(at + 68),
    gid: body.readUInt32LE(at + 72),
  };
}

/** The entries in the reply to READDIR, or with `plus` to READDIRPLUS. */
export function direntsIn(body: Buffer, plus: boolean) {
  const entries: { name: string; ino: number; next: number; type: number; nodeid: number }[] = [];
  for (let at = 0; at < body.length; ) {
    const dirent = plus ? at + 128 : at;
    const nameLength = body.readUInt32LE(dirent + 16);
    entries.push({
      name: body.toString("utf8", dirent + 24, dirent + 24 + nameLength),
      ino: Number(body.readBigUInt64LE(dirent)),
      next: Number(body.readBigUInt64LE(dirent + 8)),
      type: body.readUInt32LE(dirent + 20),
      nodeid: plus ? Number(body.readBigUInt64LE(at)) : 0,
    });
    at = Math.ceil((dirent + 24 + nameLength) / 8) * 8;
  }
  return entries;
}
