/** Requests on extended attributes and their replies. */
import { FsError } from "../../../src/index.ts";
import {
  endOfName,
  type Message,
  readName,
  replyHeaderLength,
  requestHeaderLength,
  requireLength,
} from "./wire.ts";

export interface SetxattrRequest {
  readonly name: string;
  /** A copy: attributes are kept. */
  readonly value: Uint8Array;
  /** Fail if it exists. */
  readonly create: boolean;
  /** Fail unless it exists. */
  readonly replace: boolean;
}

export interface GetxattrRequest {
  readonly name: string;
  /** Room for the value in bytes; 0 asks only how much it needs. */
  readonly size: number;
}

export interface ListxattrRequest {
  /** As in GETXATTR. */
  readonly size: number;
}

export function decodeSetxattr(message: Message): SetxattrRequest {
  const nameAt = requestHeaderLength + 8;
  requireLength(message, nameAt);
  const size = message.view.getUint32(requestHeaderLength, true);
  const flags = message.view.getUint32(requestHeaderLength + 4, true);
  const name = readName(message, nameAt);
  const valueAt = endOfName(message, nameAt);
  requireLength(message, valueAt + size);
  return {
    name,
    value: Uint8Array.prototype.slice.call(message.bytes, valueAt, valueAt + size),
    create: (flags & 1) !== 0,
    replace: (flags & 2) !== 0,
  };
}

export function decodeGetxattr(message: Message): GetxattrRequest {
  requireLength(message, requestHeaderLength + 8);
  return {
    size: message.view.getUint32(requestHeaderLength, true),
    name: readName(message, requestHeaderLength + 8),
  };
}

export function decodeListxattr(message: Message): ListxattrRequest {
  requireLength(message, requestHeaderLength + 8);
  return { size: message.view.getUint32(requestHeaderLength, true) };
}

/**
 * Writes a value, or its length where no room was offered, and returns the length of the reply's body.
 * @throws ERANGE the room offered is too small
 */
export function encodeXattr(reply: Message, value: Uint8Array, size: number): number {
  if (size === 0) {
    reply.view.setUint32(replyHeaderLength, value.length, true);
    reply.view.setUint32(replyHeaderLength + 4, 0, true);
    return 8;
  }
  if (value.length > size) throw new FsError("ERANGE");
  reply.bytes.set(value, replyHeaderLength);
  return value.length;
}

/** The names of attributes as LISTXATTR gives them, each followed by NUL. */
export function packXattrNames(names: readonly string[]): Uint8Array {
  return Buffer.from(names.map((name) => `${name}\0`).join(""));
}
