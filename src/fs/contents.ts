/** Whole contents in and out: what readFile gives and writeFile takes, in pieces so that long ones stay interruptible. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Handle, OverlayFiles } from "../overlay/files.ts";
import type { Context } from "../overlay/make.ts";
import { bytesOf, type DataArgument } from "./arguments.ts";
import { during } from "./calls.ts";
import type { Coder } from "./encoding.ts";
import type { OpenIntent } from "./open-flags.ts";
import { close, type Opened, open, pieceLength, writeAll } from "./system-calls.ts";

export interface ReadOptions {
  /** Without one the result is bytes. */
  readonly encoding?: string | null;
  /** Default "r". */
  readonly flag?: string | number;
  /** Ends the call with an AbortError. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  /** Of text; default UTF-8. */
  readonly encoding?: string | null;
  /** Of a file that is created; default 0o666, less the umask. */
  readonly mode?: number | string;
  /** Default "w", for appendFile "a". */
  readonly flag?: string | number;
  /** Ends the call with an AbortError; what was written until then stays. */
  readonly signal?: AbortSignal;
  /** Commit strictly before the call resolves. */
  readonly flush?: boolean;
}

/** What can be written whole: text, bytes, or any iterable of them. */
export type DataSource = DataArgument | Iterable<DataArgument> | AsyncIterable<DataArgument>;

/** A call was ended by its signal. `cause` is the signal's reason. */
export class AbortError extends Error {
  override readonly name = "AbortError";
  readonly code = "ABORT_ERR";

  constructor(signal: AbortSignal) {
    super("The operation was aborted", { cause: signal.reason });
  }
}

/** @throws AbortError `signal` says so */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal);
}

/**
 * All bytes from `offset` to the end of the file: as many as its size promises, and what was added while we read.
 * @throws RangeError (from the runtime) there are more than one buffer can hold
 */
export function* readAll(
  overlay: OverlayFiles,
  handle: Handle,
  offset: number,
  signal?: AbortSignal,
): Operation<Uint8Array<ArrayBuffer>> {
  const { size } = yield* overlay.getattr(handle.inode);
  const promised = new Uint8Array(Math.max(0, size - offset));
  const length = yield* fill(overlay, handle, offset, promised, signal);
  if (length < promised.length) return promised.slice(0, length);
  const more: Uint8Array[] = [];
  // Usually one byte asked for, none there: the file has the size it said.
  for (let wanted = 1; ; wanted = pieceLength) {
    const piece = new Uint8Array(wanted);
    const at = offset + length + lengthOf(more);
    const got = yield* fill(overlay, handle, at, piece, signal);
    if (got > 0) more.push(piece.subarray(0, got));
    if (got < wanted) break;
  }
  return more.length === 0 ? promised : concat([promised, ...more]);
}

function* fill(
  overlay: OverlayFiles,
  handle: Handle,
  offset: number,
  into: Uint8Array,
  signal: AbortSignal | undefined,
): Operation<number> {
  let length = 0;
  while (length < into.length) {
    checkSignal(signal);
    const piece = into.subarray(length, length + pieceLength);
    const got = yield* overlay.read(handle, offset + length, piece);
    length += got;
    if (got < piece.length) break;
  }
  return length;
}

/** readFile: all bytes of the file at `path`. */
export function* readWhole(
  overlay: OverlayFiles,
  path: string,
  intent: OpenIntent,
  context: Context,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  const opened = yield* open(overlay, path, intent, 0o666, context);
  try {
    return yield* during({ syscall: "read" }, readOpened(overlay, opened, signal));
  } finally {
    yield* close(overlay, opened);
  }
}

function* readOpened(
  overlay: OverlayFiles,
  { handle, intent }: Opened,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  if (!handle) throw new FsError("EISDIR");
  if (!intent.read) throw new FsError("EBADF");
  return yield* readAll(overlay, handle, 0, signal);
}

/** writeFile: `bytes` into the file at `path`, which `intent` says to empty first, or to create, or neither. */
export function* writeWhole(
  overlay: OverlayFiles,
  path: string,
  intent: OpenIntent,
  mode: number,
  context: Context,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Operation<void> {
  const opened = yield* open(overlay, path, intent, mode, context);
  try {
    yield* during({ syscall: "write" }, writeOpened(overlay, opened, bytes, signal));
  } finally {
    yield* close(overlay, opened);
  }
}

function* writeOpened(
  overlay: OverlayFiles,
  { handle, intent }: Opened,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Operation<void> {
  if (!handle || !intent.write) throw new FsError("EBADF");
  for (let done = 0; done < bytes.length; done += pieceLength) {
    checkSignal(signal);
    yield* writeAll(overlay, handle, done, bytes.subarray(done, done + pieceLength));
  }
}

/** `data` as bytes, one piece of it at a time. */
export async function* piecesOf(
  data: DataSource,
  coder: Coder,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  checkSignal(signal);
  if (!isIterable(data)) {
    yield bytesOf(data, coder);
    return;
  }
  for await (const piece of data) {
    checkSignal(signal);
    yield bytesOf(piece, coder);
  }
}

export function isIterable(
  data: DataSource,
): data is Iterable<DataArgument> | AsyncIterable<DataArgument> {
  if (typeof data !== "object" || data === null || ArrayBuffer.isView(data)) return false;
  return Symbol.asyncIterator in data || Symbol.iterator in data;
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
