/**
 * The headers of a tar, one after the other: ustar, pax (POSIX.1-2001) and what GNU tar writes for long names. It is
 * given bytes and says which it needs next, so that whoever has the archive can skip the contents; nothing in it is
 * trusted.
 */
import type { FileType, Time } from "../../attributes.ts";

/** What is wrong with a tar, as the end of a sentence about it. */
export class TarFlaw extends Error {}

/** One member. */
export interface TarMember {
  /** As it stands there, not checked. */
  readonly name: string;
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number | undefined;
  readonly mtime: Time;
  readonly size: number;
  /** Where its content begins. */
  readonly offset: number;
  /** Of a symlink. */
  readonly target: string | undefined;
  /** The name of the member that it is another name of. */
  readonly linkTo: string | undefined;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Its content is stored without its holes, in a way we do not read. */
  readonly isSparse: boolean;
}

/** Headers and contents begin at multiples of this. */
const blockBytes = 512;
/** The longest extended header or long name that is read. */
const maxExtensionBytes = 1024 * 1024;
/** Records that hold for all members which follow: each is looked at once for every member. */
const maxGlobals = 256;

const types: Readonly<Record<string, FileType | "link">> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  S: "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

type Records = ReadonlyMap<string, Uint8Array>;

/** What the next call of `next` needs. */
export type Need =
  /** `length` bytes from `at` on. */
  | { readonly at: number; readonly length: number }
  /** Nothing: that was the end. */
  | undefined;

