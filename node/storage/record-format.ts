/**
 * How records lie in LMDB: one ordered map from bytes to bytes. A key begins with a letter for the kind of record;
 * numbers in keys have eight bytes, the highest first, so that LMDB's order is theirs. Values are JSON in UTF-8,
 * except the bytes of small contents. FORMAT.md states the rules.
 */
import { createHash } from "node:crypto";
import { FsError, type NodeRecord, type Time } from "../../src/index.ts";

/** The letter each kind of record's keys begin with. */
const kinds = {
  /** Says that this is a storage of ours. */
  marker: "M",
  superblock: "S",
  ownership: "O",
  node: "n",
  name: "d",
  alias: "a",
  orphan: "o",
  content: "c",
} as const;

/** A kind of record. */
export type RecordKind = keyof typeof kinds;

/** The key of the only record of its kind. */
export function soleKey(kind: "marker" | "superblock" | "ownership"): Buffer {
  return Buffer.from(kinds[kind]);
}

/** The key of the record of `kind` numbered `number`: an inode or a content id. */
export function numberKey(kind: "node" | "orphan" | "content", number: number): Buffer {
  const key = Buffer.alloc(9);
  key.write(kinds[kind], 0, "latin1");
  putNumber(key, number);
  return key;
}

/** The key of the record of `name` in the directory `parent`. */
export function nameKey(parent: number, name: string): Buffer {
  const key = Buffer.alloc(9 + Buffer.byteLength(name));
  key.write(kinds.name, 0, "latin1");
  putNumber(key, parent);
  key.write(name, 9);
  return key;
}

/** The key of an alias: of the identity's SHA-256, since an identity may be longer than a key of LMDB. */
export function aliasKey(identity: string): Buffer {
  return Buffer.concat([Buffer.from(kinds.alias), createHash("sha256").update(identity).digest()]);
}

/** The number in a key of `numberKey`, or the parent in one of `nameKey`. */
export function numberOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 2 ** 32 + view.getUint32(5);
}

/** The name in a key of `nameKey`. */
export function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset + 9, key.byteLength - 9).toString();
}

/** The keys of all records of a kind: from `start` on, and before `end`. */
export function rangeOf(kind: RecordKind): { start: Buffer; end: Buffer } {
  const start = Buffer.from(kinds[kind]);
  return { start, end: Buffer.from([(start[0] as number) + 1]) };
}

/** The keys of all names of the directory `parent`: from `start` on, and before `end`. */
export function namesOf(parent: number): { start: Buffer; end: Buffer } {
  return { start: nameKey(parent, ""), end: nameKey(parent + 1, "") };
}

/** The bytes of a record that is plain data. */
export function encode(record: unknown): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/**
 * The record in `bytes`. `what` names it in the message.
 * @throws EIO they are no JSON: the storage is damaged
 */
export function decode<T>(bytes: Buffer, what: string): T {
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (cause) {
    throw new FsError("EIO", {
      syscall: "read",
      reason: `the record of ${what} is damaged`,
      cause,
    });
  }
}

/** A node record as it is stored: times as pairs, the values of xattrs in base64. */
type StoredNode = Omit<NodeRecord, "xattrs" | (typeof times)[number]> & {
  readonly [time in (typeof times)[number]]?: readonly [seconds: number, nanoseconds: number];
} & { readonly xattrs?: readonly (readonly [name: string, base64: string | null])[] };

const times = ["atime", "mtime", "ctime", "btime"] as const;

/**
 * The bytes of a node record. Put together by hand: of a commit of many small files it was the largest part of our own,
 * and `JSON.stringify` of copies is several times slower.
 */
export function encodeNode(node: NodeRecord): Buffer {
  const { ino, type, identity, origin, signature, mode, uid, gid, nlink, rdev } = node;
  let json = `{"ino":${ino},"type":"${type}"`;
  if (identity !== undefined) json += `,"identity":${JSON.stringify(identity)}`;
  if (origin !== undefined) json += `,"origin":${JSON.stringify(origin)}`;
  if (signature !== undefined) json += `,"signature":${JSON.stringify(signature)}`;
  if (mode !== undefined) json += `,"mode":${mode}`;
  if (uid !== undefined) json += `,"uid":${uid}`;
  if (gid !== undefined) json += `,"gid":${gid}`;
  json += `,"nlink":${nlink}`;
  if (rdev !== undefined) json += `,"rdev":${rdev}`;
  json += timeField("atime", node.atime) + timeField("mtime", node.mtime);
  json += timeField("ctime", node.ctime) + timeField("btime", node.btime);
  const { target, xattrs, content } = node;
  if (target !== undefined) json += `,"target":${JSON.stringify(target)}`;
  if (xattrs) json += `,"xattrs":${JSON.stringify(xattrs.map(storedXattr))}`;
  if (content) json += `,"content":${JSON.stringify(content)}`;
  return Buffer.from(`${json}}`);
}

function timeField(name: (typeof times)[number], time: Time | undefined): string {
  return time ? `,"${name}":[${time.seconds},${time.nanoseconds}]` : "";
}

function storedXattr([name, value]: readonly [string, Uint8Array | null]) {
  return [name, value && Buffer.from(value).toString("base64")] as const;
}

/**
 * The node record in `bytes`, which stand under `ino`.
 * @throws EIO they are none: the storage is damaged
 */
export function decodeNode(bytes: Buffer, ino: number): NodeRecord {
  const stored = decode<StoredNode>(bytes, `inode ${ino}`);
  const { xattrs, atime, mtime, ctime, btime, ...plain } = stored;
  const node: { -readonly [field in keyof NodeRecord]: NodeRecord[field] } = { ...plain };
  if (node.ino !== ino) {
    throw new FsError("EIO", { syscall: "read", reason: `the record of inode ${ino} is damaged` });
  }
  if (atime) node.atime = timeOf(atime);
  if (mtime) node.mtime = timeOf(mtime);
  if (ctime) node.ctime = timeOf(ctime);
  if (btime) node.btime = timeOf(btime);
  if (xattrs) {
    node.xattrs = xattrs.map(([name, base64]) => [
      name,
      base64 === null ? null : new Uint8Array(Buffer.from(base64, "base64")),
    ]);
  }
  return node;
}

function timeOf([seconds, nanoseconds]: readonly [number, number]): Time {
  return { seconds, nanoseconds };
}

/** Writes a safe integer into a key, after its letter. */
function putNumber(key: Buffer, number: number): void {
  key.writeUInt32BE(Math.floor(number / 2 ** 32), 1);
  key.writeUInt32BE(number >>> 0, 5);
}
