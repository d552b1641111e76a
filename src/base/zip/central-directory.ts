/**
 * The central directory of a zip (APPNOTE.TXT 6.3.10, zip64 included), read from bytes that are not trusted: every offset
 * and length is checked before it is used. It waits for nothing and says in a `ZipFlaw` what is wrong.
 */
import type { FileType, Time } from "../../attributes.ts";
import { crc32Of } from "../crc32.ts";
import { decodeCp437 } from "./cp437.ts";

/** What is wrong with a zip, as the end of a sentence about it. */
export class ZipFlaw extends Error {}

/** Where the central directory lies, counted from the beginning of the file. */
export interface DirectoryPlace {
  readonly offset: number;
  readonly length: number;
  readonly entries: number;
  /** Bytes before the archive proper, as a self-extracting one has; to be added to every offset. */
  readonly prefix: number;
}

/** One member. */
export interface ZipMember {
  /** As it stands there; checked for being text only. */
  readonly name: string;
  readonly type: FileType;
  /** Permission bits, where a Unix made it. */
  readonly mode: number | undefined;
  readonly mtime: Time;
  readonly size: number;
  readonly packedSize: number;
  readonly crc32: number;
  /** Compression: 0 stored, 8 deflated, others we do not know. */
  readonly method: number;
  readonly isEncrypted: boolean;
  /** Of its local header, from the beginning of the file on. */
  readonly offset: number;
}

/** The end record is at most this long, with its comment and the two records of zip64 before it. */
export const longestEnd = 22 + 0xffff + 20 + 56;

const signatures = {
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
  member: 0x02014b50,
};

/**
 * Finds the central directory from `tail`, the last bytes of a file of `size`.
 * @throws ZipFlaw it is no zip, or one that spans several files
 */
export function findDirectory(tail: Uint8Array, size: number): DirectoryPlace {
  const view = viewOf(tail);
  const start = size - tail.length;
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (view.getUint32(at, true) !== signatures.end) continue;
    // Its comment must reach to the end, else it only looks like an end record.
    if (at + 22 + view.getUint16(at + 20, true) !== tail.length) continue;
    return placeAt(view, at, start);
  }
  throw new ZipFlaw("it is no zip: there is no end of a central directory in it");
}

function placeAt(view: DataView, end: number, start: number): DirectoryPlace {
  let entries = view.getUint16(end + 10, true);
  let length = view.getUint32(end + 12, true);
  let stated = view.getUint32(end + 16, true);
  let disks = view.getUint16(end + 4, true) || view.getUint16(end + 6, true);
  let behind = start + end;
  const locator = end - 20;
  const isZip64 = locator >= 0 && view.getUint32(locator, true) === signatures.locator64;
  if (isZip64) {
    const end64 = locator - 56;
    if (end64 < 0 || view.getUint32(end64, true) !== signatures.end64) {
      throw new ZipFlaw("its zip64 end record is not where it should be");
    }
    disks = view.getUint32(end64 + 16, true) || view.getUint32(end64 + 20, true);
    entries = uint64(view, end64 + 32);
    length = uint64(view, end64 + 40);
    stated = uint64(view, end64 + 48);
    behind = start + end64;
  }
  if (disks !== 0 && disks !== 0xffff) throw new ZipFlaw("it is a part of a zip in several files");
  const offset = behind - length;
  if (offset < 0 || stated > offset) throw new ZipFlaw("its central directory is cut off");
  return { offset, length, entries, prefix: offset - stated };
}

/**
 * The members that the central directory in `bytes` tells of, and how many had names that are no text.
 * @throws ZipFlaw it is damaged, encrypted, or points outside of the file
 */
export function readDirectory(
  bytes: Uint8Array,
  place: DirectoryPlace,
): { readonly members: ZipMember[]; readonly unnamed: number } {
  const view = viewOf(bytes);
  const members: ZipMember[] = [];
  let unnamed = 0;
  let at = 0;
  while (at < bytes.length) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== signatures.member) {
      if (members.length + unnamed === place.entries) break; // a digital signature may follow
      throw new ZipFlaw(`its central directory is damaged at byte ${place.offset + at}`);
    }
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) throw new ZipFlaw("its central directory is cut off");
    const extra = extraFields(bytes.subarray(nameEnd, extraEnd));
    const member = memberAt(view, at, bytes.subarray(at + 46, nameEnd), extra, place);
    if (member) members.push(member);
    else unnamed += 1;
    at = next;
  }
  if (members.length + unnamed !== place.entries) {
    throw new ZipFlaw(
      `it says that it has ${place.entries} members, but has ${members.length + unnamed}`,
    );
  }
  return { members, unnamed };
}

type Extra = ReadonlyMap<number, Uint8Array>;

