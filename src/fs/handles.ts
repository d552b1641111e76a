/**
 * The File System API (FileSystemDirectoryHandle and its kin) over an overlay, so that programs written for the browser's
 * own directories work on one. A facade with the standard's members, defaults and DOMException names; it holds paths,
 * not inodes, as the standard's handles do. Permissions are always granted: there is nobody to ask.
 *
 * Source of the rules: the File System Standard (fs.spec.whatwg.org).
 */
import { FsError } from "../errno.ts";
import type { Dirent, Stats } from "./stats.ts";
import { piecesOf, type StreamChunk, type StreamFile, type StreamFs, writeAll } from "./streams.ts";

/** What handles are made over: the methods of `node:fs/promises` they use. */
export interface HandleFs extends StreamFs {
  stat(path: string): Promise<Stats>;
  lstat(path: string): Promise<Stats>;
  realpath(path: string): Promise<string>;
  chmod(path: string, mode: number): Promise<void>;
  readdir(path: string, options: { readonly withFileTypes: true }): Promise<Dirent[]>;
  mkdir(path: string): Promise<unknown>;
  rm(path: string, options: { readonly recursive: true }): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  copyFile(from: string, to: string): Promise<void>;
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  writeFile(path: string, data: Uint8Array): Promise<void>;
}

/** A file or a directory. */
export type EntryHandle = OverlayFileHandle | OverlayDirectoryHandle;

/** What a writable stream of a file takes: bytes for the current position, or a command. */
export type WriteParams =
  | StreamChunk
  | { readonly type: "write"; readonly data: StreamChunk; readonly position?: number }
  | { readonly type: "seek"; readonly position: number }
  | { readonly type: "truncate"; readonly size: number };

/** The root directory of an overlay as a FileSystemDirectoryHandle. */
export function directoryHandle(fs: HandleFs): OverlayDirectoryHandle {
  return new OverlayDirectoryHandle(fs, "");
}

class Entry {
  readonly #fs: HandleFs;
  readonly #path: string;

  constructor(fs: HandleFs, path: string) {
    this.#fs = fs;
    this.#path = path;
  }

  /** The last name of its path; the root's is empty. */
  get name(): string {
    return this.#path.slice(this.#path.lastIndexOf("/") + 1);
  }

  async isSameEntry(other: EntryHandle): Promise<boolean> {
    return other instanceof this.constructor && Entry.isSame(this, other);
  }

  /** Whether both are of the same overlay and the same path. */
  static isSame(one: Entry, other: Entry): boolean {
    return one.#fs === other.#fs && one.#path === other.#path;
  }

