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

const decoders: readonly (Decoder | undefined)[] = decodersByOpcode({
  lookup: (message) => ({ kind: "lookup", ...decodeName(message) }),
  forget: (message, header) => ({ kind: "forget", nodes: decodeForget(message, header.nodeid) }),
  getattr: (message) => ({ kind: "getattr", ...decodeGetattr(message) }),
  setattr: (message) => ({ kind: "setattr", ...decodeSetattr(message) }),
  readlink: () => ({ kind: "readlink" }),
  symlink: (message) => ({ kind: "symlink", ...decodeSymlink(message) }),
  mknod: (message) => ({ kind: "mknod", ...decodeMknod(message) }),
  mkdir: (message) => ({ kind: "mkdir", ...decodeMkdir(message) }),
  unlink: (message) => ({ kind: "unlink", ...decodeName(message) }),
  rmdir: (message) => ({ kind: "rmdir", ...decodeName(message) }),
  rename: (message) => ({ kind: "rename", ...decodeRename(message, false) }),
  link: (message) => ({ kind: "link", ...decodeLink(message) }),
  open: (message) => ({ kind: "open", ...decodeOpen(message) }),
  read: (message) => ({ kind: "read", ...decodeRead(message) }),
  write: (message) => ({ kind: "write", ...decodeWrite(message) }),
  statfs: () => ({ kind: "statfs" }),
  release: (message) => ({ kind: "release", ...decodeHandle(message) }),
  fsync: (message) => ({ kind: "fsync", ...decodeHandle(message) }),
  setxattr: (message) => ({ kind: "setxattr", ...decodeSetxattr(message) }),
  getxattr: (message) => ({ kind: "getxattr", ...decodeGetxattr(message) }),
  listxattr: (message) => ({ kind: "listxattr", ...decodeListxattr(message) }),
  removexattr: (message) => ({ kind: "removexattr", ...decodeName(message) }),
  flush: (message) => ({ kind: "flush", ...decodeHandle(message) }),
  init: (message) => ({ kind: "init", ...decodeInit(message) }),
  opendir: (message) => ({ kind: "opendir", ...decodeOpen(message) }),
  readdir: (message) => ({ kind: "readdir", ...decodeRead(message) }),
  releasedir: (message) => ({ kind: "releasedir", ...decodeHandle(message) }),
  fsyncdir: (message) => ({ kind: "fsyncdir", ...decodeHandle(message) }),
  create: (message) => ({ kind: "create", ...decodeCreate(message) }),
  interrupt: (message) => {
    requireLength(message, requestHeaderLength + 8);
    return { kind: "interrupt", of: readUint64(message.view, requestHeaderLength) };
  },
  destroy: () => ({ kind: "destroy" }),
  notifyReply: () => ({ kind: "notifyReply" }),
  batchForget: (message) => ({ kind: "forget", nodes: decodeBatchForget(message) }),
  fallocate: (message) => ({ kind: "fallocate", ...decodeFallocate(message) }),
  readdirplus: (message) => ({ kind: "readdirplus", ...decodeRead(message) }),
  rename2: (message) => ({ kind: "rename", ...decodeRename(message, true) }),
  lseek: (message) => ({ kind: "lseek", ...decodeLseek(message) }),
  copyFileRange: (message) => ({ kind: "copy", ...decodeCopy(message) }),
  syncfs: () => ({ kind: "syncfs" }),
  tmpfile: (message) => ({ kind: "tmpfile", ...decodeCreate(message) }),
  statx: (message) => ({ kind: "statx", ...decodeGetattr(message) }),
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
