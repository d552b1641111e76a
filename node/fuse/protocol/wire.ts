/**
 * The ground of FUSE's wire format (include/uapi/linux/fuse.h, little endian): opcodes, the two headers, numbers, times
 * and names. Messages lie in buffers that are used again, so everything here works at offsets and allocates little.
 * 64-bit numbers are JavaScript numbers; what does not fit one exactly is refused, not rounded.
 */
import { isUtf8 } from "node:buffer";
import { FsError, type Time } from "../../../src/index.ts";

/** What the kernel asks for, by the number in the request's header. */
export const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  destroy: 38,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
} as const;

/** Bytes of the header before every request. */
export const requestHeaderLength = 40;

/** Bytes of the header before every reply and notification. */
export const replyHeaderLength = 16;

/** A buffer with the two ways to look at it. `length` is how much of it a received message fills. */
export class Message {
  readonly bytes: Buffer;
  readonly view: DataView;
  length: number;

  constructor(bytes: Buffer, length = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = length;
  }

  /** An empty message with room for `capacity` bytes. */
  static withRoom(capacity: number): Message {
    return new Message(Buffer.allocUnsafeSlow(capacity), 0);
  }
}

/** Who asks what of which node. */
export interface RequestHeader {
  readonly opcode: number;
  /** Goes back in the reply. */
  readonly unique: number;
  /** The inode's number in this mount's conversation with the kernel, not its st_ino. */
  readonly nodeid: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/**
 * Reads the header of a request.
 * @throws EPROTO the message is shorter than a header, or says another length than it has
 */
export function decodeHeader(message: Message): RequestHeader {
  const { view, length } = message;
  if (length < requestHeaderLength || view.getUint32(0, true) !== length) {
    throw new FsError("EPROTO", { reason: "the request is cut off" });
  }
  return {
    opcode: view.getUint32(4, true),
    unique: readUint64(view, 8),
    nodeid: readUint64(view, 16),
    uid: view.getUint32(24, true),
    gid: view.getUint32(28, true),
    pid: view.getUint32(32, true),
  };
}

/** Writes a reply's header; `error` is 0 or a negative errno. Returns the length of the whole message. */
export function encodeReplyHeader(
  view: DataView,
  unique: number,
  error: number,
  bodyLength: number,
): number {
  const length = replyHeaderLength + bodyLength;
  view.setUint32(0, length, true);
  view.setInt32(4, error, true);
  writeUint64(view, 8, unique);
  return length;
}

/** Demands that `message` is at least `end` bytes long. */
export function requireLength(message: Message, end: number): void {
  if (message.length < end) throw new FsError("EINVAL", { reason: "the request is cut off" });
}

/** An unsigned 64-bit number; beyond 2^53 it loses its lowest bits, see `readSize` where that matters. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

/**
 * A size or an offset in bytes.
 * @throws EFBIG no JavaScript number can hold it exactly
 */
export function readSize(view: DataView, at: number): number {
  const size = readUint64(view, at);
  if (size > Number.MAX_SAFE_INTEGER) throw new FsError("EFBIG");
  return size;
}

/** Writes a 64-bit number, in two's complement where it is negative. */
export function writeUint64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  view.setUint32(at, value - high * 0x1_0000_0000, true);
  view.setInt32(at + 4, high | 0, true);
}

/** A time whose seconds and nanoseconds stand at two places, as FUSE has them. */
export function readTime(view: DataView, secondsAt: number, nanosecondsAt: number): Time {
  return {
    seconds: view.getInt32(secondsAt + 4, true) * 0x1_0000_0000 + view.getUint32(secondsAt, true),
    nanoseconds: view.getUint32(nanosecondsAt, true),
  };
}

/**
 * The NUL-terminated name that begins at `at`. What follows it begins at `endOfName`.
 * @throws EINVAL there is no NUL, or nothing before it
 * @throws EILSEQ it is no valid UTF-8
 */
export function readName(message: Message, at: number): string {
  const end = endOfName(message, at) - 1;
  if (end === at) throw new FsError("EINVAL", { reason: "the name is empty" });
  return decodeText(message.bytes, at, end);
}

/** The offset behind the NUL of the name that begins at `at`. */
export function endOfName(message: Message, at: number): number {
  const nul = message.bytes.indexOf(0, at);
  if (nul < 0 || nul >= message.length) {
    throw new FsError("EINVAL", { reason: "a name in the request has no end" });
  }
  return nul + 1;
}

function decodeText(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("utf8", from, to);
  // The replacement character stands for what was invalid, unless it was there itself.
  if (text.includes("\ufffd") && !isUtf8(bytes.subarray(from, to))) {
    throw new FsError("EILSEQ", { reason: "names here are UTF-8" });
  }
  return text;
}
