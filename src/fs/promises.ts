/**
 * The programs' API: an overlay in the shape of `node:fs/promises`, for isomorphic-git or anything else written for that.
 * Bytes are Uint8Arrays; paths are strings with "/" between names, and a path that does not begin with one is taken from
 * the root. Permission bits are kept but not enforced: there is no other user here.
 *
 * A call that changes something resolves once its change is committed; what was awaited is there after a reload or a
 * crash of the process. Calls made side by side share commits.
 */
import type { AttributeChanges } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { type Operation, run } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Context } from "../overlay/make.ts";
import { checkSignal } from "./abort.ts";
import {
  bytesOf,
  integerOf,
  type ModeArgument,
  modeOf,
  ownerChanges,
  type TimeArgument,
  timeOf,
} from "./arguments.ts";
import { Calls } from "./calls.ts";
import { absolute, feedOf } from "./change-feed.ts";
import { constants } from "./constants.ts";
import { type ReadOptions, readAndClose } from "./contents.ts";
import { copyFile } from "./copy-file.ts";
import { type CopyOptions, TreeCopy } from "./copy-tree.ts";
import { Dir } from "./directory.ts";
import { coderOf, encodingOf, utf8 } from "./encoding.ts";
import { FileHandle } from "./file-handle.ts";
import * as names from "./names.ts";
import { type OpenIntent, openIntentOf } from "./open-flags.ts";
import { booleanOf, optionsOf, pathOf } from "./plain-arguments.ts";
import { type EncodingOptions, FsReading, namer, readAs, volumeOf } from "./reading.ts";
import type { Opened } from "./reading-calls.ts";
import { remove, removeDirectory } from "./removal.ts";
import type { StatFs, Volume } from "./stats.ts";
import * as calls from "./system-calls.ts";
import { entriesBelow, Traversal } from "./traversal.ts";
import { type WatchEvent, type WatchOptions, watch } from "./watch.ts";
import {
  type DataSource,
  isIterable,
  piecesOf,
  type WriteOptions,
  writeWhole,
} from "./written-contents.ts";

export interface MkdirOptions {
  /** Make what is missing on the way, and accept a directory that is there. */
  readonly recursive?: boolean;
  /** Default 0o777, less the umask. */
  readonly mode?: ModeArgument;
}

export interface RemoveOptions {
  /** Directories too, with all below them. */
  readonly recursive?: boolean;
  /** Nothing there is no error. */
  readonly force?: boolean;
  /** Ends the call with an AbortError; what was removed until then is gone. */
  readonly signal?: AbortSignal;
}

/** Who the program is: the owner of what it creates, and the bits cleared from the modes it asks for. */
const defaultContext: Context = { uid: 0, gid: 0, umask: 0o022 };

/** Things copied by cp between two commits. */
const copiesPerCommit = 256;

/** See the head of this file. */
export class FsPromises extends FsReading {
  readonly constants = constants;
  readonly #calls: Calls;
  readonly #overlay: OverlayFiles;
  readonly #context: Context;
  readonly #volume: Volume;
  #nextFd = 3;

  /** With `commits` false nothing is committed, except by sync; see `batch`. */
  constructor(overlay: OverlayFiles, context: Context = defaultContext, commits = true) {
    super(overlay, entriesBelow);
    this.#overlay = overlay;
    this.#context = context;
    this.#calls = new Calls(overlay, commits);
    this.#volume = volumeOf(overlay);
  }

