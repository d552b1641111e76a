/**
 * Open files and directories on the page: the same methods as `FileHandle` and `Dir` have where the overlay is, each
 * one message away. Buffers stay the caller's: what is written is copied before it is handed over. An open file lives
 * and dies with the owner it was opened at. A page loads this right after its overlay is open (remote-fs.ts).
 */
import type { BigIntStats, DataSource, Dir, Dirent, FileHandle, Stats } from "../src/index.ts";
import type { Connection } from "./connection.ts";
import type { Link } from "./link.ts";
import { unpack } from "./protocol.ts";
import { gathered, sendable, type Values } from "./sent-values.ts";

/** An open file on the page. */
export type PageFileHandle = Pick<FileHandle, keyof FileHandle>;

/** An open directory on the page. */
export type PageDir = Pick<Dir, keyof Dir>;

/** What a caller of `read` and `write` can give instead of numbers in a row. */
interface Window {
  readonly offset?: number | null;
  readonly length?: number | null;
  readonly position?: number | bigint | null;
}

/** The part of `view` that a call means, as bytes. */
function windowOf(view: ArrayBufferView, { offset, length }: Window): Uint8Array {
  const from = offset ?? 0;
  const count = length ?? view.byteLength - from;
  if (!Number.isInteger(from) || from < 0 || from > view.byteLength)
    throw outOfRange("offset", from);
  if (!Number.isInteger(count) || count < 0 || count > view.byteLength - from) {
    throw outOfRange("length", count);
  }
  return new Uint8Array(view.buffer, view.byteOffset + from, count);
}

function outOfRange(name: string, value: number): RangeError {
  const message = `The value of "${name}" is out of range. Received ${value}`;
  return Object.assign(new RangeError(message), { code: "ERR_OUT_OF_RANGE" });
}

function windowFrom(
  first: number | null | undefined | Window,
  length: number | null | undefined,
  position: number | bigint | null | undefined,
): Window {
  if (typeof first === "object" && first !== null) return first;
  return { offset: first ?? null, length: length ?? null, position: position ?? null };
}

/** See `PageFileHandle`. */
class RemoteFile {
  readonly fd: number;
  readonly #connection: Connection;
  readonly #link: Link;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, link: Link, fd: number) {
    this.#connection = connection;
    this.#link = link;
    this.fd = fd;
  }

  async read(
    first?: ArrayBufferView | (Window & { readonly buffer?: ArrayBufferView }),
    second?: number | null | Window,
    third?: number | null,
    fourth?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: ArrayBufferView }> {
    const isView = ArrayBuffer.isView(first);
    const buffer = isView ? first : (first?.buffer ?? new Uint8Array(16_384));
    const window = isView ? windowFrom(second, third, fourth) : (first ?? {});
    const into = windowOf(buffer, window);
    const bytesRead = await this.#readInto(into, window.position ?? null);
    return { bytesRead, buffer };
  }

  async readv<View extends ArrayBufferView>(
    buffers: readonly View[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly View[] }> {
    let bytesRead = 0;
    for (const view of buffers) {
      const at = typeof position === "number" && position >= 0 ? position + bytesRead : null;
      const length = await this.#readInto(windowOf(view, {}), at);
      bytesRead += length;
      if (length < view.byteLength) break;
    }
    return { bytesRead, buffers };
  }

  async #readInto(into: Uint8Array, position: number | bigint | null): Promise<number> {
    const bytes = await this.#connection.callOn(this.#link, "read", (calls) =>
      calls.readFile(this.fd, into.length, position),
    );
    into.set(bytes);
    return bytes.length;
  }

  readFile(options?: unknown): Promise<unknown> {
    return this.#call("readFile", [options]);
  }

  async write(
    data: string | ArrayBufferView,
    second?: number | null | Window,
    third?: number | string | null,
    fourth?: number | null,
  ): Promise<{ bytesWritten: number; buffer: string | ArrayBufferView }> {
    const values = [data, second, third, fourth];
    if (ArrayBuffer.isView(data)) {
      const window = windowFrom(second, typeof third === "number" ? third : null, fourth);
      const bytes = windowOf(data, window);
      values.splice(0, 4, bytes, 0, bytes.length, Number(window.position ?? -1));
    }
    const written = (await this.#call("write", values)) as { bytesWritten: number };
    return { bytesWritten: written.bytesWritten, buffer: data };
  }

  async writev<View extends ArrayBufferView>(
    buffers: readonly View[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly View[] }> {
    let bytesWritten = 0;
    for (const view of buffers) {
      const at = typeof position === "number" && position >= 0 ? position + bytesWritten : null;
      bytesWritten += (await this.write(view, 0, view.byteLength, at)).bytesWritten;
    }
    return { bytesWritten, buffers };
  }

  async writeFile(data: DataSource, options?: unknown): Promise<void> {
    await this.#call("writeFile", [await gathered(data), options]);
  }

  async appendFile(data: DataSource, options?: unknown): Promise<void> {
    await this.#call("appendFile", [await gathered(data), options]);
  }

  stat(options?: { readonly bigint?: boolean }): Promise<Stats | BigIntStats> {
    return this.#call("stat", [options]) as Promise<Stats | BigIntStats>;
  }

  async truncate(length?: number | null): Promise<void> {
    await this.#call("truncate", [length]);
  }

  async chmod(mode: number | string): Promise<void> {
    await this.#call("chmod", [mode]);
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.#call("chown", [uid, gid]);
  }

  async utimes(atime: number | string | Date, mtime: number | string | Date): Promise<void> {
    await this.#call("utimes", [atime, mtime]);
  }

  async sync(): Promise<void> {
    await this.#call("sync", []);
  }

  async datasync(): Promise<void> {
    await this.#call("datasync", []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#call("close", []).then(() => undefined);
    return this.#closing;
  }

  async #call(method: string, values: Values): Promise<unknown> {
    const sent = sendable(values);
    return unpack(
      await this.#connection.callOn(this.#link, method, (calls) =>
        calls.callFile(this.fd, method, sent),
      ),
    );
  }
}

/** The open file that the owner at the end of `link` knows by the number `fd`. */
export function remoteFile(connection: Connection, link: Link, fd: number): PageFileHandle {
  return new RemoteFile(connection, link, fd) as unknown as PageFileHandle;
}

/** A directory all of whose entries came with it. */
export class RemoteDirectory implements PageDir {
  readonly path: string;
  readonly #entries: readonly Dirent[];
  #next = 0;
  #closed = false;

  constructor(path: string, entries: readonly Dirent[]) {
    this.path = path;
    this.#entries = entries;
  }

  async read(): Promise<Dirent | null> {
    this.#refuseIfClosed();
    const entry = this.#entries[this.#next];
    this.#next += 1;
    return entry ?? null;
  }

  async close(): Promise<void> {
    this.#refuseIfClosed();
    this.#closed = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry; entry = await this.read()) yield entry;
    } finally {
      await this.close();
    }
  }

  #refuseIfClosed(): void {
    if (!this.#closed) return;
    throw Object.assign(new Error("Directory handle was closed"), { code: "ERR_DIR_CLOSED" });
  }
}
