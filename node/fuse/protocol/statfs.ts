/** The reply to STATFS. */
import { type Message, replyHeaderLength, writeUint64 } from "./wire.ts";

const blockSize = 4096;
const bodyLength = 80;

/** Writes how large the storage is and how much is free, in bytes, and returns the length of the reply's body. */
export function encodeStatfs(
  reply: Message,
  space: { readonly total: number; readonly free: number },
): number {
  const at = replyHeaderLength;
  reply.bytes.fill(0, at, at + bodyLength);
  const free = Math.floor(space.free / blockSize);
  writeUint64(reply.view, at, Math.floor(space.total / blockSize));
  writeUint64(reply.view, at + 8, free);
  writeUint64(reply.view, at + 16, free);
  reply.view.setUint32(at + 40, blockSize, true);
  reply.view.setUint32(at + 44, 255, true); // bytes of a name
  reply.view.setUint32(at + 48, blockSize, true);
  return bodyLength;
}
