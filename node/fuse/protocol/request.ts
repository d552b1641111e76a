/** A request as data: what the kernel asks, told by `kind`. One table from opcode to decoder. */
import { FsError } from "../../../src/index.ts";
import {
  decodeGetattr,
  decodeSetattr,
  type GetattrRequest,
  type SetattrRequest,
} from "./attributes.ts";
import {
  type CopyRequest,
  type CreateRequest,
  decodeCopy,
  decodeCreate,
  decodeFallocate,
  decodeHandle,
  decodeLseek,
  decodeOpen,
  decodeRead,
  decodeWrite,
  type FallocateRequest,
  type HandleRequest,
  type LseekRequest,
  type OpenRequest,
  type ReadRequest,
  type WriteRequest,
} from "./files.ts";
import { decodeInit, type InitRequest } from "./init.ts";
import {
  decodeBatchForget,
  decodeForget,
  decodeLink,
  decodeMkdir,
  decodeMknod,
  decodeName,
  decodeRename,
  decodeSymlink,
  type ForgottenNode,
  type LinkRequest,
  type MkdirRequest,
  type MknodRequest,
  type NameRequest,
  type RenameRequest,
  type SymlinkRequest,
} from "./names.ts";
import {
  type Message,
  opcodes,
  type RequestHeader,
  readName,
  readUint64,
  requestHeaderLength,
  requireLength,
} from "./wire.ts";
import {
  decodeGetxattr,
  decodeListxattr,
  decodeSetxattr,
  type GetxattrRequest,
  type ListxattrRequest,
  type SetxattrRequest,
} from "./xattrs.ts";

/** What a request asks for, without its header. */
export type Request =
  | ({ readonly kind: "init" } & InitRequest)
  | { readonly kind: "forget"; readonly nodes: readonly ForgottenNode[] }
  /** The caller of the request `of` was sent a signal and would like to leave. */
  | { readonly kind: "interrupt"; readonly of: number }
  | { readonly kind: "readlink" | "statfs" | "destroy" | "syncfs" | "notifyReply" }
  | ({ readonly kind: "lookup" | "unlink" | "rmdir" | "removexattr" } & NameRequest)
  | ({ readonly kind: "getattr" | "statx" } & GetattrRequest)
  | ({ readonly kind: "setattr" } & SetattrRequest)
  | ({ readonly kind: "symlink" } & SymlinkRequest)
  | ({ readonly kind: "mknod" } & MknodRequest)
  | ({ readonly kind: "mkdir" } & MkdirRequest)
  | ({ readonly kind: "rename" } & RenameRequest)
  | ({ readonly kind: "link" } & LinkRequest)
  | ({ readonly kind: "open" | "opendir" } & OpenRequest)
  | ({ readonly kind: "create" | "tmpfile" } & CreateRequest)
  | ({ readonly kind: "read" | "readdir" | "readdirplus" } & ReadRequest)
  | ({ readonly kind: "write" } & WriteRequest)
  | ({ readonly kind: "flush" | "fsync" | "fsyncdir" | "release" | "releasedir" } & HandleRequest)
  | ({ readonly kind: "fallocate" } & FallocateRequest)
  | ({ readonly kind: "lseek" } & LseekRequest)
  | ({ readonly kind: "copy" } & CopyRequest)
  | ({ readonly kind: "setxattr" } & SetxattrRequest)
  | ({ readonly kind: "getxattr" } & GetxattrRequest)
  | ({ readonly kind: "listxattr" } & ListxattrRequest);

type Decoder = (message: Message, header: RequestHeader) => Request;

