/** Requests that look up, make, move and remove names. The header's node is the directory, unless said otherwise. */
import { FsError } from "../../../src/index.ts";
import {
  endOfName,
  type Message,
  readName,
  readUint64,
  requestHeaderLength,
  requireLength,
} from "./wire.ts";

/** LOOKUP, UNLINK, RMDIR. */
export interface NameRequest {
  readonly name: string;
}

export interface MknodRequest {
  readonly name: string;
  /** With the type bits; the caller's umask is applied already. */
  readonly mode: number;
  /** Device number, as the kernel packs it into 32 bits. */
  readonly rdev: number;
}

export interface MkdirRequest {
  readonly name: string;
  readonly mode: number;
}

export interface SymlinkRequest {
  readonly name: string;
  readonly target: string;
}

/** LINK: the header's node is the directory of the new name. */
export interface LinkRequest {
  /** The node that gets another name. */
  readonly nodeid: number;
  readonly name: string;
}

/** RENAME and RENAME2. */
export interface RenameRequest {
  readonly name: string;
  readonly newParent: number;
  readonly newName: string;
  readonly noReplace: boolean;
  readonly exchange: boolean;
}

/** How many of the kernel's references to a node are gone. */
export interface ForgottenNode {
  readonly nodeid: number;
  readonly lookups: number;
}

const renameNoReplace = 1;
const renameExchange = 2;

export function decodeName(message: Message): NameRequest {
  return { name: readName(message, requestHeaderLength) };
}

export function decodeMknod(message: Message): MknodRequest {
  requireLength(message, requestHeaderLength + 16);
  return {
    mode: message.view.getUint32(requestHeaderLength, true),
    rdev: message.view.getUint32(requestHeaderLength + 4, true),
    name: readName(message, requestHeaderLength + 16),
  };
}

export function decodeMkdir(message: Message): MkdirRequest {
  requireLength(message, requestHeaderLength + 8);
  return {
    mode: message.view.getUint32(requestHeaderLength, true) & 0o7777,
    name: readName(message, requestHeaderLength + 8),
  };
}

export function decodeSymlink(message: Message): SymlinkRequest {
  const name = readName(message, requestHeaderLength);
  return { name, target: readName(message, endOfName(message, requestHeaderLength)) };
}

export function decodeLink(message: Message): LinkRequest {
  requireLength(message, requestHeaderLength + 8);
  return {
    nodeid: readUint64(message.view, requestHeaderLength),
    name: readName(message, requestHeaderLength + 8),
  };
}

/** @throws EINVAL a flag is not known here (WHITEOUT), or two exclude each other */
export function decodeRename(message: Message, withFlags: boolean): RenameRequest {
  const namesAt = requestHeaderLength + (withFlags ? 16 : 8);
  requireLength(message, namesAt);
  const flags = withFlags ? message.view.getUint32(requestHeaderLength + 8, true) : 0;
  if (flags > renameExchange) throw new FsError("EINVAL", { syscall: "rename" });
  return {
    newParent: readUint64(message.view, requestHeaderLength),
    name: readName(message, namesAt),
    newName: readName(message, endOfName(message, namesAt)),
    noReplace: flags === renameNoReplace,
    exchange: flags === renameExchange,
  };
}

export function decodeForget(message: Message, nodeid: number): ForgottenNode[] {
  requireLength(message, requestHeaderLength + 8);
  return [{ nodeid, lookups: readUint64(message.view, requestHeaderLength) }];
}

export function decodeBatchForget(message: Message): ForgottenNode[] {
  requireLength(message, requestHeaderLength + 8);
  const count = message.view.getUint32(requestHeaderLength, true);
  requireLength(message, requestHeaderLength + 8 + count * 16);
  const nodes: ForgottenNode[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = requestHeaderLength + 8 + index * 16;
    const nodeid = readUint64(message.view, at);
    nodes.push({ nodeid, lookups: readUint64(message.view, at + 8) });
  }
  return nodes;
}
