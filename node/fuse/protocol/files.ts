/** Requests on open files and their replies. The data of a WRITE is a view of the request, not a copy. */
import { constants } from "node:fs";
import { type AllocationMode, FsError, type OpenFlags } from "../../../src/index.ts";
import {
  type Message,
  readName,
  readSize,
  readUint64,
  replyHeaderLength,
  requestHeaderLength,
  requireLength,
  writeUint64,
} from "./wire.ts";

/** OPEN, and the flags of CREATE. */
export interface OpenRequest {
  readonly flags: OpenFlags;
  /** O_EXCL */
  readonly exclusive: boolean;
  /** The file is truncated by somebody who may not keep setuid and setgid bits. */
  readonly dropsPrivileges: boolean;
  /**
   * It looks like the open(2) of `sync -f`: SYNCFS itself does not arrive on mounts of this kind, and nobody else opens
   * a directory without O_DIRECTORY, or a file O_NONBLOCK, only to read.
   */
  readonly forSync: boolean;
}

/** CREATE, and TMPFILE, whose name means nothing. */
export interface CreateRequest extends OpenRequest {
  readonly name: string;
  /** Permission bits; the caller's umask is applied already. */
  readonly mode: number;
}

/** READ, READDIR and READDIRPLUS: at most `size` bytes from `offset` (of a directory: the cookie) on. */
export interface ReadRequest {
  readonly fh: number;
  readonly offset: number;
  readonly size: number;
}

export interface WriteRequest {
  readonly fh: number;
  readonly offset: number;
  /** Lies in the request's buffer. */
  readonly data: Buffer;
  /** The writer may not keep setuid and setgid bits. */
  readonly dropsPrivileges: boolean;
}

/** FLUSH, RELEASE, RELEASEDIR, FSYNC, FSYNCDIR. */
export interface HandleRequest {
  readonly fh: number;
}

export interface FallocateRequest {
  readonly fh: number;
  readonly offset: number;
  readonly length: number;
  readonly mode: AllocationMode;
}

export interface CopyRequest {
  readonly fh: number;
  readonly offset: number;
  readonly toNodeid: number;
  readonly toFh: number;
  readonly toOffset: number;
  /** At most what a reply can tell. */
  readonly length: number;
}

export interface LseekRequest {
  readonly fh: number;
  readonly offset: number;
  readonly whence: "data" | "hole";
}

/** How the kernel shall treat an open file. */
export const openReplyFlags = {
  /** Keep the cached data of earlier opens. */
  keepCache: 1 << 1,
  /** Send no FLUSH when it is closed. */
  noFlush: 1 << 5,
} as const;

const accessMode = 3;
const writeOnly = 1;
// Their values differ between processors.
const { O_EXCL: exclusive, O_TRUNC: truncate, O_NONBLOCK: nonBlocking } = constants;
const { O_DIRECTORY: directory } = constants;

const openKillsPrivileges = 1;
const writeKillsPrivileges = 4;
/** Modes of fallocate(2); there are more, which move what follows the range. */
const fallocateKeepSize = 0x01;
const fallocatePunchHole = 0x02;
const fallocateZeroRange = 0x10;
const fallocateKnown = fallocateKeepSize | fallocatePunchHole | fallocateZeroRange;
const seekData = 3;
const seekHole = 4;

/**
 * The meaning of open(2)'s flags. O_APPEND is not among it: the kernel, which alone knows of every writer, gives each
 * WRITE its offset, and pages that were written through a shared mapping come with theirs on any handle.
 */
export function openFlagsOf(flags: number): OpenFlags {
  const access = flags & accessMode;
  return {
    read: access !== writeOnly,
    write: access !== 0,
    truncate: (flags & truncate) !== 0,
  };
}

export function decodeOpen(message: Message, openFlagsAt = requestHeaderLength + 4): OpenRequest {
  requireLength(message, requestHeaderLength + 8);
  const flags = message.view.getUint32(requestHeaderLength, true);
  return {
    flags: openFlagsOf(flags),
    exclusive: (flags & exclusive) !== 0,
    dropsPrivileges: (message.view.getUint32(openFlagsAt, true) & openKillsPrivileges) !== 0,
    forSync: (flags & (accessMode | truncate | nonBlocking | directory)) === nonBlocking,
  };
}

