/**
 * What page and worker say to each other: the worker's calls, and how values cross that structured cloning alone would
 * strip. Errors keep everything an `FsError` tells (comlink alone keeps message, name and stack), results get their
 * prototypes back, bytes are handed over rather than copied. Both sides call `installErrorTransfer` before the first
 * message.
 */
import { type ProxyMarked, type TransferHandler, transfer, transferHandlers } from "comlink";
import {
  BigIntStats,
  type Change,
  type CopyOptions,
  Dirent,
  type ErrorCode,
  FsError,
  Stats,
} from "../src/index.ts";

/** What the worker is asked to open, as plain data. */
export interface OpenRequest {
  /** URL of the base. */
  readonly base: string;
  /** Name of the storage in this origin. */
  readonly storage: string;
}

/** What was fetched for the base since the overlay was opened. */
export interface Traffic {
  readonly requests: number;
  /** Bytes of the answers' bodies. */
  readonly bytes: number;
}

/** Decides what `cp` copies. */
export type CopyFilter = NonNullable<CopyOptions["filter"]>;

/** What the worker exposes. Arguments and results of the file system's methods are packed. */
export interface WorkerCalls {
  open(request: OpenRequest): Promise<{ readonly locator: string; readonly identity: string }>;
  /** Calls a method of `fs.promises`, or of the batch with this number. */
  call(batch: number | undefined, method: string, values: readonly unknown[]): Promise<Packed>;
  /** Calls `cp` with a filter, which is asked where it was made. */
  copyFiltered(
    batch: number | undefined,
    values: readonly unknown[],
    filter: CopyFilter & ProxyMarked,
  ): Promise<void>;
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
  status(): Promise<readonly Change[]>;
  revert(paths: readonly string[]): Promise<void>;
  original(path: string): Promise<Uint8Array>;
  traffic(): Promise<Traffic>;
  flush(): Promise<void>;
  close(): Promise<void>;
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

/** An error on the wire. */
export type WireError =
  | {
      readonly kind: "fs";
      readonly code: ErrorCode;
      readonly syscall?: string | undefined;
      readonly path?: string | undefined;
      readonly dest?: string | undefined;
      readonly reason?: string | undefined;
      readonly cause?: WireError | undefined;
    }
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message: string;
      readonly stack?: string | undefined;
      /** Node's code of an argument error or an abort. */
      readonly code?: string | undefined;
      readonly cause?: WireError | undefined;
    }
  /** Something that is no error was thrown; it arrives as its text. */
  | { readonly kind: "other"; readonly text: string };

/** How many causes of causes cross. A chain that long tells nothing more, and one may be a circle. */
const deepestCause = 8;

/** `error` as plain data. */
export function packError(error: unknown, depth = 0): WireError {
  if (!(error instanceof Error)) return { kind: "other", text: String(error) };
  const cause =
    error.cause === undefined || depth === deepestCause
      ? undefined
      : packError(error.cause, depth + 1);
  if (error instanceof FsError) {
    const { code, syscall, path, dest, reason } = error;
    return { kind: "fs", code, syscall, path, dest, reason, cause };
  }
  const { name, message, stack } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { kind: "error", name, message, stack, code, cause };
}

/** The error that `packed` tells of: an `FsError` where it was one, with its message and errno made anew. */
export function unpackError(packed: WireError): unknown {
  if (packed.kind === "other") return packed.text;
  const cause = packed.cause && unpackError(packed.cause);
  if (packed.kind === "fs") return new FsError(packed.code, { ...packed, cause });
  const { name, message, stack, code } = packed;
  const type = name === "TypeError" ? TypeError : name === "RangeError" ? RangeError : Error;
  const error = new type(message, cause === undefined ? undefined : { cause });
  if (error.name !== name) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}

let errorTransfer: TransferHandler<{ value: unknown }, WireError> | undefined;

/** Replaces comlink's handler of thrown values in this realm; a second call changes nothing. */
export function installErrorTransfer(): void {
  const installed = transferHandlers.get("throw");
  if (!installed || errorTransfer) return;
  errorTransfer = {
    // Only comlink's own handler can tell a thrown value from a returned one.
    canHandle: (value): value is { value: unknown } => installed.canHandle(value),
    serialize: ({ value }) => [packError(value), []],
    deserialize(packed) {
      throw unpackError(packed);
    },
  };
  transferHandlers.set("throw", errorTransfer);
}