  /**
   * Gives `work` an API whose calls do not commit one by one, and commits once at its end, also if it fails. Faster for
   * many small changes; a crash on the way keeps some first part of them, in order.
   */
  async batch<T>(work: (fs: FsPromises) => Promise<T>): Promise<T> {
    const fs = new FsPromises(this.#overlay, this.#context, false);
    try {
      return await work(fs);
    } finally {
      await run(this.#overlay.commit("relaxed"));
      fs.#calls.tell();
    }
  }

  /** Resolves if `path` is there and, as far as its mode tells, can be used so; see `constants`. */
  async access(path: string, mode: number = constants.F_OK): Promise<void> {
    const call = { syscall: "access", path: pathOf(path) };
    await this.#calls.read(call, calls.access(this.#overlay, path, integerOf(mode, "mode", 0, 7)));
  }

  /** Adds to the end of a file, which is created if it is not there. */
  async appendFile(
    path: string | FileHandle,
    data: DataSource,
    options?: string | WriteOptions | null,
  ): Promise<void> {
    await this.writeFile(path, data, { flag: "a", ...optionsOf<WriteOptions>(options) });
  }

  async chmod(path: string, mode: ModeArgument): Promise<void> {
    await this.#setattr("chmod", path, true, { mode: modeOf(mode) });
  }

  /** -1 leaves an owner as it is. */
  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.#setattr("chown", path, true, ownerChanges(uid, gid));
  }

  /** As chown, of a symlink itself. */
  async lchown(path: string, uid: number, gid: number): Promise<void> {
    await this.#setattr("lchown", path, false, ownerChanges(uid, gid));
  }

  async utimes(path: string, atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    const changes = { atime: timeOf(atime), mtime: timeOf(mtime) };
    await this.#setattr("utime", path, true, changes);
  }

  /** As utimes, of a symlink itself. */
  async lutimes(path: string, atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    const changes = { atime: timeOf(atime), mtime: timeOf(mtime) };
    await this.#setattr("lutime", path, false, changes);
  }

  /** Copies bytes and mode of a file. */
  async copyFile(from: string, to: string, mode = 0): Promise<void> {
    const call = { syscall: "copyfile", path: pathOf(from, "src"), dest: pathOf(to, "dest") };
    const bits = integerOf(mode, "mode", 0, 7);
    const exclusive = (bits & constants.COPYFILE_EXCL) !== 0;
    if (bits & constants.COPYFILE_FICLONE_FORCE) throw new FsError("EOPNOTSUPP", call);
    await this.#calls.change(call, copyFile(this.#overlay, from, to, exclusive, this.#context));
  }

  /** Copies a file, a symlink or a tree; commits now and then on the way. */
  async cp(from: string, to: string, options?: CopyOptions | null): Promise<void> {
    const source = pathOf(from, "src");
    const destination = pathOf(to, "dest");
    let copied = 0;
    const commitNowAndThen = async (): Promise<void> => {
      copied += 1;
      if (copied % copiesPerCommit === 0) await run(this.#overlay.commit("relaxed"));
    };
    await this.batch((fs) =>
      new TreeCopy(fs, optionsOf<CopyOptions>(options), commitNowAndThen).copy(source, destination),
    );
  }

  /** Gives the file at `from` (a symlink itself, if it is one) another name. */
  async link(from: string, to: string): Promise<void> {
    const call = {
      syscall: "link",
      path: pathOf(from, "existingPath"),
      dest: pathOf(to, "newPath"),
    };
    await this.#calls.change(call, names.link(this.#overlay, from, to));
  }

  /** With `recursive`, resolves with the first directory that was made, if any. */
  async mkdir(
    path: string,
    options?: ModeArgument | MkdirOptions | null,
  ): Promise<string | undefined> {
    const call = { syscall: "mkdir", path: pathOf(path) };
    const isMode = typeof options === "number" || typeof options === "string";
    const { recursive, mode } = isMode ? { mode: options } : optionsOf<MkdirOptions>(options);
    const bits = modeOf(mode, 0o777);
    if (booleanOf(recursive, "options.recursive")) {
      const making = names.mkdirs(this.#overlay, path, bits, this.#context);
      const first = await this.#calls.change(call, making);
      if (first !== undefined) this.#tellMade(first);
      return first;
    }
    await this.#calls.change(call, names.mkdir(this.#overlay, path, bits, this.#context));
    return undefined;
  }

  /** Makes a directory called `prefix` and six characters more, for its owner alone; resolves with its path. */
  async mkdtemp(prefix: string, options?: EncodingOptions): Promise<string> {
    const start = pathOf(prefix, "prefix");
    const call = { syscall: "mkdtemp", path: `${start}XXXXXX` };
    const path = await this.#calls.change(call, names.mkdtemp(this.#overlay, start, this.#context));
    this.#tellMade(path);
    return (await namer(options))(path) as string;
  }

  /** Opens a file, or a directory for reading its attributes and syncing. */
  async open(
    path: string,
    flags?: string | number | null,
    mode?: ModeArgument | null,
  ): Promise<FileHandle> {
    const call = { syscall: "open", path: pathOf(path) };
    const intent = openIntentOf(flags);
    const operation = calls.open(this.#overlay, path, intent, modeOf(mode, 0o666), this.#context);
    const opened = await this.#runOpening(call, intent, operation);
    const fd = this.#nextFd;
    this.#nextFd += 1;
    return new FileHandle(fd, this.#calls.on(path), opened, this.#volume);
  }

  /** The entries of a directory one by one. */
  async opendir(path: string, options?: { readonly recursive?: boolean } | null): Promise<Dir> {
    const call = { syscall: "opendir", path: pathOf(path) };
    const { recursive } = optionsOf<{ recursive: boolean }>(options);
    const deep = booleanOf(recursive, "options.recursive");
    const traversal = Traversal.begin(this.#overlay, path, deep);
    return new Dir(path, this.#calls, await this.#calls.read(call, traversal));
  }

  /** As in `FsReading`; also of an open file, and with the flag that the file is to be opened with. */
  override async readFile(
    path: string | FileHandle,
    options?: (ReadOptions & { readonly encoding?: null }) | null,
  ): Promise<Uint8Array<ArrayBuffer>>;
  override async readFile(
    path: string | FileHandle,
    options: string | (ReadOptions & { readonly encoding: string }),
  ): Promise<string>;
  override async readFile(
    path: string | FileHandle,
    options?: string | ReadOptions | null,
  ): Promise<string | Uint8Array<ArrayBuffer>>;
  override async readFile(
    path: string | FileHandle,
    options?: string | ReadOptions | null,
  ): Promise<string | Uint8Array<ArrayBuffer>> {
    if (isOpenFile(path)) return path.readFile(options);
    const { flag } = optionsOf<ReadOptions>(options);
    if (flag === undefined) return super.readFile(path, options);
    const call = { syscall: "open", path: pathOf(path) };
    const intent = openIntentOf(flag);
    return await readAs(options, (signal) => {
      const opening = calls.open(this.#overlay, path, intent, 0o666, this.#context);
      return this.#runOpening(call, intent, readOpening(this.#overlay, opening, signal));
    });
  }

  /** Moves `from` to `to`, and replaces what is there, if it is a file or an empty directory. */
  async rename(from: string, to: string): Promise<void> {
    const call = { syscall: "rename", path: pathOf(from, "oldPath"), dest: pathOf(to, "newPath") };
    await this.#calls.change(call, names.rename(this.#overlay, from, to));
  }

  /** Removes a file or, with `recursive`, a tree; a part of that may be gone if it fails. */
  async rm(path: string, options?: RemoveOptions | null): Promise<void> {
    const call = { syscall: "lstat", path: pathOf(path) };
    const given = optionsOf<RemoveOptions>(options);
    const recursive = booleanOf(given.recursive, "options.recursive");
    const force = booleanOf(given.force, "options.force");
    checkSignal(given.signal);
    await this.#calls.change(call, remove(this.#overlay, path, recursive, force, given.signal));
  }

  /** Removes an empty directory. */
  async rmdir(path: string, options?: { readonly recursive?: boolean } | null): Promise<void> {
    const call = { syscall: "rmdir", path: pathOf(path) };
    const { recursive } = optionsOf<{ recursive: boolean }>(options);
    if (booleanOf(recursive, "options.recursive")) {
      await this.#calls.change(call, removeDirectory(this.#overlay, path));
    } else {
      await this.#calls.change(call, names.rmdir(this.#overlay, path));
    }
  }

  /** How large the storage is and how much of it is free. Nothing is counted in files. */
  async statfs(path: string, options?: { readonly bigint?: false } | null): Promise<StatFs>;
  async statfs(path: string, options: { readonly bigint: true }): Promise<StatFs<bigint>>;
  async statfs(
    path: string,
    options?: { readonly bigint?: boolean } | null,
  ): Promise<StatFs | StatFs<bigint>> {
    const call = { syscall: "statfs", path: pathOf(path) };
    const statfs = await this.#calls.read(call, calls.statfs(this.#overlay, path, this.#volume));
    if (!options?.bigint) return statfs;
    return Object.fromEntries(
      Object.entries(statfs).map(([key, value]) => [key, BigInt(value)]),
    ) as unknown as StatFs<bigint>;
  }

  /** Makes a symlink at `path`; `type` matters on Windows only and is ignored. */
  async symlink(target: string, path: string, _type?: string | null): Promise<void> {
    const call = { syscall: "symlink", path: pathOf(target, "target"), dest: pathOf(path) };
    await this.#calls.change(call, names.symlink(this.#overlay, target, path, this.#context));
  }

  /** Cuts a file to `length` bytes, or makes it longer by a hole that reads zero. */
  async truncate(path: string, length: number | null = 0): Promise<void> {
    const call = { syscall: "open", path: pathOf(path) };
    const size = Math.max(0, integerOf(length ?? 0, "len", Number.MIN_SAFE_INTEGER));
    await this.#calls.change(call, calls.truncate(this.#overlay, path, size));
  }

  async unlink(path: string): Promise<void> {
    const call = { syscall: "unlink", path: pathOf(path) };
    await this.#calls.change(call, names.unlink(this.#overlay, path));
  }

  /**
   * Puts `data` in place of a file's content, and creates the file if it is not there. Text and bytes appear to other
   * calls all at once, unless the storage has to be waited for on the way.
   */
  async writeFile(
    path: string | FileHandle,
    data: DataSource,
    options?: string | WriteOptions | null,
  ): Promise<void> {
    if (isOpenFile(path)) return path.writeFile(data, options);
    const call = { syscall: "open", path: pathOf(path) };
    const { encoding, flag, mode, signal, flush } = optionsOf<WriteOptions>(options);
    const name = encodingOf(encoding ?? "utf8");
    // Not waited for where there is no need: calls begin in the order in which they were made.
    const coder = name === "utf8" ? utf8 : await coderOf(name);
    const intent = openIntentOf(flag, "w");
    const bits = modeOf(mode, 0o666);
    checkSignal(signal);
    if (isIterable(data)) {
      const handle = await this.open(path, flag ?? "w", bits);
      try {
        await handle.writeFile(piecesOf(data, coder, signal), flush ? { flush } : null);
      } finally {
        await handle.close();
      }
    } else {
      const operation = writeWhole(
        this.#overlay,
        path,
        intent,
        bits,
        this.#context,
        bytesOf(data, coder),
        signal,
      );
      const durability = flush || intent.synchronous ? "strict" : "relaxed";
      await this.#calls.change(call, operation, durability);
    }
  }

  /**
   * What changes at `path`, a file or a directory with the names in it, from now on. Not told is what changes outside
   * this API, as under a mount.
   */
  watch(path: string, options?: string | WatchOptions | null): AsyncIterableIterator<WatchEvent> {
    return watch(feedOf(this.#overlay).subscribe, pathOf(path), optionsOf<WatchOptions>(options));
  }

  /** Tells of a directory whose path the call did not name. */
  #tellMade(path: string): void {
    feedOf(this.#overlay).publish([{ path: absolute(path), kind: "rename" }]);
  }

  async #setattr(
    syscall: string,
    path: string,
    follow: boolean,
    changes: AttributeChanges,
  ): Promise<void> {
    const call = { syscall, path: pathOf(path) };
    await this.#calls.change(call, calls.setattr(this.#overlay, path, follow, changes));
  }

  /** Runs an operation that opens a file, which may create or truncate it. */
  #runOpening<T>(
    call: { syscall: string; path: string },
    intent: OpenIntent,
    operation: Operation<T>,
  ) {
    const changes = intent.create || intent.truncate;
    return changes ? this.#calls.change(call, operation) : this.#calls.read(call, operation);
  }
}

function* readOpening(
  overlay: OverlayFiles,
  opening: Operation<Opened>,
  signal: AbortSignal | undefined,
): Operation<Uint8Array<ArrayBuffer>> {
  return yield* readAndClose(overlay, yield* opening, signal);
}

function isOpenFile(file: unknown): file is FileHandle {
  return typeof file === "object" && file !== null && "fd" in file;
}

/** What isomorphic-git and others take as `fs`: an object with the API as its own property `promises`. */
export function fsOf(overlay: OverlayFiles, context?: Context): { readonly promises: FsPromises } {
  return { promises: new FsPromises(overlay, context) };
}
