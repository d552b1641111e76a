/**
 * The half of the programs' API that only reads, over an overlay that need not be able to change: see promises.ts, whose
 * class this begins.
 */
import type { Stat } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { type Operation, run } from "../operation.ts";
import type { ReadableOverlay } from "../overlay/readable.ts";
import { checkSignal } from "./abort.ts";
import { type ReadOptions, readWhole } from "./contents.ts";
import { type Call, during } from "./during.ts";
import { coderOf, encodingOf, utf8 } from "./encoding.ts";
import { booleanOf, optionsOf, pathOf } from "./plain-arguments.ts";
import * as calls from "./reading-calls.ts";
import { BigIntStats, Dirent, Stats, type Volume } from "./stats.ts";

/** Options that are an encoding or hold one; `"buffer"` asks for bytes. */
export type EncodingOptions = string | { readonly encoding?: string | null } | null;

/** Options that ask for names as bytes. */
export type BufferOptions = "buffer" | { readonly encoding: "buffer" };

export interface ReaddirOptions {
  readonly encoding?: string | null;
  readonly withFileTypes?: boolean;
  /** All below the directory too, as paths relative to it. */
  readonly recursive?: boolean;
  /** Ends the call with an AbortError. */
  readonly signal?: AbortSignal;
}

/** Without a flag: what that asks for may be more than reading. */
export type PlainReadOptions = Omit<ReadOptions, "flag">;

/** What a directory and all below it hold, in the order of readdir. */
type EntriesBelow = (
  overlay: ReadableOverlay,
  path: string,
  signal: AbortSignal | undefined,
) => Operation<calls.Entry[]>;

const notSupported: EntriesBelow = () => {
  throw new FsError("EOPNOTSUPP");
};

/** See the head of this file. Every method works unbound, so that `const { readFile } = fs.promises` does. */
export class FsReading {
  readonly #overlay: ReadableOverlay;
  readonly #volume: Volume;
  readonly #entriesBelow: EntriesBelow;