export function decodeCreate(message: Message): CreateRequest {
  requireLength(message, requestHeaderLength + 16);
  const { flags, exclusive, dropsPrivileges, forSync } = decodeOpen(
    message,
    requestHeaderLength + 12,
  );
  return {
    flags,
    exclusive,
    dropsPrivileges,
    forSync,
    mode: message.view.getUint32(requestHeaderLength + 4, true) & 0o7777,
    name: readName(message, requestHeaderLength + 16),
  };
}

export function decodeRead(message: Message): ReadRequest {
  requireLength(message, requestHeaderLength + 40);
  const { view } = message;
  return {
    fh: readUint64(view, requestHeaderLength),
    offset: readSize(view, requestHeaderLength + 8),
    size: view.getUint32(requestHeaderLength + 16, true),
  };
}

export function decodeWrite(message: Message): WriteRequest {
  const dataAt = requestHeaderLength + 40;
  requireLength(message, dataAt);
  const { view } = message;
  const size = view.getUint32(requestHeaderLength + 16, true);
  requireLength(message, dataAt + size);
  return {
    fh: readUint64(view, requestHeaderLength),
    offset: readSize(view, requestHeaderLength + 8),
    data: message.bytes.subarray(dataAt, dataAt + size),
    dropsPrivileges: (view.getUint32(requestHeaderLength + 20, true) & writeKillsPrivileges) !== 0,
  };
}

export function decodeHandle(message: Message): HandleRequest {
  requireLength(message, requestHeaderLength + 16);
  return { fh: readUint64(message.view, requestHeaderLength) };
}

/** @throws EOPNOTSUPP a mode other than plain and KEEP_SIZE */
export function decodeFallocate(message: Message): FallocateRequest {
  requireLength(message, requestHeaderLength + 32);
  const { view } = message;
  const mode = view.getUint32(requestHeaderLength + 24, true);
  if ((mode & ~fallocateKnown) !== 0) throw new FsError("EOPNOTSUPP", { syscall: "fallocate" });
  return {
    fh: readUint64(view, requestHeaderLength),
    offset: readSize(view, requestHeaderLength + 8),
    length: readSize(view, requestHeaderLength + 16),
    mode: {
      keepSize: (mode & fallocateKeepSize) !== 0,
      punchHole: (mode & fallocatePunchHole) !== 0,
      zeroRange: (mode & fallocateZeroRange) !== 0,
    },
  };
}

/** The largest count of a reply with 32 bits, in whole pages. */
const mostCopied = 0xffff_f000;

export function decodeCopy(message: Message): CopyRequest {
  requireLength(message, requestHeaderLength + 56);
  const { view } = message;
  return {
    fh: readUint64(view, requestHeaderLength),
    offset: readSize(view, requestHeaderLength + 8),
    toNodeid: readUint64(view, requestHeaderLength + 16),
    toFh: readUint64(view, requestHeaderLength + 24),
    toOffset: readSize(view, requestHeaderLength + 32),
    length: Math.min(mostCopied, readSize(view, requestHeaderLength + 40)),
  };
}

/** @throws EINVAL a whence other than SEEK_DATA and SEEK_HOLE, which the kernel answers by itself */
export function decodeLseek(message: Message): LseekRequest {
  requireLength(message, requestHeaderLength + 24);
  const { view } = message;
  const whence = view.getUint32(requestHeaderLength + 16, true);
  if (whence !== seekData && whence !== seekHole) throw new FsError("EINVAL", { syscall: "lseek" });
  return {
    fh: readUint64(view, requestHeaderLength),
    offset: readSize(view, requestHeaderLength + 8),
    whence: whence === seekData ? "data" : "hole",
  };
}

/** Writes what OPEN, OPENDIR and CREATE reply of the open file, at `at`, and returns its length. */
export function encodeOpen(view: DataView, at: number, fh: number, flags: number): number {
  writeUint64(view, at, fh);
  view.setUint32(at + 8, flags, true);
  view.setUint32(at + 12, 0, true);
  return 16;
}

/** Writes how many bytes a WRITE took and returns the length of the reply's body. */
export function encodeWritten(reply: Message, written: number): number {
  reply.view.setUint32(replyHeaderLength, written, true);
  reply.view.setUint32(replyHeaderLength + 4, 0, true);
  return 8;
}

/** Writes where an LSEEK ended and returns the length of the reply's body. */
export function encodeOffset(reply: Message, offset: number): number {
  writeUint64(reply.view, replyHeaderLength, offset);
  return 8;
}
