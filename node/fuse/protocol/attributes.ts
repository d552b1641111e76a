/**
 * Attributes on the wire: the replies that carry them (entry, attr, statx) and the requests that ask for or change them.
 * Validity is in seconds: so long may the kernel answer by itself.
 */
import type { AttributeChanges, Stat } from "../../../src/index.ts";
import {
  type Message,
  readSize,
  readTime,
  readUint64,
  replyHeaderLength,
  requestHeaderLength,
  requireLength,
  writeUint64,
} from "./wire.ts";

/** A name found: the node it means, and how long the kernel may believe the name and the attributes. */
export interface EntryReply {
  /** 0 says that there is no such name, for as long as `entryValid`. */
  readonly nodeid: number;
  readonly entryValid: number;
  readonly attrValid: number;
  readonly stat: Stat | undefined;
}

/** GETATTR or STATX: attributes of the header's node, perhaps through an open file. */
export interface GetattrRequest {
  readonly fh: number | undefined;
}

/** SETATTR: what of the header's node to change, perhaps through an open file. */
export interface SetattrRequest {
  readonly fh: number | undefined;
  readonly changes: AttributeChanges;
  /** The file is truncated by somebody who may not keep setuid and setgid bits. */
  readonly dropsPrivileges: boolean;
}

/** Bytes of the attributes inside of entry and attr replies. */
const attrLength = 88;
/** Bytes of an entry reply. */
export const entryLength = 40 + attrLength;

const blockSize = 4096;

/** Bits of SETATTR's `valid`. */
const valid = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  fh: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  ctime: 1 << 10,
  killPrivileges: 1 << 11,
} as const;

const getattrByHandle = 1;

export function decodeGetattr(message: Message): GetattrRequest {
  requireLength(message, requestHeaderLength + 16);
  const flags = message.view.getUint32(requestHeaderLength, true);
  const byHandle = (flags & getattrByHandle) !== 0;
  return { fh: byHandle ? readUint64(message.view, requestHeaderLength + 8) : undefined };
}

export function decodeSetattr(message: Message): SetattrRequest {
  requireLength(message, requestHeaderLength + 88);
  const { view } = message;
  const at = requestHeaderLength;
  const given = view.getUint32(at, true);
  const changes: { -readonly [field in keyof AttributeChanges]: AttributeChanges[field] } = {};
  if (given & valid.mode) changes.mode = view.getUint32(at + 68, true) & 0o7777;
  if (given & valid.uid) changes.uid = view.getUint32(at + 76, true);
  if (given & valid.gid) changes.gid = view.getUint32(at + 80, true);
  if (given & valid.size) changes.size = readSize(view, at + 16);
  if (given & valid.atime) {
    changes.atime = given & valid.atimeNow ? "now" : readTime(view, at + 32, at + 56);
  }
  if (given & valid.mtime) {
    changes.mtime = given & valid.mtimeNow ? "now" : readTime(view, at + 40, at + 60);
  }
  if (given & valid.ctime) changes.ctime = readTime(view, at + 48, at + 64);
  return {
    fh: given & valid.fh ? readUint64(view, at + 8) : undefined,
    dropsPrivileges: (given & valid.killPrivileges) !== 0,
    changes,
  };
}

/** Writes an entry reply at `at` and returns its length. */
export function encodeEntry(view: DataView, at: number, entry: EntryReply): number {
  writeUint64(view, at, entry.nodeid);
  writeUint64(view, at + 8, 0); // generation: nodeids are never used again
  writeUint64(view, at + 16, Math.floor(entry.entryValid));
  writeUint64(view, at + 24, Math.floor(entry.attrValid));
  view.setUint32(at + 32, nanosecondsOf(entry.entryValid), true);
  view.setUint32(at + 36, nanosecondsOf(entry.attrValid), true);
  if (entry.stat) encodeStat(view, at + 40, entry.stat);
  else new Uint8Array(view.buffer, view.byteOffset + at + 40, attrLength).fill(0);
  return entryLength;
}

/** Writes the reply to GETATTR and SETATTR and returns the length of its body. */
export function encodeAttributes(reply: Message, stat: Stat, attrValid: number): number {
  const { view } = reply;
  writeUint64(view, replyHeaderLength, Math.floor(attrValid));
  view.setUint32(replyHeaderLength + 8, nanosecondsOf(attrValid), true);
  view.setUint32(replyHeaderLength + 12, 0, true);
  encodeStat(view, replyHeaderLength + 16, stat);
  return 16 + attrLength;
}

/** Writes the reply to STATX, which tells btime too, and returns the length of its body. */
export function encodeStatx(reply: Message, stat: Stat, attrValid: number): number {
  const length = 288;
  reply.bytes.fill(0, replyHeaderLength, replyHeaderLength + length);
  const { view } = reply;
  writeUint64(view, replyHeaderLength, Math.floor(attrValid));
  view.setUint32(replyHeaderLength + 8, nanosecondsOf(attrValid), true);
  const at = replyHeaderLength + 32;
  view.setUint32(at, 0xfff, true); // all basic attributes, and btime
  view.setUint32(at + 4, blockSize, true);
  view.setUint32(at + 16, stat.nlink, true);
  view.setUint32(at + 20, stat.uid, true);
  view.setUint32(at + 24, stat.gid, true);
  view.setUint16(at + 28, stat.mode, true);
  writeUint64(view, at + 32, stat.ino);
  writeUint64(view, at + 40, stat.size);
  writeUint64(view, at + 48, stat.blocks);
  const times = [stat.atime, stat.btime, stat.ctime, stat.mtime];
  times.forEach((time, index) => {
    writeUint64(view, at + 64 + index * 16, time.seconds);
    view.setUint32(at + 72 + index * 16, time.nanoseconds, true);
  });
  view.setUint32(at + 128, (stat.rdev >>> 8) & 0xfff, true);
  view.setUint32(at + 132, (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00), true);
  return length;
}

function encodeStat(view: DataView, at: number, stat: Stat): void {
  writeUint64(view, at, stat.ino);
  writeUint64(view, at + 8, stat.size);
  writeUint64(view, at + 16, stat.blocks);
  writeUint64(view, at + 24, stat.atime.seconds);
  writeUint64(view, at + 32, stat.mtime.seconds);
  writeUint64(view, at + 40, stat.ctime.seconds);
  view.setUint32(at + 48, stat.atime.nanoseconds, true);
  view.setUint32(at + 52, stat.mtime.nanoseconds, true);
  view.setUint32(at + 56, stat.ctime.nanoseconds, true);
  view.setUint32(at + 60, stat.mode, true);
  view.setUint32(at + 64, stat.nlink, true);
  view.setUint32(at + 68, stat.uid, true);
  view.setUint32(at + 72, stat.gid, true);
  view.setUint32(at + 76, stat.rdev, true);
  view.setUint32(at + 80, blockSize, true);
  view.setUint32(at + 84, 0, true);
}

function nanosecondsOf(seconds: number): number {
  return Math.round((seconds - Math.floor(seconds)) * 1e9);
}