// The spread stands first: V8 clones an object fast only if nothing precedes it. What comes most often is not cloned.
const decoders: readonly (Decoder | undefined)[] = decodersByOpcode({
  lookup: (message) => ({ kind: "lookup", name: readName(message, requestHeaderLength) }),
  forget: (message, header) => ({ kind: "forget", nodes: decodeForget(message, header.nodeid) }),
  getattr: (message) => ({ kind: "getattr", fh: decodeGetattr(message).fh }),
  setattr: (message) => {
    const { fh, dropsPrivileges, changes } = decodeSetattr(message);
    return { kind: "setattr", fh, dropsPrivileges, changes };
  },
  readlink: () => ({ kind: "readlink" }),
  symlink: (message) => ({ ...decodeSymlink(message), kind: "symlink" }),
  mknod: (message) => ({ ...decodeMknod(message), kind: "mknod" }),
  mkdir: (message) => ({ ...decodeMkdir(message), kind: "mkdir" }),
  unlink: (message) => ({ ...decodeName(message), kind: "unlink" }),
  rmdir: (message) => ({ ...decodeName(message), kind: "rmdir" }),
  rename: (message) => ({ ...decodeRename(message, false), kind: "rename" }),
  link: (message) => ({ ...decodeLink(message), kind: "link" }),
  open: (message) => ({ ...decodeOpen(message), kind: "open" }),
  read: (message) => ({ ...decodeRead(message), kind: "read" }),
  write: (message) => {
    const { fh, offset, data, dropsPrivileges } = decodeWrite(message);
    return { kind: "write", fh, offset, data, dropsPrivileges };
  },
  statfs: () => ({ kind: "statfs" }),
  release: (message) => ({ kind: "release", fh: decodeHandle(message).fh }),
  fsync: (message) => ({ ...decodeHandle(message), kind: "fsync" }),
  setxattr: (message) => ({ ...decodeSetxattr(message), kind: "setxattr" }),
  getxattr: (message) => {
    const { size, name } = decodeGetxattr(message);
    return { kind: "getxattr", size, name };
  },
  listxattr: (message) => ({ ...decodeListxattr(message), kind: "listxattr" }),
  removexattr: (message) => ({ ...decodeName(message), kind: "removexattr" }),
  flush: (message) => ({ kind: "flush", fh: decodeHandle(message).fh }),
  init: (message) => ({ ...decodeInit(message), kind: "init" }),
  opendir: (message) => ({ ...decodeOpen(message), kind: "opendir" }),
  readdir: (message) => ({ ...decodeRead(message), kind: "readdir" }),
  releasedir: (message) => ({ ...decodeHandle(message), kind: "releasedir" }),
  fsyncdir: (message) => ({ ...decodeHandle(message), kind: "fsyncdir" }),
  create: (message) => {
    const { name, mode, flags, exclusive, dropsPrivileges, forSync } = decodeCreate(message);
    return { kind: "create", name, mode, flags, exclusive, dropsPrivileges, forSync };
  },
  interrupt: (message) => {
    requireLength(message, requestHeaderLength + 8);
    return { kind: "interrupt", of: readUint64(message.view, requestHeaderLength) };
  },
  destroy: () => ({ kind: "destroy" }),
  notifyReply: () => ({ kind: "notifyReply" }),
  batchForget: (message) => ({ kind: "forget", nodes: decodeBatchForget(message) }),
  fallocate: (message) => ({ ...decodeFallocate(message), kind: "fallocate" }),
  readdirplus: (message) => ({ ...decodeRead(message), kind: "readdirplus" }),
  rename2: (message) => ({ ...decodeRename(message, true), kind: "rename" }),
  lseek: (message) => ({ ...decodeLseek(message), kind: "lseek" }),
  copyFileRange: (message) => ({ ...decodeCopy(message), kind: "copy" }),
  syncfs: () => ({ kind: "syncfs" }),
  tmpfile: (message) => ({ ...decodeCreate(message), kind: "tmpfile" }),
  statx: (message) => ({ ...decodeGetattr(message), kind: "statx" }),
});

function decodersByOpcode(table: Record<keyof typeof opcodes, Decoder>) {
  const byOpcode: (Decoder | undefined)[] = [];
  for (const [word, decoder] of Object.entries(table)) {
    byOpcode[opcodes[word as keyof typeof opcodes]] = decoder;
  }
  return byOpcode;
}

/**
 * Reads what is asked behind `header`.
 * @throws ENOSYS nothing we do (ACCESS, locks, …): the kernel does it by itself from then on
 * @throws EINVAL the message is cut off or senseless
 * @throws EILSEQ a name is no valid UTF-8
 */
export function decodeRequest(message: Message, header: RequestHeader): Request {
  const decode = decoders[header.opcode];
  if (!decode) throw new FsError("ENOSYS");
  return decode(message, header);
}

/** Whether the kernel expects no reply to requests of this opcode. */
export function isUnanswered(opcode: number): boolean {
  return (
    opcode === opcodes.forget ||
    opcode === opcodes.batchForget ||
    opcode === opcodes.interrupt ||
    opcode === opcodes.notifyReply
  );
}
