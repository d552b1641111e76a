/**
 * What a page and a host say to each other: the host's calls, and how values cross that structured cloning alone would
 * strip: results get their prototypes back, bytes are handed over rather than copied. Errors are the matter of
 * thrown-errors.ts and caught-errors.ts.
 */
import { transfer } from "comlink";
import {
  BigIntStats,
  type Change,
  Dirent,
  FsError,
  type KeptPart,
  type PrefetchProgress,
  Stats,
} from "../src/index.ts";

/** What a page asks a host for, as plain data. */
export interface AttachRequest {
  /** The protocol's version that the page speaks. */
  readonly protocol: number;
  /** The page's name, drawn at random, under which it shows that it is alive. */
  readonly page: string;
  /** URL of the base. */
  readonly base: string;
  /** Name of the storage in this origin. */
  readonly storage: string;
  /** The overlay that the page has open already; another one is not what it means. */
  readonly overlayId: string | undefined;
}

/** What a page is told of the overlay it is attached to. */
export interface Attached {
  /** The owner's name, and how many owners the storage has had. */
  readonly host: string;
  readonly epoch: number;
  readonly overlayId: string;
  readonly base: AttachedBase;
}

/** Where the base is, and which version of it this is. */
export interface AttachedBase {
  readonly locator: string;
  readonly identity: string;
  /** There was no network when it was opened: it is what was kept of it. */
  readonly kept?: KeptPart;
}

/** What was fetched for the base since the owner opened the overlay. */
export interface Traffic {
  readonly requests: number;
  /** Bytes of the answers' bodies. */
  readonly bytes: number;
}

/** How far a prefetch is. */
export interface PrefetchStep {
  readonly progress: PrefetchProgress;
  readonly isDone: boolean;
}

/** A name in a directory, with everything `stat` tells; a symlink's own. */
export interface ListedEntry {
  readonly name: string;
  readonly stats: Stats;
}

/** The calls that a host answers as soon as the overlay is open, or before. */
export interface FirstCalls {
  /** Who this host is, and which version of the protocol it speaks. */
  hello(): Promise<{ readonly host: string; readonly protocol: number }>;
  /** Lets the page in once this host is the owner, which may be never while another one is. */
  attach(request: AttachRequest): Promise<Attached>;
  /** Takes the storage over from the owner called `host`, which is frozen, unless somebody has done so. */
  takeOver(host: string | undefined): Promise<void>;
  /** Shows that the host is not frozen. */
  ping(): Promise<void>;
  /** Lets the page go; what it had open is closed. The last page that leaves makes the host give up its ownership. */
  leave(): Promise<void>;
  /** The names in a directory, sorted, each with its Stats as plain fields. */
  listWithStats(
    path: string,
  ): Promise<readonly { readonly name: string; readonly stats: object }[]>;
  /** The contents of files, in their order. */
  readFiles(paths: readonly string[]): Promise<readonly Uint8Array[]>;
  traffic(): Promise<Traffic>;
}

/** The calls for which a host needs all of its core. See visit.ts. */
export interface VisitCalls {
  /** Calls a method of `fs.promises`, or of the batch with this number. */
  call(batch: number | undefined, method: string, values: readonly unknown[]): Promise<Packed>;
  /** Opens a file and returns the number its handle has here. */
  openFile(batch: number | undefined, values: readonly unknown[]): Promise<number>;
  /** Begins a batch: calls that are made with its number are committed together when it ends. */
  beginBatch(): Promise<number>;
  endBatch(batch: number): Promise<void>;
  /** Calls a method of an open file; `close` forgets it. */
  callFile(fd: number, method: string, values: readonly unknown[]): Promise<Packed>;
  /** Reads at most `length` bytes from an open file, at `position` or else at its current one. */
  readFile(fd: number, length: number, position: unknown): Promise<Uint8Array>;
  /** Everything in a directory, as `opendir` would give it. */
  listDirectory(values: readonly unknown[]): Promise<Packed>;
  /** The base's content of a file. */
  original(path: string): Promise<Uint8Array>;
  status(): Promise<readonly Change[]>;
  revert(paths: readonly string[]): Promise<void>;
  /** The identity of what is published in the base's place by now, or null. */
  poll(): Promise<string | null>;
  /** Begins to fetch files of the base to be kept, and returns the number it has here. */
  beginPrefetch(paths: readonly string[]): Promise<number>;
  /** How far it is, once that is more than was told before. Fails as it does. */
  prefetchStep(prefetch: number): Promise<PrefetchStep>;
  /** Ends it, if it goes on still. */
  endPrefetch(prefetch: number): Promise<void>;
  flush(): Promise<void>;
}

/** What a host answers to one page. Arguments and results of the file system's methods are packed. */
export interface WorkerCalls extends FirstCalls, VisitCalls {}

type Method = (...values: readonly unknown[]) => Promise<unknown>;

/** The method `name` of `object`, for calls that come as messages. */
export function methodOf(object: object, name: string): Method {
  const method: unknown = Reflect.get(object, name);
  if (typeof method !== "function") throw new FsError("ENOSYS", { syscall: name });
  return (...values) => method.apply(object, values);
}

/** A call that was not done, because the storage has, or is about to get, another owner: to be made again there. */
export class Moved extends Error {
  override readonly name = "Moved";

  constructor() {
    super("The storage has another owner.");
  }
}

/** Whether `error`, which may have crossed, is a `Moved`. */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && error.name === "Moved";
}

/** Classes whose instances cross by their fields and get their methods back. */
const revived = { stats: Stats, "bigint stats": BigIntStats, dirent: Dirent } as const;

/** A result with the word for what it is. */
export type Packed =
  | { readonly kind: keyof typeof revived; readonly value: object }
  | { readonly kind: "dirents"; readonly value: readonly object[] }
  | { readonly kind: "plain"; readonly value: unknown };

/** `value` ready to cross; bytes that fill their buffer are handed over and no longer usable on this side. */
export function pack(value: unknown): Packed {
  if (value instanceof Stats) return { kind: "stats", value };
  if (value instanceof BigIntStats) return { kind: "bigint stats", value };
  if (value instanceof Dirent) return { kind: "dirent", value };
  if (Array.isArray(value) && value[0] instanceof Dirent) return { kind: "dirents", value };
  return transfer({ kind: "plain", value }, buffersOf([value]));
}

/** What `pack` was given, on the other side. */
export function unpack(packed: Packed): unknown {
  const { kind, value } = packed;
  if (kind === "plain") return value;
  if (kind === "dirents") return value.map((one) => revive(one, Dirent.prototype));
  return revive(value, revived[kind].prototype);
}

/** `fields` of a Stats with its methods. */
export function revivedStats(fields: object): Stats {
  return revive(fields, Stats.prototype) as Stats;
}

function revive(fields: object, prototype: object): object {
  return Object.setPrototypeOf(fields, prototype);
}

/** The buffers that can be handed over with `values`: those of bytes that fill them. */
export function buffersOf(values: readonly unknown[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const value of values) {
    if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) continue;
    if (value.byteLength === value.buffer.byteLength) buffers.add(value.buffer);
  }
  return [...buffers];
}

/** `bytes`, handed over. */
export function handedOver(bytes: Uint8Array): Uint8Array {
  return transfer(bytes, buffersOf([bytes]));
}