  /** Without `entriesBelow` there is no `recursive` here. */
  constructor(overlay: ReadableOverlay, entriesBelow: EntriesBelow = notSupported) {
    this.#overlay = overlay;
    this.#entriesBelow = entriesBelow;
    this.#volume = volumeOf(overlay);
    for (
      let prototype = Object.getPrototypeOf(this);
      prototype !== Object.prototype;
      prototype = Object.getPrototypeOf(prototype)
    ) {
      for (const name of Object.getOwnPropertyNames(prototype)) {
        if (name === "constructor" || Object.hasOwn(this, name)) continue;
        const method = Reflect.get(this, name) as (...values: unknown[]) => unknown;
        const value = method.bind(this);
        Object.defineProperty(this, name, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
    }
  }

  async stat(path: string, options?: { readonly bigint?: false } | null): Promise<Stats>;
  async stat(path: string, options: { readonly bigint: true }): Promise<BigIntStats>;
  async stat(
    path: string,
    options?: { readonly bigint?: boolean } | null,
  ): Promise<Stats | BigIntStats>;
  async stat(
    path: string,
    options?: { readonly bigint?: boolean } | null,
  ): Promise<Stats | BigIntStats> {
    return this.#stats(await this.#stat("stat", path, true), options);
  }

  /** As stat, of a symlink itself. */
  async lstat(path: string, options?: { readonly bigint?: false } | null): Promise<Stats>;
  async lstat(path: string, options: { readonly bigint: true }): Promise<BigIntStats>;
  async lstat(
    path: string,
    options?: { readonly bigint?: boolean } | null,
  ): Promise<Stats | BigIntStats>;
  async lstat(
    path: string,
    options?: { readonly bigint?: boolean } | null,
  ): Promise<Stats | BigIntStats> {
    return this.#stats(await this.#stat("lstat", path, false), options);
  }

  /** The names in a directory, sorted. Symlinks to directories are not gone into with `recursive`. */
  async readdir(
    path: string,
    options?: string | (ReaddirOptions & { readonly withFileTypes?: false }) | null,
  ): Promise<string[]>;
  async readdir(
    path: string,
    options: ReaddirOptions & { readonly withFileTypes: true },
  ): Promise<Dirent[]>;
  async readdir(
    path: string,
    options?: string | ReaddirOptions | null,
  ): Promise<string[] | Dirent[]> {
    const call = { syscall: "scandir", path: pathOf(path) };
    const { recursive, withFileTypes, encoding, signal } = optionsOf<ReaddirOptions>(options);
    const deep = booleanOf(recursive, "options.recursive");
    checkSignal(signal);
    const list = deep ? this.#entriesBelow : calls.entriesIn;
    const entries = await this.#read(call, list(this.#overlay, path, signal));
    if (withFileTypes) {
      return entries.map(({ name, directory, type }) => new Dirent(name, directory, type));
    }
    const inEncoding = await namer({ encoding: encoding ?? null });
    return entries.map((entry) => inEncoding(calls.relativeName(entry, path))) as string[];
  }

  /** All bytes of a file, or its text if an encoding is given. */
  async readFile(
    path: string,
    options?: (PlainReadOptions & { readonly encoding?: null }) | null,
  ): Promise<Uint8Array<ArrayBuffer>>;
  async readFile(
    path: string,
    options: string | (PlainReadOptions & { readonly encoding: string }),
  ): Promise<string>;
  async readFile(
    path: string,
    options?: string | PlainReadOptions | null,
  ): Promise<string | Uint8Array<ArrayBuffer>>;
  async readFile(
    path: string,
    options?: string | PlainReadOptions | null,
  ): Promise<string | Uint8Array<ArrayBuffer>> {
    const call = { syscall: "open", path: pathOf(path) };
    return await readAs(options, (signal) =>
      this.#read(call, readWhole(this.#overlay, path, signal)),
    );
  }

  /** The target of a symlink, as it was given to symlink. */
  async readlink(path: string, options: BufferOptions): Promise<Uint8Array>;
  async readlink(path: string, options?: EncodingOptions): Promise<string>;
  async readlink(path: string, options?: EncodingOptions): Promise<string | Uint8Array> {
    const call = { syscall: "readlink", path: pathOf(path) };
    const inEncoding = await namer(options);
    return inEncoding(await this.#read(call, calls.readlink(this.#overlay, path)));
  }

  /** The absolute path without symlinks, "." and "..". */
  async realpath(path: string, options: BufferOptions): Promise<Uint8Array>;
  async realpath(path: string, options?: EncodingOptions): Promise<string>;
  async realpath(path: string, options?: EncodingOptions): Promise<string | Uint8Array> {
    const call = { syscall: "realpath", path: pathOf(path) };
    const inEncoding = await namer(options);
    return inEncoding(await this.#read(call, calls.realpath(this.#overlay, path)));
  }

  #stat(syscall: string, path: string, follow: boolean): Promise<Stat> {
    return this.#read({ syscall, path: pathOf(path) }, calls.stat(this.#overlay, path, follow));
  }

  #stats(
    stat: Stat,
    options: { readonly bigint?: boolean } | null | undefined,
  ): Stats | BigIntStats {
    return options?.bigint ? new BigIntStats(stat, this.#volume) : new Stats(stat, this.#volume);
  }

  #read<T>(call: Call, operation: Operation<T>): Promise<T> {
    return run(this.#overlay.holding(during(call, operation)));
  }
}

/** What the methods that read tell sizes and devices by. */
export function volumeOf({ superblock }: ReadableOverlay): Volume {
  const { overlayId, chunkSize } = superblock;
  return { dev: Number.parseInt(overlayId.slice(0, 6), 16), blksize: chunkSize };
}

/** What `read` gives, bytes or text as `options` of readFile ask. */
export async function readAs(
  options: string | PlainReadOptions | null | undefined,
  read: (signal: AbortSignal | undefined) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<string | Uint8Array<ArrayBuffer>> {
  const { encoding, signal } = optionsOf<PlainReadOptions>(options);
  const name = encoding === null || encoding === undefined ? undefined : encodingOf(encoding);
  checkSignal(signal);
  const bytes = await read(signal);
  return name ? (await coderOf(name)).decode(bytes) : bytes;
}

/** What gives names in the encoding the caller wants. */
export async function namer(
  options: EncodingOptions | undefined,
): Promise<(name: string) => string | Uint8Array<ArrayBuffer>> {
  const encoding = optionsOf<{ encoding: string | null }>(options).encoding ?? "utf8";
  if (encoding === "buffer") return utf8.encode;
  const coder = await coderOf(encodingOf(encoding));
  return coder === utf8 ? (name) => name : (name) => coder.decode(utf8.encode(name));
}
