/**
 * Messages to the kernel that nobody asked for. Where the kernel has to drop something it takes a lock that a request
 * still unanswered may hold: so they are written asynchronously, one at a time, never from the loop that answers.
 */
import { replyHeaderLength, writeUint64 } from "./wire.ts";

const invalidateInode = 2;
const invalidateEntry = 3;

/** Drops the cached attributes of a node, and with `data` its cached data too. */
export function encodeInvalidateInode(nodeid: number, data: boolean): Buffer {
  const [bytes, view] = notification(invalidateInode, 24);
  writeUint64(view, replyHeaderLength, nodeid);
  writeUint64(view, replyHeaderLength + 8, data ? 0 : -1);
  writeUint64(view, replyHeaderLength + 16, 0);
  return bytes;
}

/** Drops what the kernel knows of `name` in the directory `parent`. */
export function encodeInvalidateEntry(parent: number, name: string): Buffer {
  const nameLength = Buffer.byteLength(name);
  const [bytes, view] = notification(invalidateEntry, 16 + nameLength + 1);
  writeUint64(view, replyHeaderLength, parent);
  view.setUint32(replyHeaderLength + 8, nameLength, true);
  view.setUint32(replyHeaderLength + 12, 0, true);
  bytes.write(name, replyHeaderLength + 16, "utf8");
  return bytes;
}

function notification(code: number, bodyLength: number): [Buffer, DataView] {
  const bytes = Buffer.alloc(replyHeaderLength + bodyLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, bytes.length, true);
  view.setInt32(4, code, true);
  return [bytes, view];
}
