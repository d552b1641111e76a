/**
 * The records of a storage as they lie in LMDB, also such as no reader would take: each is told with what is wrong with
 * it, none makes reading fail.
 */
import {
  type NodeRecord,
  refuseUnknownFormat,
  type StoredContent,
  type StoredRecord,
} from "../../src/index.ts";
import { marker } from "./claim.ts";
import type { OwnershipRecord } from "./ownership.ts";
import { aliasKey, nameOf, numberOf, soleKey } from "./record-format.ts";
import type { RecordReader } from "./records.ts";

/** A record with its key and bytes in LMDB. */
export interface DiskRecord extends StoredRecord {
  readonly place: Buffer;
  readonly bytes: Buffer;
}

/** Where a content lies. */
export interface DiskContent extends StoredContent {
  /** Undefined for one among the records. */
  readonly file: string | undefined;
}

/** All that matters to the overlay, without the data. */
export function readAll(reader: RecordReader): {
  records: DiskRecord[];
  contents: Map<number, DiskContent>;
} {
  const records: DiskRecord[] = [];
  const contents = new Map<number, DiskContent>();
  reader.collect({ start: Buffer.from([0]), end: Buffer.from([255]) }, (key, value) => {
    if (isContentKey(key)) {
      const id = numberOf(key);
      contents.set(id, { id, chunks: [0, 1], bytes: value.length, file: undefined });
      return;
    }
    const [place, bytes] = [Buffer.from(key), Buffer.from(value)];
    const record = recordOf(place, bytes);
    if (record) records.push({ ...record, place, bytes });
  });
  return { records, contents };
}

/**
 * What is wrong with the marker, as a record.
 * @throws EINVAL a later minifo wrote it
 */
export function markerFlaw(reader: RecordReader): DiskRecord[] {
  const place = soleKey("marker");
  const bytes = reader.get(place) ?? Buffer.alloc(0);
  const { format, version } = (json(bytes).value ?? {}) as { format?: unknown; version?: unknown };
  if (typeof version === "number")
    refuseUnknownFormat({ version, incompatible: [] }, "the storage");
  if (format === marker.format && version === marker.version) return [];
  const key = { kind: "foreign", key: "M" } as const;
  const flaw = bytes.length === 0 ? "is missing" : "is damaged";
  return [{ key, value: undefined, flaw: `${flaw}: it marks the storage as ours`, place, bytes }];
}

/** What is wrong with the owner's record, as a record. */
export function ownershipFlaw(bytes: Buffer | undefined): DiskRecord[] {
  const place = soleKey("ownership");
  if (!bytes || isOwnership(json(bytes).value)) return [];
  const flaw = "is damaged: it tells who has the storage";
  return [{ key: { kind: "foreign", key: "O" }, value: undefined, flaw, place, bytes }];
}

/** Whether a value is the record of an owner. */
export function isOwnership(value: unknown): value is OwnershipRecord {
  if (typeof value !== "object" || value === null) return false;
  const { pid, started, boot, epoch } = value as Partial<Record<keyof OwnershipRecord, unknown>>;
  return (
    typeof pid === "number" &&
    typeof started === "string" &&
    typeof boot === "string" &&
    Number.isSafeInteger(epoch)
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const letters = { node: 0x6e, name: 0x64, alias: 0x61, orphan: 0x6f, content: 0x63 } as const;

function isContentKey(key: Buffer): boolean {
  return key[0] === letters.content && key.length === 9 && Number.isSafeInteger(numberOf(key));
}

/** The record under `key`; undefined for those that are no matter of the overlay's. */
function recordOf(key: Buffer, bytes: Buffer): StoredRecord | undefined {
  if (key.equals(soleKey("marker")) || key.equals(soleKey("ownership"))) return undefined;
  if (key.equals(soleKey("superblock"))) return { key: { kind: "superblock" }, ...json(bytes) };
  const foreign: StoredRecord = {
    key: { kind: "foreign", key: JSON.stringify(key.toString("latin1")) },
    value: undefined,
  };
  if (key[0] === letters.alias && key.length === 33) return aliasOf(key, bytes) ?? foreign;
  const hasNumber = key.length >= 9 && Number.isSafeInteger(numberOf(key));
  if (!hasNumber) return foreign;
  const ino = numberOf(key);
  if (key[0] === letters.name) {
    const name = nameIn(key);
    return name === undefined
      ? foreign
      : { key: { kind: "name", parent: ino, name }, ...json(bytes) };
  }
  if (key.length > 9) return foreign;
  if (key[0] === letters.orphan) return { key: { kind: "orphan", ino }, value: true };
  if (key[0] !== letters.node) return foreign;
  const { value, flaw } = json(bytes);
  if (flaw !== undefined) return { key: { kind: "node", ino }, value, flaw };
  return { key: { kind: "node", ino }, value: nodeFrom(value) };
}

function nameIn(key: Buffer): string | undefined {
  try {
    utf8.decode(key.subarray(9));
    return nameOf(key);
  } catch {
    // No valid UTF-8: then it is the key of no name.
    return undefined;
  }
}

function aliasOf(key: Buffer, bytes: Buffer): StoredRecord | undefined {
  const { value } = json(bytes);
  const { identity, ino } = (value ?? {}) as { identity?: unknown; ino?: unknown };
  if (typeof identity !== "string" || !aliasKey(identity).equals(key)) return undefined;
  return { key: { kind: "alias", identity }, value: ino };
}

/** A node as readers have it, of whatever shape it is: what is not as it is stored stays as it is. */
function nodeFrom(stored: unknown): unknown {
  if (typeof stored !== "object" || stored === null) return stored;
  const node: Record<string, unknown> = { ...stored };
  for (const field of ["atime", "mtime", "ctime", "btime"]) {
    const time = node[field];
    if (Array.isArray(time) && time.length === 2) {
      node[field] = { seconds: time[0], nanoseconds: time[1] };
    }
  }
  const { xattrs } = node as { xattrs?: unknown };
  if (Array.isArray(xattrs)) {
    Object.assign(node, {
      xattrs: xattrs.map((pair: unknown) =>
        Array.isArray(pair) && typeof pair[1] === "string"
          ? [pair[0], new Uint8Array(Buffer.from(pair[1], "base64"))]
          : pair,
      ),
    });
  }
  return node as Partial<NodeRecord>;
}

/** The chunk size that a superblock tells, or the usual one. */
export function chunkSizeIn(value: unknown): number {
  const { chunkSize } = (value ?? {}) as { chunkSize?: unknown };
  return Number.isSafeInteger(chunkSize) && (chunkSize as number) > 0
    ? (chunkSize as number)
    : 65_536;
}

/** What JSON text says, or why nothing can be made of it. */
export function json(bytes: Buffer): { value: unknown; flaw?: string } {
  try {
    return { value: JSON.parse(utf8.decode(bytes)) };
  } catch {
    // Told as what it is: a flaw of this record.
    return { value: undefined, flaw: "is no JSON" };
  }
}

/** The bytes of a record as a quarantine keeps them. */
export function told(bytes: Buffer): object {
  const { value, flaw } = json(bytes);
  return flaw === undefined ? { value } : { bytes: bytes.toString("base64") };
}
