/**
 * A base held in memory: for tests, and for trees that a program has at hand anyway. It counts what is asked of it, and
 * a hook can make any question wait or fail, so that interleavings can be played through one by one.
 */
import type { FileType, Time } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { type Operation, type Wait, waitFor } from "../operation.ts";
import {
  type Base,
  type BaseCapabilities,
  type BaseEntry,
  type BaseNode,
  joinBasePath,
  parentOfBasePath,
  pathIdentity,
} from "./base.ts";

/** One object of the tree. A file has `content`, or `size` and `fill`; what is left out takes the default. */
export interface MemoryEntry {
  /** Default: symlink where there is a `target`, else file. */
  readonly type?: FileType;
  readonly content?: string | Uint8Array;
  /** Size in bytes of a file whose bytes `fill` makes, for files too large to hold. */
  readonly size?: number;
  /** Fills `into` with the bytes from `offset` on; without it a file of `size` is all zeros. */
  readonly fill?: (offset: number, into: Uint8Array) => void;
  readonly target?: string;
  /** Permission bits; default 0644, 0755 for directories, 0777 for symlinks. */
  readonly mode?: number;
  /** Default: 1,000,000,000 s. */
  readonly mtime?: Time;
  readonly uid?: number;
  readonly gid?: number;
  readonly rdev?: number;
  /** Entries with the same group are names of one object; the first one's other fields count. */
  readonly link?: string;
  readonly xattrs?: Readonly<Record<string, Uint8Array | string>>;
}

/** Base paths and what lies there; a string or bytes alone mean a file. Directories on the way need no entry. */
export type MemoryTree =
  | Readonly<Record<string, MemoryEntry | string | Uint8Array>>
  | ReadonlyMap<string, MemoryEntry | string | Uint8Array>;

/** A question a base is asked. */
export type BaseQuestion = "lookup" | "list" | "read";

export interface MemoryBaseOptions {
  /** Default `"memory:1"`; give another to stand for a republished tree. */
  readonly identity?: string;
  /** Called before each answer: what it returns is waited for, what it throws (or rejects with) is thrown. */
  readonly before?: (question: BaseQuestion, path: string) => Wait | undefined;
}

const encoder = new TextEncoder();
const defaultMtime: Time = { seconds: 1_000_000_000, nanoseconds: 0 };

interface MemoryObject {
  readonly node: BaseNode;
  readonly read: (offset: number, into: Uint8Array) => void;
}

/** See the head of this file. */
export class MemoryBase implements Base {
  readonly locator: string = "memory:";
  readonly identity: string;
  readonly capabilities: BaseCapabilities = { integrity: "none", snapshot: true };
  readonly omitted = 0;
  /** Called before each answer; may be set and reset at any time. */
  before: ((question: BaseQuestion, path: string) => Wait | undefined) | undefined;
  /** Bytes of files given out so far. */
  bytesRead = 0;
  /** How often each question was asked so far. */
  readonly asked: Record<BaseQuestion, number> = { lookup: 0, list: 0, read: 0 };
  readonly #objects = new Map<string, MemoryObject>();
  readonly #children = new Map<string, string[]>();

  constructor(tree: MemoryTree, options: MemoryBaseOptions = {}) {
    this.identity = options.identity ?? "memory:1";
    this.before = options.before;
    const entries = new Map<string, MemoryEntry>([["", { type: "directory" }]]);
    for (const [path, entry] of tree instanceof Map ? tree : Object.entries(tree)) {
      for (let at = parentOfBasePath(path); at !== undefined; at = parentOfBasePath(at)) {
        if (!entries.has(at)) entries.set(at, { type: "directory" });
      }
      const plain = typeof entry === "string" || entry instanceof Uint8Array;
      entries.set(path, plain ? { content: entry } : (entry as MemoryEntry));
    }
    this.#build(entries);
  }

