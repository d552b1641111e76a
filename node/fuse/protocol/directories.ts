/** Directory entries packed into the reply to READDIR or READDIRPLUS, as many as fit. */
import { type FileType, typeBits } from "../../../src/index.ts";
import { type EntryReply, encodeEntry, entryLength } from "./attributes.ts";
import { type Message, readUint64, replyHeaderLength, writeUint64 } from "./wire.ts";

/** One name of a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType;
  /** st_ino of what the name means. */
  readonly ino: number;
  /** The cookie at which the listing goes on behind this entry. */
  readonly next: number;
}

const direntLength = 24;

/** Fills a reply with entries, up to the size that was asked for. */
export class EntryPacker {
  readonly #reply: Message;
  readonly #end: number;
  #at = replyHeaderLength;

  constructor(reply: Message, size: number) {
    this.#reply = reply;
    this.#end = replyHeaderLength + size;
  }

  /** Bytes of the reply's body so far. */
  get length(): number {
    return this.#at - replyHeaderLength;
  }

  /** Whether an entry of this name, with attributes (`plus`) or without, still has room. */
  fits(name: string, plus: boolean): boolean {
    return this.#at + recordLength(Buffer.byteLength(name), plus) <= this.#end;
  }

  /** Appends an entry, for READDIRPLUS with its attributes. Precondition: it fits. */
  add(entry: DirectoryEntry, attributes?: EntryReply): void {
    const { bytes, view } = this.#reply;
    const start = this.#at;
    const nameLength = Buffer.byteLength(entry.name);
    const at = attributes ? start + encodeEntry(view, start, attributes) : start;
    writeUint64(view, at, entry.ino);
    writeUint64(view, at + 8, entry.next);
    view.setUint32(at + 16, nameLength, true);
    view.setUint32(at + 20, typeBits[entry.type] >>> 12, true);
    bytes.write(entry.name, at + direntLength, "utf8");
    this.#at = start + recordLength(nameLength, attributes !== undefined);
    bytes.fill(0, at + direntLength + nameLength, this.#at);
  }
}

/** The nodeids in a packed reply to READDIRPLUS that hold a lookup each. */
export function* packedNodeids(view: DataView, bodyLength: number): Generator<number> {
  const end = replyHeaderLength + bodyLength;
  for (let at = replyHeaderLength; at < end; ) {
    const nodeid = readUint64(view, at);
    if (nodeid !== 0) yield nodeid;
    at += recordLength(view.getUint32(at + entryLength + 16, true), true);
  }
}

/** The names in a packed reply to READDIRPLUS, with their nodeids, of which 0 stands for none. */
export function* packedNames(
  { view, bytes }: Message,
  bodyLength: number,
): Generator<readonly [nodeid: number, name: string]> {
  const end = replyHeaderLength + bodyLength;
  for (let at = replyHeaderLength; at < end; ) {
    const nameLength = view.getUint32(at + entryLength + 16, true);
    const nameAt = at + entryLength + direntLength;
    yield [readUint64(view, at), bytes.toString("utf8", nameAt, nameAt + nameLength)];
    at += recordLength(nameLength, true);
  }
}

function recordLength(nameLength: number, plus: boolean): number {
  const length = (plus ? entryLength : 0) + direntLength + nameLength;
  return Math.ceil(length / 8) * 8;
}
