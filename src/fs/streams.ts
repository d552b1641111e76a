/**
 * Files as web streams: bytes are read as they are asked for and written as they come, so a file of any size passes
 * through a bounded amount of memory. Works over any object with the `open` of `node:fs/promises`: an overlay where it
 * is, or a page's view of one in a worker.
 */
import { AbortError, checkSignal } from "./abort.ts";

/** How much is read at a time, in bytes: a message to a worker costs as much as 64 KiB of it. */
const pieceLength = 256 * 1024;

/** An open file, as much of it as streams need. */
export interface StreamFile {
  read(
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  write(
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesWritten: number }>;
  truncate(length?: number): Promise<void>;
  close(): Promise<void>;
}

/** What opens files. */
export interface StreamFs {
  open(path: string, flags?: string, mode?: number): Promise<StreamFile>;
}

/** What of a file a stream gives. */
export interface ReadableOptions {
  /** The first byte; default 0. */
  readonly start?: number;
  /** The byte after the last; default: the end of the file. */
  readonly end?: number;
  /** Ends the stream with an AbortError, and closes the file. */
  readonly signal?: AbortSignal;
}

/** How a stream writes a file. */
export interface WritableOptions {
  /** As for `open`: "w" (default) begins anew, "a" appends, "wx" refuses a file that is there, "r+" overwrites. */
  readonly flags?: "w" | "wx" | "a" | "ax" | "r+";
  /** Permission bits of a new file, less the umask; default 0o666. */
  readonly mode?: number;
  /** Ends the stream with an AbortError; what was written until then stays. */
  readonly signal?: AbortSignal;
}

/** Bytes in one of the forms that a stream takes them in. */
export type StreamChunk = Uint8Array | ArrayBuffer | ArrayBufferView | string | Blob;

/**
 * The bytes of the file at `path`, read only as they are asked for. The file is opened by the first reading and closed at
 * the end, by `cancel`, and after an error. A file that grows meanwhile is read to its new end.
 * Errors of the stream are those of `open` and `read` (`FsError`), and AbortError.
 */
export function readable(
  fs: StreamFs,
  path: string,
  options: ReadableOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { start = 0, end = Number.MAX_SAFE_INTEGER, signal } = options;
  let file: StreamFile | undefined;
  let at = start;
  let abandon = (): void => {};
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", abandon);
    await file?.close();
  };
  const pull = async (
    controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
  ): Promise<void> => {
    try {
      checkSignal(signal);
      file ??= await fs.open(path, "r");
      const length = Math.min(pieceLength, end - at);
      const buffer = new Uint8Array(Math.max(0, length));
      const bytesRead = length > 0 ? (await file.read(buffer, 0, length, at)).bytesRead : 0;
      checkSignal(signal);
      at += bytesRead;
      if (bytesRead > 0) controller.enqueue(buffer.subarray(0, bytesRead));
      if (bytesRead > 0 && at < end) return;
      controller.close();
    } catch (error) {
      await close();
      throw error;
    }
    await close();
  };
  const begin = (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): void => {
    if (!signal) return;
    // Also while nobody reads: the file must not stay open until somebody does.
    abandon = () => {
      controller.error(new AbortError(signal));
      close().catch(() => {}); // The stream has ended for another reason already.
    };
    signal.addEventListener("abort", abandon, { once: true });
  };
  return new ReadableStream({ start: begin, pull, cancel: close }, { highWaterMark: 0 });
}

/**
 * A stream into the file at `path`. Each write resolves once it is committed, so that memory stays bounded; `close`
 * resolves when the file is closed. After `abort`, or an error, what was written until then stays.
 * Errors of the stream are those of `open` and `write` (`FsError`), and AbortError.
 */
export function writable(
  fs: StreamFs,
  path: string,
  options: WritableOptions = {},
): WritableStream<StreamChunk> {
  const { flags = "w", mode = 0o666, signal } = options;
  let file: StreamFile | undefined;
  let at = 0;
  const isAppending = flags.startsWith("a");
  const opened = async (): Promise<StreamFile> => {
    file ??= await fs.open(path, flags, mode);
    return file;
  };
  return new WritableStream<StreamChunk>({
    write: async (chunk) => {
      try {
        checkSignal(signal);
        const to = await opened();
        for await (const bytes of piecesOf(chunk)) {
          await writeAll(to, bytes, isAppending ? null : at);
          at += bytes.length;
        }
      } catch (error) {
        await file?.close();
        throw error;
      }
    },
    // Also a stream without a byte makes its file.
    close: async () => {
      if (signal?.aborted) {
        await file?.close();
        throw new AbortError(signal);
      }
      await (await opened()).close();
    },
    abort: async () => await file?.close(),
  });
}

/** Writes all of `bytes` at `position`, or at the end of an appending file if that is null. */
export async function writeAll(
  file: StreamFile,
  bytes: Uint8Array<ArrayBuffer>,
  position: number | null,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const at = position === null ? null : position + done;
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at);
    done += bytesWritten;
  }
}

/**
 * `chunk` as bytes, a large Blob in pieces.
 * @throws TypeError it is none of the forms that a stream takes
 */
export async function* piecesOf(chunk: StreamChunk): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (typeof chunk === "string") yield new TextEncoder().encode(chunk);
  else if (chunk instanceof ArrayBuffer) yield new Uint8Array(chunk);
  else if (ArrayBuffer.isView(chunk)) {
    const { buffer, byteOffset, byteLength } = chunk;
    yield buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : new Uint8Array(buffer, byteOffset, byteLength).slice();
  } else if (typeof chunk === "object" && chunk !== null && "arrayBuffer" in chunk) {
    for (let at = 0; at < chunk.size; at += pieceLength) {
      yield new Uint8Array(await chunk.slice(at, at + pieceLength).arrayBuffer());
    }
  } else {
    throw new TypeError("a file takes strings, buffers, views of buffers and Blobs");
  }
}
