/**
 * The first exchange of a mount: which version both speak and which abilities are used. What is left out matters as
 * much: no writeback unless it was asked for (acknowledged bytes lie in the kernel then and die with us), no locks (the
 * kernel keeps them).
 */
import { FsError } from "../../../src/index.ts";
import { type Message, replyHeaderLength, requestHeaderLength, requireLength } from "./wire.ts";

/** Bits of INIT's flags. */
const initFlags = {
  asyncRead: 1 << 0,
  atomicTruncate: 1 << 3,
  bigWrites: 1 << 5,
  autoInvalidateData: 1 << 12,
  readdirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  writebackCache: 1 << 16,
  noOpenSupport: 1 << 17,
  parallelDirectoryOperations: 1 << 18,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  handleKillPrivilegesV2: 1 << 28,
} as const;

/** What the kernel offers. */
export interface InitRequest {
  readonly major: number;
  readonly minor: number;
  /** Bytes the kernel would read ahead. */
  readonly maxReadahead: number;
  readonly flags: number;
}

/** The version of the protocol this is written for; of an older kernel we use what it has. */
const protocolVersion = { major: 7, minor: 39 } as const;

/** The oldest minor version whose messages have the layouts used here. */
const oldestMinor = 23;

/** The most bytes of one READ or WRITE. */
export const maxTransfer = 1024 * 1024;

const pageSize = 4096;

/** Bytes of a reply to INIT behind its header. */
const initReplyLength = 64;

export function decodeInit(message: Message): InitRequest {
  requireLength(message, requestHeaderLength + 8);
  const { view } = message;
  const major = view.getUint32(requestHeaderLength, true);
  const minor = view.getUint32(requestHeaderLength + 4, true);
  const whole = message.length >= requestHeaderLength + 16;
  return {
    major,
    minor,
    maxReadahead: whole ? view.getUint32(requestHeaderLength + 8, true) : 0,
    flags: whole ? view.getUint32(requestHeaderLength + 12, true) : 0,
  };
}

/** What the conversation shall be like. */
export interface InitChoices {
  /** File data may change behind the kernel's back, so that it must look at mtimes again. */
  readonly dataMayChange: boolean;
  /** OPEN will be answered with ENOSYS. */
  readonly noOpen: boolean;
  /** The kernel shall gather what is written, and then is the one who knows sizes and times of files. */
  readonly writeback: boolean;
}

/** The flags we ask for, of those the kernel offers. */
function negotiateFlags(
  offered: number,
  { dataMayChange, noOpen, writeback }: InitChoices,
): number {
  let wanted =
    initFlags.asyncRead |
    // Without opens nobody would hear of the truncation that comes with one.
    (noOpen ? 0 : initFlags.atomicTruncate) |
    initFlags.bigWrites |
    initFlags.readdirplus |
    initFlags.readdirplusAuto |
    initFlags.parallelDirectoryOperations |
    initFlags.maxPages |
    initFlags.cacheSymlinks |
    initFlags.handleKillPrivilegesV2;
  if (dataMayChange) wanted |= initFlags.autoInvalidateData;
  if (writeback) wanted |= initFlags.writebackCache;
  return wanted & offered;
}

/**
 * Writes the reply to INIT and returns the length of its body.
 * @throws EPROTO the kernel speaks a protocol older than what is written here, or cannot do what was chosen
 */
export function encodeInit(reply: Message, request: InitRequest, choices: InitChoices): number {
  const { view, bytes } = reply;
  const { major, minor } = protocolVersion;
  const at = replyHeaderLength;
  bytes.fill(0, at, at + initReplyLength);
  view.setUint32(at, major, true);
  if (request.major > major) {
    // The kernel asks again with our major version.
    view.setUint32(at + 4, minor, true);
    return initReplyLength;
  }
  if (request.major < major || request.minor < oldestMinor) {
    const spoken = `${request.major}.${request.minor}`;
    throw new FsError("EPROTO", { reason: `the kernel speaks FUSE ${spoken}, 7.23 is needed` });
  }
  if (choices.noOpen && (request.flags & initFlags.noOpenSupport) === 0) {
    throw new FsError("EPROTO", {
      reason: "this kernel cannot open files alone; mount without noopen",
    });
  }
  if (choices.writeback && (request.flags & initFlags.writebackCache) === 0) {
    throw new FsError("EPROTO", {
      reason: "this kernel cannot gather what is written; mount without writeback",
    });
  }
  const flags = negotiateFlags(request.flags, choices);
  view.setUint32(at + 4, Math.min(minor, request.minor), true);
  view.setUint32(at + 8, Math.max(request.maxReadahead, maxTransfer), true);
  view.setUint32(at + 12, flags, true);
  view.setUint16(at + 16, 64, true); // requests in the background
  view.setUint16(at + 18, 48, true); // of these, when to call it congested
  view.setUint32(at + 20, maxTransfer, true);
  view.setUint32(at + 24, 1, true); // granularity of times in ns
  view.setUint16(at + 28, maxTransfer / pageSize, true);
  return initReplyLength;
}
