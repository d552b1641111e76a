/**
 * Whether a record has the shape of its kind, whatever lies in the storage. What is wrong with an attribute alone is put
 * right here, so that the node keeps its names and data; a record whose meaning is lost is of no use at all.
 */
import type { FileType, Time } from "../../attributes.ts";
import type { StoredRecord, StoredState } from "../../storage/inspection.ts";
import type { ContentRecord, HiddenObject, NodeRecord, Superblock } from "../../storage/storage.ts";
import type { FindingKind, Problem } from "./finding.ts";
import type { RecordSet } from "./record-set.ts";

type Fields = Readonly<Record<string, unknown>>;

const types: ReadonlySet<unknown> = new Set<FileType>([
  "file",
  "directory",
  "symlink",
  "fifo",
  "socket",
  "character",
  "block",
]);

const setsAside = "sets the record aside";

/** Takes all of `state` into `records`, and tells of each record that has not its shape. */
export function takeIn(state: StoredState, records: RecordSet): Problem[] {
  const problems: Problem[] = [];
  for (const content of state.contents) records.contents.set(content.id, content);
  for (const stored of state.records) {
    const { value, problem } = read(stored);
    records.take(stored, value, problem === undefined);
    if (problem) problems.push(problem);
  }
  return problems;
}

/** What a record says, as far as it can be used, and what is wrong with it. */
interface Reading {
  readonly value?: unknown;
  readonly problem?: Problem;
}

function read(stored: StoredRecord): Reading {
  const { key, value, flaw } = stored;
  if (key.kind === "foreign") {
    return bad("foreign-record", `a record under the key ${key.key} ${flaw ?? "is none of ours"}`);
  }
  if (key.kind === "superblock") return readSuperblock(value, flaw);
  if (key.kind === "node") return readNode(key.ino, value, flaw);
  if (key.kind === "name") return readName(key.name, value, flaw);
  if (key.kind === "alias") {
    if (flaw === undefined && isNumber(value)) return { value };
    return bad("alias-unreadable", `the alias of ${key.identity} ${flaw ?? "is no number"}`);
  }
  if (flaw === undefined && isNumber(key.ino)) return { value: true };
  return bad("orphan-unreadable", `the orphan ${key.ino} ${flaw ?? "is no inode number"}`);
}

function readSuperblock(value: unknown, flaw: string | undefined): Reading {
  // What is wrong with its fields is told by its own rule, which knows what else is there to go by.
  if (flaw === undefined && isFields(value)) return { value };
  return bad("superblock-unreadable", `the superblock ${flaw ?? "is no record"}`);
}

function readName(name: string, value: unknown, flaw: string | undefined): Reading {
  const told = JSON.stringify(name);
  if (flaw !== undefined) return bad("name-unreadable", `the record of the name ${told} ${flaw}`);
  if (!isFields(value) || !saysWhatItMeans(value)) {
    return bad(
      "name-unreadable",
      `the record of the name ${told} says neither what it means nor that it is hidden`,
    );
  }
  const { hides } = value;
  if (hides === undefined || isHiddenObject(hides)) return { value };
  const problem: Problem = {
    severity: "damage",
    kind: "name-hides",
    what: `the record of the name ${told} does not say what it hides`,
    remedy: "keeps the record aside and says that this is not known",
  };
  return { value: { ...value, hides: unknownObject }, problem };
}

/** As it is recorded where the base could not be asked. */
const unknownObject: HiddenObject = { type: "file", signature: "" };

function saysWhatItMeans({ whiteout, ino, type, origin }: Fields): boolean {
  return (
    whiteout === true || (!whiteout && isNumber(ino) && types.has(type) && isTextOrAbsent(origin))
  );
}

function isHiddenObject(value: unknown): boolean {
  return isFields(value) && types.has(value.type) && typeof value.signature === "string";
}

function readNode(ino: number, value: unknown, flaw: string | undefined): Reading {
  const unusable = (why: string) =>
    bad("node-unreadable", `the record of inode ${ino} ${why}`, ino);
  if (flaw !== undefined) return unusable(flaw);
  if (!isFields(value)) return unusable("is no record");
  const { ino: stated, type, identity, origin, content, target, nlink } = value;
  if (stated !== ino) return unusable(`says it is of inode ${String(stated)}`);
  if (!types.has(type)) return unusable("has no type");
  if (!isTextOrAbsent(identity) || !isTextOrAbsent(origin))
    return unusable("has no readable origin");
  const isCreated = origin === undefined;
  if (isCreated && type === "symlink" && !isText(target)) return unusable("has no target");
  const told = contentOf(content);
  if (told === undefined && content !== undefined && isCreated)
    return unusable("has no readable content");
  const wrong: string[] = told === undefined && content !== undefined ? ["content"] : [];
  const node: Record<string, unknown> = { ...value };
  if (content !== undefined) setOrDelete(node, "content", told);
  for (const [field, { isRight, created }] of Object.entries(attributes)) {
    const plain = isCreated ? created?.(type as FileType) : undefined;
    const isThere = value[field] !== undefined;
    if (isThere ? isRight(value[field]) : plain === undefined) continue;
    setOrDelete(node, field, plain);
    wrong.push(field);
  }
  if (!Number.isSafeInteger(nlink)) {
    wrong.push("nlink");
    setOrDelete(node, "nlink", isCreated ? 1 : 0);
  }
  if (wrong.length === 0) return { value: value as unknown as NodeRecord };
  const problem: Problem = {
    severity: "damage",
    kind: "node-attributes",
    ino,
    what: `the record of inode ${ino} has no usable ${wrong.join(", ")}`,
    remedy: isCreated
      ? "keeps the record aside and gives the inode plain values"
      : "keeps the record aside and shows the base's",
  };
  return { value: node as unknown as NodeRecord, problem };
}

