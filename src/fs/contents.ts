/** Whole contents out: what readFile gives, in pieces so that long ones stay interruptible. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Handle } from "../overlay/handle.ts";
import type { ReadableOverlay } from "../overlay/readable.ts";
import { checkSignal } from "./abort.ts";
import { during } from "./during.ts";
import { find } from "./path.ts";
import { close, forReading, type Opened, openInode, pieceLength } from "./reading-calls.ts";

export interface ReadOptions {
  /** Without one the result is bytes. */
  readonly encoding?: string | null;
  /** Default "r". */
  readonly flag?: string | number;
  /** Ends the call with an AbortError. */
  readonly signal?: AbortSignal;
}

/**
 * All bytes from `offset` to the end of the file: as many as its size promises, and what was added while we read.
 * @throws RangeError (from the runtime) there are more than one buffer can hold
 */
export function* readAll(
  overlay: ReadableOverlay,
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
  overlay: ReadableOverlay,
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

/** readFile: all bytes of the file at `path`, which has to be there. */
export function* readWhole(
  overlay: ReadableOverlay,
  path: string,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  const opened = yield* openInode(overlay, yield* find(overlay, path, true), forReading);
  return yield* readAndClose(overlay, opened, signal);
}

/** All bytes of what was just opened; it is closed then. */
export function* readAndClose(
  overlay: ReadableOverlay,
  opened: Opened,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  try {
    return yield* during({ syscall: "read" }, readOpened(overlay, opened, signal));
  } finally {
    yield* close(overlay, opened);
  }
}

function* readOpened(
  overlay: ReadableOverlay,
  { handle, intent }: Opened,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  if (!handle) throw new FsError("EISDIR");
  if (!intent.read) throw new FsError("EBADF");
  return yield* readAll(overlay, handle, 0, signal);
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
