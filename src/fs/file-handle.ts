/**
 * An open file in the shape of Node's `FileHandle`. It keeps the current position; where a call names none, reads and
 * writes go on from there. Streams (`createReadStream` and its kin) are left to their platforms.
 */
import type { AttributeChanges } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { Deferred, type Operation, waitFor } from "../operation.ts";
import type { Handle } from "../overlay/handle.ts";
import { outOfRange } from "./argument-error.ts";
import {
  type DataArgument,
  integerOf,
  type ModeArgument,
  modeOf,
  ownerChanges,
  positionOf,
  type TimeArgument,
  timeOf,
  viewOf,
} from "./arguments.ts";
import type { Calls } from "./calls.ts";
import { type ReadOptions, readAll } from "./contents.ts";
import { coderOf, encodingOf } from "./encoding.ts";
import { decode, encode } from "./encodings.ts";
import { optionsOf } from "./plain-arguments.ts";
import { close, type Opened } from "./reading-calls.ts";
import { BigIntStats, Stats, type Volume } from "./stats.ts";
import { writeAll } from "./system-calls.ts";
import { type DataSource, piecesOf, type WriteOptions } from "./written-contents.ts";

/** Where to read to, and how much. */
export interface ReadTarget<View extends ArrayBufferView = ArrayBufferView> {
  readonly buffer?: View;
  /** First byte of `buffer` to fill; default 0. */
  readonly offset?: number;
  /** Bytes to read at most; default: as many as fit. */
  readonly length?: number;
  /** Where in the file; without one, the current position, which then moves. */
  readonly position?: number | bigint | null;
}

/** See the head of this file. */
export class FileHandle {
  /** A number that no other open handle has. It means nothing to the operating system. */
  readonly fd: number;
  readonly #calls: Calls;
  readonly #opened: Opened;
  readonly #volume: Volume;
  #position = 0;
  #closing: Promise<void> | undefined;
  /** Calls under way, for which close waits. */
  #busy = 0;
  readonly #idle = new Deferred<void>();

  static {
    // Where the runtime has `await using`, a handle can be declared so.
    const asyncDispose: unknown = Reflect.get(Symbol, "asyncDispose");
    if (typeof asyncDispose === "symbol") {
      Object.defineProperty(FileHandle.prototype, asyncDispose, {
        value: function (this: FileHandle) {
          return this.close();
        },
        configurable: true,
        writable: true,
      });
    }
  }

  constructor(fd: number, calls: Calls, opened: Opened, volume: Volume) {
    this.fd = fd;
    this.#calls = calls;
    this.#opened = opened;
    this.#volume = volume;
  }

  /** Fills `buffer` from the file; `bytesRead` is 0 at its end. */
  async read<View extends ArrayBufferView = Uint8Array<ArrayBuffer>>(
    buffer: View,
    offset?: number | null | Omit<ReadTarget, "buffer">,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: View }>;
  async read<View extends ArrayBufferView = Uint8Array<ArrayBuffer>>(
    target?: ReadTarget<View>,
  ): Promise<{ bytesRead: number; buffer: View }>;
  async read(
    first?: ArrayBufferView | ReadTarget,
    second?: number | null | Omit<ReadTarget, "buffer">,
    third?: number | null,
    fourth?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: ArrayBufferView }> {
    const target: ReadTarget = ArrayBuffer.isView(first)
      ? { ...rangeOf(second, third, fourth), buffer: first }
      : optionsOf<ReadTarget>(first);
    const buffer = target.buffer ?? new Uint8Array(16384);
    const into = windowOf(viewOf(buffer, "buffer"), target.offset, target.length);
    const position = positionOf(target.position);
    const bytesRead = await this.#read("read", this.#readInto(into, position));
    return { bytesRead, buffer };
  }