function memberAt(
  view: DataView,
  at: number,
  rawName: Uint8Array,
  extra: Extra,
  place: DirectoryPlace,
): ZipMember | undefined {
  const madeBy = view.getUint8(at + 5);
  const flags = view.getUint16(at + 8, true);
  const sizes = sizesAt(view, at, extra);
  const offset = sizes.offset + place.prefix;
  if (offset + 30 + sizes.packedSize > place.offset) {
    throw new ZipFlaw("a member of it lies outside of the file");
  }
  if (flags & 0x2000) throw new ZipFlaw("its central directory is encrypted");
  const name = nameOf(rawName, (flags & 0x800) !== 0, extra);
  if (name === undefined) return undefined;
  const attributes = view.getUint32(at + 38, true);
  const unixMode = madeBy === 3 || madeBy === 19 ? attributes >>> 16 : 0;
  // Programs of DOS and Windows wrote backslashes, against the specification.
  const isDos = madeBy === 0 || madeBy === 10 || madeBy === 11;
  const path = isDos && !name.includes("/") ? name.replaceAll("\\", "/") : name;
  return {
    name: path,
    type: typeOfMember(unixMode, path.endsWith("/") || (isDos && (attributes & 0x10) !== 0)),
    mode: unixMode === 0 ? undefined : unixMode & 0o7777,
    mtime: mtimeOf(view, at, extra),
    ...sizes,
    crc32: view.getUint32(at + 16, true),
    method: view.getUint16(at + 10, true),
    isEncrypted: (flags & 1) !== 0,
    offset,
  };
}

function typeOfMember(unixMode: number, isDirectory: boolean): FileType {
  if (isDirectory) return "directory";
  switch (unixMode & 0o170000) {
    case 0o120000:
      return "symlink";
    case 0o040000:
      return "directory";
    case 0o010000:
      return "fifo";
    case 0o140000:
      return "socket";
    case 0o020000:
      return "character";
    case 0o060000:
      return "block";
    default:
      return "file";
  }
}

function sizesAt(view: DataView, at: number, extra: Extra) {
  let packedSize = view.getUint32(at + 20, true);
  let size = view.getUint32(at + 24, true);
  let offset = view.getUint32(at + 42, true);
  const zip64 = extra.get(0x0001);
  // It holds only those of the three that have no room, in this order.
  let used = 0;
  const next = (): number => {
    if (!zip64 || used + 8 > zip64.length) throw new ZipFlaw("a zip64 field of it is cut off");
    used += 8;
    return uint64(viewOf(zip64), used - 8);
  };
  if (size === 0xffffffff) size = next();
  if (packedSize === 0xffffffff) packedSize = next();
  if (offset === 0xffffffff) offset = next();
  return { packedSize, size, offset };
}

/** UTF-8 if it says so or is so; else the DOS code page that the specification names. */
function nameOf(raw: Uint8Array, isUtf8: boolean, extra: Extra): string | undefined {
  const unicode = extra.get(0x7075);
  if (unicode && unicode.length > 5 && unicode[0] === 1) {
    if (viewOf(unicode).getUint32(1, true) === crc32Of(raw)) {
      const name = utf8(unicode.subarray(5));
      if (name !== undefined) return name;
    }
  }
  const name = utf8(raw);
  if (name !== undefined || isUtf8) return name;
  return decodeCp437(raw);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // No UTF-8: the caller knows what else it may be.
    return undefined;
  }
}

/** Whole seconds of Unix where an extended timestamp has them, 100 ns of Windows, else the DOS time taken for UTC. */
function mtimeOf(view: DataView, at: number, extra: Extra): Time {
  const ntfs = extra.get(0x000a);
  if (ntfs && ntfs.length >= 32 && viewOf(ntfs).getUint16(4, true) === 1) {
    const ticks = viewOf(ntfs).getBigUint64(8, true) - 116_444_736_000_000_000n;
    const seconds = ticks / 10_000_000n - (ticks < 0n ? 1n : 0n);
    return { seconds: Number(seconds), nanoseconds: Number(ticks - seconds * 10_000_000n) * 100 };
  }
  const extended = extra.get(0x5455);
  if (extended && extended.length >= 5 && ((extended[0] as number) & 1) !== 0) {
    return { seconds: viewOf(extended).getInt32(1, true), nanoseconds: 0 };
  }
  const time = view.getUint16(at + 12, true);
  const date = view.getUint16(at + 14, true);
  const milliseconds = Date.UTC(
    1980 + (date >> 9),
    ((date >> 5) & 15) - 1,
    date & 31,
    time >> 11,
    (time >> 5) & 63,
    (time & 31) * 2,
  );
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: 0 };
}

/** Extra fields by their number; a field that is cut off ends them. */
function extraFields(bytes: Uint8Array): Extra {
  const fields = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > bytes.length) break;
    fields.set(view.getUint16(at, true), bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function uint64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw new ZipFlaw("a size or an offset in it is beyond reason");
  return value;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