  #build(entries: ReadonlyMap<string, MemoryEntry>): void {
    const groups = new Map<string, { first: MemoryEntry; count: number }>();
    const subdirectories = new Map<string, number>();
    for (const [path, entry] of entries) {
      if (typeOfEntry(entry) === "directory") this.#children.set(path, []);
      if (entry.link !== undefined) {
        const group = groups.get(entry.link);
        if (group) group.count += 1;
        else groups.set(entry.link, { first: entry, count: 1 });
      }
    }
    for (const [path, entry] of entries) {
      const parent = parentOfBasePath(path);
      if (parent === undefined) continue;
      const siblings = this.#children.get(parent);
      if (!siblings) throw new Error(`bug: '${parent}' holds '${path}' but is no directory`);
      siblings.push(path);
      if (typeOfEntry(entry) === "directory") {
        subdirectories.set(parent, (subdirectories.get(parent) ?? 0) + 1);
      }
    }
    for (const [path, entry] of entries) {
      const group = entry.link === undefined ? undefined : groups.get(entry.link);
      const nlink =
        typeOfEntry(entry) === "directory"
          ? 2 + (subdirectories.get(path) ?? 0)
          : (group?.count ?? 1);
      const identity = group && group.count > 1 ? `link:${entry.link}` : pathIdentity(path);
      this.#objects.set(path, objectOf(path, group?.first ?? entry, nlink, identity));
    }
  }

  *lookup(path: string): Operation<BaseNode | null> {
    yield* this.#ask("lookup", path);
    return this.#objects.get(path)?.node ?? null;
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    yield* this.#ask("list", path);
    const children = this.#children.get(path);
    if (!children) {
      throw new FsError(this.#objects.has(path) ? "ENOTDIR" : "ENOENT", {
        syscall: "scandir",
        path,
      });
    }
    return children.map((child) => ({
      name: path === "" ? child : child.slice(joinBasePath(path, "").length),
      node: (this.#objects.get(child) as MemoryObject).node,
    }));
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    yield* this.#ask("read", node.path);
    const object = this.#objects.get(node.path);
    if (object?.node.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path: node.path });
    }
    const length = Math.max(0, Math.min(into.length, object.node.size - offset));
    if (length === 0) return 0;
    object.read(offset, into.subarray(0, length));
    this.bytesRead += length;
    return length;
  }

  *close(): Operation<void> {}

  *#ask(question: BaseQuestion, path: string): Operation<void> {
    this.asked[question] += 1;
    const wait = this.before?.(question, path);
    if (wait !== undefined) yield* waitFor(wait);
  }
}

/** Makes a base of `tree`. */
export function memoryBase(tree: MemoryTree, options: MemoryBaseOptions = {}): MemoryBase {
  return new MemoryBase(tree, options);
}

function typeOfEntry(entry: MemoryEntry): FileType {
  return entry.type ?? (entry.target === undefined ? "file" : "symlink");
}

function objectOf(path: string, entry: MemoryEntry, nlink: number, identity: string): MemoryObject {
  const type = typeOfEntry(entry);
  const { uid, gid, rdev, target, fill } = entry;
  const mtime = entry.mtime ?? defaultMtime;
  const bytes = typeof entry.content === "string" ? encoder.encode(entry.content) : entry.content;
  const size =
    bytes?.length ?? (target === undefined ? (entry.size ?? 0) : encoder.encode(target).length);
  const xattrs = new Map<string, Uint8Array>();
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
    xattrs.set(name, typeof value === "string" ? encoder.encode(value) : value);
  }
  const node: BaseNode = {
    path,
    type,
    mode: entry.mode ?? (type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    mtime,
    size,
    nlink,
    ...(rdev !== undefined && { rdev }),
    ...(target !== undefined && { target }),
    ...(xattrs.size > 0 && { xattrs }),
    identity,
    signature: `${size}:${mtime.seconds}.${mtime.nanoseconds}:${bytes ? sumOf(bytes) : ""}`,
  };
  const read = (offset: number, into: Uint8Array): void => {
    if (bytes) into.set(bytes.subarray(offset, offset + into.length));
    else if (fill) fill(offset, into);
    else into.fill(0);
  };
  return { node, read };
}

/** A checksum (FNV-1a, 32 bits), so that a tree with other contents has other signatures. */
function sumOf(bytes: Uint8Array): string {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return (sum >>> 0).toString(16);
}