  /** Fills several views one after the other. */
  async readv<View extends ArrayBufferView>(
    buffers: readonly View[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly View[] }> {
    let at = positionOf(position);
    let bytesRead = 0;
    for (const buffer of buffers) {
      const into = viewOf(buffer, "buffers");
      const length = await this.#read("read", this.#readInto(into, at));
      bytesRead += length;
      if (at !== undefined) at += length;
      if (length < into.length) break;
    }
    return { bytesRead, buffers };
  }

  /** Everything from the current position to the end of the file. */
  async readFile(
    options?: (ReadOptions & { encoding?: null }) | null,
  ): Promise<Uint8Array<ArrayBuffer>>;
  async readFile(options: string | (ReadOptions & { encoding: string })): Promise<string>;
  async readFile(options?: string | ReadOptions | null): Promise<string | Uint8Array<ArrayBuffer>>;
  async readFile(options?: string | ReadOptions | null): Promise<string | Uint8Array<ArrayBuffer>> {
    const { encoding, signal } = optionsOf<ReadOptions>(options);
    const name = encoding === null || encoding === undefined ? undefined : encodingOf(encoding);
    const bytes = await this.#read("read", this.#readRest(signal));
    return name ? decode(bytes, name) : bytes;
  }

  /**
   * Writes bytes, or text, at `position` or else at the current position, which then moves.
   * @throws ENOSPC, EDQUOT the storage is full
   */
  async write<View extends ArrayBufferView>(
    buffer: View,
    offset?: number | null | Omit<ReadTarget, "buffer">,
    length?: number | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: View }>;
  async write(
    text: string,
    position?: number | null,
    encoding?: string | null,
  ): Promise<{ bytesWritten: number; buffer: string }>;
  async write(
    data: DataArgument,
    second?: number | null | Omit<ReadTarget, "buffer">,
    third?: number | string | null,
    fourth?: number | null,
  ): Promise<{ bytesWritten: number; buffer: DataArgument }> {
    let bytes: Uint8Array;
    let position: number | undefined;
    if (typeof data === "string") {
      bytes = encode(data, encodingOf(third ?? "utf8"));
      position = positionOf(second);
    } else {
      const range = rangeOf(second, typeof third === "number" ? third : null, fourth);
      bytes = windowOf(viewOf(data, "buffer"), range.offset, range.length);
      position = positionOf(range.position);
    }
    await this.#change("write", this.#write(bytes, position));
    return { bytesWritten: bytes.length, buffer: data };
  }

  /** Writes several views one after the other. */
  async writev<View extends ArrayBufferView>(
    buffers: readonly View[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly View[] }> {
    let at = positionOf(position);
    let bytesWritten = 0;
    for (const buffer of buffers) {
      const bytes = viewOf(buffer, "buffers");
      await this.#change("write", this.#write(bytes, at));
      bytesWritten += bytes.length;
      if (at !== undefined) at += bytes.length;
    }
    return { bytesWritten, buffers };
  }

  /** Writes all of `data` from the current position on; the file is not truncated before. */
  async writeFile(data: DataSource, options?: string | WriteOptions | null): Promise<void> {
    const { encoding, signal, flush } = optionsOf<WriteOptions>(options);
    const coder = await coderOf(encodingOf(encoding ?? "utf8"));
    for await (const piece of piecesOf(data, coder, signal)) {
      await this.#change("write", this.#write(piece, undefined));
    }
    if (flush) await this.sync();
  }

  /** The same as `writeFile`, as in Node: it appends if the file was opened for appending. */
  appendFile(data: DataSource, options?: string | WriteOptions | null): Promise<void> {
    return this.writeFile(data, options);
  }

  async stat(options?: { readonly bigint?: false }): Promise<Stats>;
  async stat(options: { readonly bigint: true }): Promise<BigIntStats>;
  async stat(options?: { readonly bigint?: boolean }): Promise<Stats | BigIntStats> {
    const stat = await this.#read("fstat", this.#calls.overlay.getattr(this.#opened.inode));
    return options?.bigint ? new BigIntStats(stat, this.#volume) : new Stats(stat, this.#volume);
  }

  /** Cuts the file to `length` bytes, or makes it longer by a hole that reads zero. */
  async truncate(length: number | null = 0): Promise<void> {
    const size = Math.max(0, integerOf(length ?? 0, "len", Number.MIN_SAFE_INTEGER));
    await this.#change("ftruncate", this.#truncate(size));
  }

  async chmod(mode: ModeArgument): Promise<void> {
    await this.#setattr("fchmod", { mode: modeOf(mode) });
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.#setattr("fchown", ownerChanges(uid, gid));
  }

  async utimes(atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    await this.#setattr("futime", { atime: timeOf(atime), mtime: timeOf(mtime) });
  }

  /** Makes everything done so far safe against a loss of power, as far as the platform can promise it. */
  async sync(): Promise<void> {
    await this.#read("fsync", this.#calls.overlay.commit("strict"));
  }

  /** The same as `sync`. */
  async datasync(): Promise<void> {
    await this.#read("fdatasync", this.#calls.overlay.commit("strict"));
  }

  /** Waits for the calls under way and gives the file up. A second close does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#calls.change({ syscall: "close" }, this.#release());
    return this.#closing;
  }

  *#release(): Operation<void> {
    if (this.#busy > 0) yield* waitFor(this.#idle);
    yield* close(this.#calls.overlay, this.#opened);
  }

  *#readInto(into: Uint8Array, position: number | undefined): Operation<number> {
    const length = yield* this.#calls.overlay.read(
      this.#readable(),
      position ?? this.#position,
      into,
    );
    if (position === undefined) this.#position += length;
    return length;
  }

  *#readRest(signal: AbortSignal | undefined): Operation<Uint8Array<ArrayBuffer>> {
    const bytes = yield* readAll(this.#calls.overlay, this.#readable(), this.#position, signal);
    this.#position += bytes.length;
    return bytes;
  }

  *#write(bytes: Uint8Array, position: number | undefined): Operation<void> {
    const { inode, handle, intent } = this.#opened;
    if (!handle || !intent.write) throw new FsError("EBADF");
    const at = position ?? this.#position;
    // Claimed before anything waits, so that writes begun one after the other land one after the other.
    if (position === undefined) this.#position += bytes.length;
    yield* writeAll(this.#calls.overlay, handle, at, bytes);
    if (intent.append) this.#position = (yield* this.#calls.overlay.getattr(inode)).size;
  }

  *#truncate(size: number): Operation<void> {
    const { inode, handle, intent } = this.#opened;
    if (!handle || !intent.write) throw new FsError("EINVAL");
    yield* this.#calls.overlay.setattr(inode, { size });
  }

  #readable(): Handle {
    const { handle, intent } = this.#opened;
    if (!intent.read) throw new FsError("EBADF");
    if (!handle) throw new FsError("EISDIR");
    return handle;
  }

  async #setattr(syscall: string, changes: AttributeChanges): Promise<void> {
    await this.#change(syscall, this.#calls.overlay.setattr(this.#opened.inode, changes));
  }

  #read<T>(syscall: string, operation: Operation<T>): Promise<T> {
    return this.#calls.read({ syscall }, this.#whileOpen(operation));
  }

  #change<T>(syscall: string, operation: Operation<T>): Promise<T> {
    const durability = this.#opened.intent.synchronous ? "strict" : "relaxed";
    return this.#calls.change({ syscall }, this.#whileOpen(operation), durability);
  }

  *#whileOpen<T>(operation: Operation<T>): Operation<T> {
    if (this.#closing) throw new FsError("EBADF", { reason: "file closed" });
    this.#busy += 1;
    try {
      return yield* operation;
    } finally {
      this.#busy -= 1;
      if (this.#closing && this.#busy === 0) this.#idle.resolve();
    }
  }
}

function rangeOf(
  offset: number | null | undefined | Omit<ReadTarget, "buffer">,
  length: number | null | undefined,
  position: number | bigint | null | undefined,
): Omit<ReadTarget, "buffer"> {
  if (typeof offset === "object" && offset !== null) return offset;
  return {
    ...(typeof offset === "number" && { offset }),
    ...(typeof length === "number" && { length }),
    ...(position !== undefined && { position }),
  };
}

/** The part of `bytes` that a call means. */
function windowOf(bytes: Uint8Array, offset = 0, length?: number | null): Uint8Array {
  const from = integerOf(offset, "offset");
  if (from > bytes.length) throw outOfRange("offset", `<= ${bytes.length}`, from);
  const count = length ?? bytes.length - from;
  return bytes.subarray(from, from + integerOf(count, "length", 0, bytes.length - from));
}