/** See the head of this file. */
export class TarScanner {
  readonly members: TarMember[] = [];
  /** Members of kinds that a file system does not have, or whose names are no UTF-8. */
  unnamed = 0;
  readonly #size: number;
  #at = 0;
  #globals: Records = new Map();
  #extended: Records = new Map();
  #longName: Uint8Array | undefined;
  #longTarget: Uint8Array | undefined;
  /** The kind of the extension whose content is needed. */
  #extension: { readonly kind: string; readonly size: number } | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** The bytes that are needed now. */
  get need(): Need {
    if (this.#at >= this.#size) return undefined;
    if (this.#extension) return { at: this.#at, length: this.#extension.size };
    return { at: this.#at, length: blockBytes };
  }

  /**
   * Takes the bytes that were needed.
   * @throws TarFlaw
   */
  take(bytes: Uint8Array): void {
    const extension = this.#extension;
    if (!extension) {
      this.#header(bytes);
      return;
    }
    this.#extension = undefined;
    this.#at += padded(extension.size);
    switch (extension.kind) {
      case "x":
        this.#extended = recordsIn(bytes);
        return;
      case "g":
        this.#globals = new Map([...this.#globals, ...recordsIn(bytes)]);
        if (this.#globals.size > maxGlobals) throw new TarFlaw("its global headers are too long");
        return;
      case "L":
        this.#longName = untilNul(bytes);
        return;
      default:
        this.#longTarget = untilNul(bytes);
    }
  }

  #header(block: Uint8Array): void {
    if (block.every((byte) => byte === 0)) {
      this.#at = this.#size;
      return;
    }
    if (block.length < blockBytes || !isSumRight(block)) {
      const what = this.#at === 0 ? "it is no tar" : `it is damaged at byte ${this.#at}`;
      throw new TarFlaw(`${what}: there is no header where one should be`);
    }
    const kind = String.fromCharCode(block[156] as number);
    const stated = sizeIn(block);
    this.#at += blockBytes;
    if ("xgLK".includes(kind)) {
      if (stated > maxExtensionBytes) throw new TarFlaw("an extended header of it is too long");
      if (stated > 0) this.#extension = { kind, size: stated };
      return;
    }
    const records: Records = new Map([...this.#globals, ...this.#extended]);
    const size = decimal(records.get("size")) ?? stated;
    const type = types[kind];
    const hasContent = type === "file" || type === undefined;
    if (hasContent && this.#at + size > this.#size) throw new TarFlaw("it is cut off");
    this.#member(block, kind, size, records);
    if (hasContent) this.#at += padded(size);
    this.#extended = new Map();
    this.#longName = undefined;
    this.#longTarget = undefined;
  }

  #member(block: Uint8Array, kind: string, size: number, records: Records): void {
    const name = text(records.get("path") ?? this.#longName ?? nameIn(block));
    const target = text(
      records.get("linkpath") ?? this.#longTarget ?? untilNul(block.subarray(157, 257)),
    );
    const known = types[kind];
    if (known === undefined || name === undefined || target === undefined) {
      this.unnamed += 1;
      return;
    }
    const isLink = known === "link";
    const type = isLink ? "file" : known === "file" && name.endsWith("/") ? "directory" : known;
    const isDevice = type === "character" || type === "block";
    const rdev = isDevice
      ? deviceNumber(numberIn(block, 329, 8), numberIn(block, 337, 8))
      : undefined;
    this.members.push({
      name,
      type,
      mode: numberIn(block, 100, 8) & 0o7777,
      uid: decimal(records.get("uid")) ?? numberIn(block, 108, 8),
      gid: decimal(records.get("gid")) ?? numberIn(block, 116, 8),
      rdev,
      mtime: timeIn(records.get("mtime")) ?? { seconds: numberIn(block, 136, 12), nanoseconds: 0 },
      size: type === "file" && !isLink ? size : 0,
      offset: this.#at,
      target: type === "symlink" ? target : undefined,
      linkTo: isLink ? target : undefined,
      xattrs: xattrsIn(this.#extended),
      isSparse: kind === "S" || [...records.keys()].some((key) => key.startsWith("GNU.sparse.")),
    });
  }
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

/** The sum of all bytes, those of its own field taken for blanks; some programs took bytes for signed. */
function isSumRight(block: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < blockBytes; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] as number);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const digits = String.fromCharCode(...untilNul(block.subarray(148, 156))).trim();
  const stated = Number.parseInt(digits, 8);
  return stated === unsigned || stated === signed;
}

/** An octal number, or one in base 256 where it has no room. */
function numberIn(block: Uint8Array, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  const first = field[0] ?? 0;
  if (first === 0x80 || first === 0xff) {
    let value = first === 0xff ? -1 : 0;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new TarFlaw("a number in it is beyond reason");
    return value;
  }
  const digits = String.fromCharCode(...untilNul(field)).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw new TarFlaw("a number in it is none");
  return Number.parseInt(digits, 8);
}

/** The size of what follows a header. It must not lead back, or a walk over the archive would never end. */
function sizeIn(block: Uint8Array): number {
  const size = numberIn(block, 124, 12);
  if (size < 0) throw new TarFlaw("a size in it is negative");
  return size;
}

function nameIn(block: Uint8Array): Uint8Array {
  const name = untilNul(block.subarray(0, 100));
  const isUstar = String.fromCharCode(...block.subarray(257, 263)) === "ustar\0";
  const prefix = isUstar ? untilNul(block.subarray(345, 500)) : new Uint8Array(0);
  if (prefix.length === 0) return name;
  return Uint8Array.of(...prefix, 0x2f, ...name);
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Digits that the length of a record can have, and the blank behind them. */
const longestDigits = 8;
const noBytes = new Uint8Array(0);

/** The records of a pax header: `LENGTH KEY=VALUE\n`, the length that of the whole record. */
function recordsIn(bytes: Uint8Array): Records {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const blank = bytes.subarray(0, at + longestDigits).indexOf(0x20, at);
    const digits = blank < 0 ? "" : String.fromCharCode(...bytes.subarray(at, blank));
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    // A record of no length, or of less than its own digits, would be read again and again.
    const isWhole = length > digits.length + 1 && at + length <= bytes.length;
    const record = isWhole ? bytes.subarray(blank + 1, at + length - 1) : noBytes;
    const equals = record.indexOf(0x3d);
    const key = equals > 0 ? text(record.subarray(0, equals)) : undefined;
    if (key === undefined) throw new TarFlaw("an extended header of it is damaged");
    records.set(key, record.subarray(equals + 1));
    at += length;
  }
  return records;
}

function xattrsIn(records: Records): ReadonlyMap<string, Uint8Array> | undefined {
  const prefix = "SCHILY.xattr.";
  const xattrs = [...records]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]): [string, Uint8Array] => [key.slice(prefix.length), value.slice()]);
  return xattrs.length === 0 ? undefined : new Map(xattrs);
}

function text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // No UTF-8: such a name has no place in a base.
    return undefined;
  }
}

function decimal(record: Uint8Array | undefined): number | undefined {
  if (!record) return undefined;
  const value = Number(text(record));
  if (!Number.isSafeInteger(value) || value < 0) throw new TarFlaw("a number in it is none");
  return value;
}

/** Seconds with a fraction of any length; it may be negative. */
function timeIn(record: Uint8Array | undefined): Time | undefined {
  const found = record && /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text(record) ?? "");
  if (!found) return undefined;
  const [, sign, whole, fraction = ""] = found;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds: Number(whole), nanoseconds };
  if (nanoseconds === 0) return { seconds: -Number(whole), nanoseconds };
  return { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** The number Linux makes of a device's two. */
function deviceNumber(major: number, minor: number): number {
  return ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
}
