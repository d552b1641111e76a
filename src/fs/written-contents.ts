/** Whole contents in: what writeFile takes, in pieces so that long ones stay interruptible. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Context } from "../overlay/make.ts";
import { checkSignal } from "./abort.ts";
import { bytesOf, type DataArgument } from "./arguments.ts";
import { during } from "./during.ts";
import type { Coder } from "./encoding.ts";
import type { OpenIntent } from "./open-flags.ts";
import { close, type Opened, pieceLength } from "./reading-calls.ts";
import { open, writeAll } from "./system-calls.ts";

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