const epoch: Time = { seconds: 0, nanoseconds: 0 };

/** The attributes of a node: whether a value can be one, and what a created object gets that has none. */
const attributes: Readonly<
  Record<
    string,
    {
      readonly isRight: (value: unknown) => boolean;
      readonly created?: (type: FileType) => unknown;
    }
  >
> = {
  mode: {
    isRight: (value) => isNumber(value) && value <= 0o7777,
    created: (type) => (type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644),
  },
  uid: { isRight: isNumber, created: () => 0 },
  gid: { isRight: isNumber, created: () => 0 },
  atime: { isRight: isTime, created: () => epoch },
  mtime: { isRight: isTime, created: () => epoch },
  ctime: { isRight: isTime, created: () => epoch },
  btime: { isRight: isTime, created: () => epoch },
  rdev: {
    isRight: isNumber,
    created: (type) => (type === "character" || type === "block" ? 0 : undefined),
  },
  target: { isRight: isText },
  signature: { isRight: (value) => typeof value === "string" },
  xattrs: { isRight: isXattrs },
};

/** `node` as a created object: without a place in the base, and with all attributes; undefined if it cannot be one. */
export function asCreated(node: NodeRecord): NodeRecord | undefined {
  const { origin: _, signature: __, ...own } = node;
  return readNode(node.ino, own, undefined).value as NodeRecord | undefined;
}

/** The content a node states; undefined if it cannot be told. */
function contentOf(value: unknown): ContentRecord | undefined {
  if (!isFields(value)) return undefined;
  const { id, size, baseLength, chunks, source } = value;
  if (!isNumber(id) || !isNumber(size) || !isNumber(baseLength)) return undefined;
  if (source !== undefined && !isSource(source)) return undefined;
  if (!Array.isArray(chunks) || chunks.length % 2 !== 0) return undefined;
  for (let at = 0; at < chunks.length; at += 2) {
    const [first, end]: unknown[] = [chunks[at], chunks[at + 1]];
    if (!isNumber(first) || !isNumber(end) || first >= end) return undefined;
  }
  return value as unknown as ContentRecord;
}

function bad(kind: FindingKind, what: string, ino?: number): Reading {
  const told = ino === undefined ? {} : { ino };
  return {
    problem: { severity: "damage", kind, ...told, what, remedy: setsAside },
  };
}

function setOrDelete(fields: Record<string, unknown>, field: string, value: unknown): void {
  if (value === undefined) delete fields[field];
  else fields[field] = value;
}

/** Whether all of a superblock's fields are what they have to be; gives the names of those that are not. */
export function wrongFieldsOf(superblock: Superblock): (keyof Superblock)[] {
  const { overlayId, base, chunkSize, nextIno, nextContent, generation, epoch } = superblock;
  const power = isNumber(chunkSize) && chunkSize >= 4096 && Number.isInteger(Math.log2(chunkSize));
  const isRight: { readonly [field in keyof Superblock]?: boolean } = {
    overlayId: typeof overlayId === "string" && /^[0-9a-f]{32}$/.test(overlayId),
    base: isFields(base) && isText(base.locator) && isText(base.identity),
    chunkSize: power,
    nextIno: isNumber(nextIno),
    nextContent: isNumber(nextContent),
    generation: isNumber(generation),
    epoch: isNumber(epoch),
    compatible: Array.isArray(superblock.compatible),
  };
  const fields = Object.keys(isRight) as (keyof Superblock)[];
  return fields.filter((field) => !isRight[field]);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isTime(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { seconds, nanoseconds } = value;
  return Number.isSafeInteger(seconds) && isNumber(nanoseconds) && nanoseconds < 1_000_000_000;
}

function isSource(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { path, signature } = value;
  return isText(path) && isBasePath(path) && typeof signature === "string";
}

/** Whether `path` is written as base paths are. */
export function isBasePath(path: string): boolean {
  if (path === "") return true;
  const isName = (name: string) =>
    name !== "" && name !== "." && name !== ".." && !name.includes("\0");
  return path.split("/").every(isName);
}

function isXattrs(value: unknown): boolean {
  const isPair = (pair: unknown) =>
    Array.isArray(pair) && isText(pair[0]) && (pair[1] === null || pair[1] instanceof Uint8Array);
  if (!Array.isArray(value) || !value.every(isPair)) return false;
  return new Set(value.map(([name]) => name)).size === value.length;
}