  /** The names that lead from `top` to `to`, or null if none do. */
  static way(top: Entry, to: Entry): string[] | null {
    if (top.#fs !== to.#fs) return null;
    if (top.#path === to.#path) return [];
    if (!to.#path.startsWith(`${top.#path}/`)) return null;
    return to.#path.slice(top.#path.length + 1).split("/");
  }

  async queryPermission(): Promise<"granted"> {
    return "granted";
  }

  async requestPermission(): Promise<"granted"> {
    return "granted";
  }
}

/** FileSystemFileHandle. */
export class OverlayFileHandle extends Entry {
  readonly kind = "file";
  readonly #fs: HandleFs;
  readonly #path: string;

  constructor(fs: HandleFs, path: string) {
    super(fs, path);
    this.#fs = fs;
    this.#path = path;
  }

  /**
   * The file as it is now, all of it in memory: `readable` of streams.ts is for files too large for that.
   * @throws NotFoundError, TypeMismatchError, NotReadableError
   */
  async getFile(): Promise<File> {
    return await asStandard(async () => {
      const [bytes, { mtimeMs }] = [
        await this.#fs.readFile(this.#path),
        await this.#fs.stat(this.#path),
      ];
      return new File([bytes], this.name, { lastModified: Math.floor(mtimeMs) });
    });
  }

  /**
   * A stream whose bytes take the file's place when it is closed, and leave no trace if it is aborted. They lie beside
   * the file until then. With `keepExistingData` it begins as a copy of the file, which moves no bytes of the base.
   * @throws NotFoundError, QuotaExceededError, NoModificationAllowedError
   */
  async createWritable(
    options: { readonly keepExistingData?: boolean } = {},
  ): Promise<OverlayWritableFileStream> {
    return await asStandard(async () => {
      // A symlink stays one: what it leads to is written.
      const target = await this.#fs.realpath(this.#path);
      const { mode } = await this.#fs.stat(target);
      const swap = swapPathOf(target);
      try {
        if (options.keepExistingData) await this.#fs.copyFile(target, swap);
        const file = await this.#fs.open(swap, options.keepExistingData ? "r+" : "wx");
        await this.#fs.chmod(swap, mode & 0o7777);
        return new OverlayWritableFileStream(new SwapFile(this.#fs, file, swap, target));
      } catch (error) {
        await removeIfThere(this.#fs, swap);
        throw error;
      }
    });
  }
}

/** FileSystemDirectoryHandle. */
export class OverlayDirectoryHandle extends Entry {
  readonly kind = "directory";
  readonly #fs: HandleFs;
  readonly #path: string;

  constructor(fs: HandleFs, path: string) {
    super(fs, path);
    this.#fs = fs;
    this.#path = path;
  }

  /** @throws NotFoundError, TypeMismatchError it is a directory, TypeError no legal name */
  async getFileHandle(
    name: string,
    options: { readonly create?: boolean } = {},
  ): Promise<OverlayFileHandle> {
    const path = this.#childPath(name);
    return await asStandard(async () => {
      const kind = await this.#kindOf(path);
      if (kind === "directory") throw mismatch(`${name} is a directory`);
      if (!kind) {
        if (!options.create) throw new FsError("ENOENT", { syscall: "open", path });
        await (await this.#fs.open(path, "a")).close();
      }
      return new OverlayFileHandle(this.#fs, path);
    });
  }

  /** @throws NotFoundError, TypeMismatchError it is a file, TypeError no legal name */
  async getDirectoryHandle(
    name: string,
    options: { readonly create?: boolean } = {},
  ): Promise<OverlayDirectoryHandle> {
    const path = this.#childPath(name);
    return await asStandard(async () => {
      const kind = await this.#kindOf(path);
      if (kind === "file") throw mismatch(`${name} is a file`);
      if (!kind) {
        if (!options.create) throw new FsError("ENOENT", { syscall: "open", path });
        await this.#fs.mkdir(path);
      }
      return new OverlayDirectoryHandle(this.#fs, path);
    });
  }

  /**
   * Removes a file, a symlink, or a directory: an empty one, or with `recursive` any; a part of that may be gone if it
   * fails.
   * @throws NotFoundError, InvalidModificationError it is a directory that is not empty, TypeError no legal name
   */
  async removeEntry(name: string, options: { readonly recursive?: boolean } = {}): Promise<void> {
    const path = this.#childPath(name);
    await asStandard(async () => {
      const isDirectory = (await this.#fs.lstat(path)).isDirectory();
      if (!isDirectory) await this.#fs.unlink(path);
      else if (options.recursive) await this.#fs.rm(path, { recursive: true });
      else await this.#fs.rmdir(path);
    });
  }

  /** The names that lead from here to `possibleDescendant`, none for itself; null if it does not lie here. */
  async resolve(possibleDescendant: EntryHandle): Promise<string[] | null> {
    return Entry.way(this, possibleDescendant);
  }

  /** Files and directories, symlinks as what they lead to; what else there may be the standard has no word for. */
  async *entries(): AsyncGenerator<[name: string, handle: EntryHandle], void> {
    const entries = await asStandard(() =>
      this.#fs.readdir(this.#path || "/", { withFileTypes: true }),
    );
    for (const entry of entries) {
      const path = `${this.#path}/${entry.name}`;
      let kind: "file" | "directory" | undefined;
      if (entry.isFile()) kind = "file";
      else if (entry.isDirectory()) kind = "directory";
      else if (entry.isSymbolicLink()) kind = await this.#kindBehind(path);
      if (kind === "file") yield [entry.name, new OverlayFileHandle(this.#fs, path)];
      if (kind === "directory") yield [entry.name, new OverlayDirectoryHandle(this.#fs, path)];
    }
  }

  async *keys(): AsyncGenerator<string, void> {
    for await (const [name] of this.entries()) yield name;
  }

  async *values(): AsyncGenerator<EntryHandle, void> {
    for await (const [, handle] of this.entries()) yield handle;
  }

  [Symbol.asyncIterator](): AsyncGenerator<[name: string, handle: EntryHandle], void> {
    return this.entries();
  }

  #childPath(name: string): string {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw new TypeError(`"${name}" is not a name`);
    }
    return `${this.#path}/${name}`;
  }

  /** What the symlink at `path` leads to; undefined if to nothing that a handle can be of. */
  async #kindBehind(path: string): Promise<"file" | "directory" | undefined> {
    try {
      return await this.#kindOf(path);
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      if (error instanceof FsError && error.code === "ENOTDIR") return undefined;
      return await asStandard(() => Promise.reject(error));
    }
  }

  /** What `path` leads to; undefined if to nothing. */
  async #kindOf(path: string): Promise<"file" | "directory" | undefined> {
    try {
      const stats = await this.#fs.stat(path);
      if (stats.isDirectory()) return "directory";
      if (stats.isFile()) return "file";
      throw mismatch(`${path} is neither a file nor a directory`);
    } catch (error) {
      if (error instanceof FsError && (error.code === "ENOENT" || error.code === "ELOOP")) {
        return undefined;
      }
      throw error;
    }
  }
}

/** FileSystemWritableFileStream. */
export class OverlayWritableFileStream extends WritableStream<WriteParams> {
  constructor(swap: SwapFile) {
    super({
      write: (chunk) => asStandard(() => swap.take(chunk)),
      close: () => asStandard(() => swap.finish()),
      abort: () => asStandard(() => swap.discard()),
    });
  }

  write(data: WriteParams): Promise<void> {
    return this.#write(data);
  }

  /** Sets where the next bytes go, in bytes from the start. */
  seek(position: number): Promise<void> {
    return this.#write({ type: "seek", position });
  }

  /** Makes the file `size` bytes long; the position moves back to its end if it lies behind. */
  truncate(size: number): Promise<void> {
    return this.#write({ type: "truncate", size });
  }

  async #write(data: WriteParams): Promise<void> {
    const writer = this.getWriter();
    try {
      await writer.write(data);
    } finally {
      writer.releaseLock();
    }
  }
}

/** What is being written, beside the file whose place it takes at last. */
class SwapFile {
  readonly #fs: HandleFs;
  readonly #file: StreamFile;
  readonly #path: string;
  readonly #target: string;
  #position = 0;
  #discarding: Promise<void> | undefined;

  constructor(fs: HandleFs, file: StreamFile, path: string, target: string) {
    this.#fs = fs;
    this.#file = file;
    this.#path = path;
    this.#target = target;
  }

  async take(chunk: WriteParams): Promise<void> {
    try {
      if (!isCommand(chunk)) await this.#write(chunk);
      else if (chunk.type === "seek") this.#position = offsetOf(chunk.position);
      else if (chunk.type === "truncate") {
        const size = offsetOf(chunk.size);
        await this.#file.truncate(size);
        this.#position = Math.min(this.#position, size);
      } else {
        if (chunk.position !== undefined) this.#position = offsetOf(chunk.position);
        await this.#write(chunk.data);
      }
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async finish(): Promise<void> {
    try {
      await this.#file.close();
      await this.#fs.rename(this.#path, this.#target);
    } catch (error) {
      await removeIfThere(this.#fs, this.#path);
      throw error;
    }
  }

  /** May be asked for twice: by a write that failed, and by whoever aborts the stream meanwhile. */
  discard(): Promise<void> {
    this.#discarding ??= this.#file.close().finally(() => removeIfThere(this.#fs, this.#path));
    return this.#discarding;
  }

  async #write(data: StreamChunk): Promise<void> {
    for await (const bytes of piecesOf(data)) {
      await writeAll(this.#file, bytes, this.#position);
      this.#position += bytes.length;
    }
  }
}

type Command = Extract<WriteParams, { readonly type: string }>;

function isCommand(chunk: WriteParams): chunk is (Command & { readonly type: "write" }) | Command {
  if (typeof chunk !== "object" || chunk === null || !("type" in chunk)) return false;
  // A Blob has a type too.
  return chunk.type === "write" || chunk.type === "seek" || chunk.type === "truncate";
}

function offsetOf(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`${value} is no offset in a file`);
}

async function removeIfThere(fs: HandleFs, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== "ENOENT") throw error;
  }
}

/** A path beside `path` that nobody else uses. */
export function swapPathOf(path: string): string {
  const slash = path.lastIndexOf("/");
  const random = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return `${path.slice(0, slash)}/.${random}.crswap`;
}

function mismatch(message: string): DOMException {
  return new DOMException(message, "TypeMismatchError");
}

/** The standard's name for what an errno says. */
const names: Readonly<Record<string, string>> = {
  ENOENT: "NotFoundError",
  EISDIR: "TypeMismatchError",
  ENOTDIR: "TypeMismatchError",
  ENOTEMPTY: "InvalidModificationError",
  EROFS: "NoModificationAllowedError",
  EACCES: "NotAllowedError",
  EPERM: "NotAllowedError",
  ENOSPC: "QuotaExceededError",
  EDQUOT: "QuotaExceededError",
  EFBIG: "QuotaExceededError",
  ENAMETOOLONG: "TypeError",
  EINVAL: "TypeError",
  EILSEQ: "TypeError",
};

/** Runs `work`; an `FsError` becomes the DOMException the standard has for it, with the error as its `cause`. */
async function asStandard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    const name = names[error.code] ?? "NotReadableError";
    if (name === "TypeError") throw Object.assign(new TypeError(error.message), { cause: error });
    throw Object.assign(new DOMException(error.message, name), { cause: error });
  }
}
