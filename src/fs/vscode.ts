/**
 * VS Code's FileSystemProvider over an overlay, by shape alone: no package of VS Code is needed, here or to test it.
 * Register it with `vscode.workspace.registerFileSystemProvider("minifo", fileSystemProvider(fs, { errors:
 * vscode.FileSystemError }))`.
 *
 * Source of the rules: the comments of FileSystemProvider in vscode.d.ts.
 */
import { FsError } from "../errno.ts";
import { type HandleFs, swapPathOf } from "./handles.ts";
import type { Stats } from "./stats.ts";

/** A `vscode.Uri`, as much of it as is needed. */
export interface ProviderUri {
  readonly path: string;
  with(change: { readonly path: string }): ProviderUri;
}

/** `vscode.FileType`: 64 is a symlink, or-ed with the type of what it leads to. */
export type ProviderFileType = 0 | 1 | 2 | 64 | 65 | 66;

/** `vscode.FileStat`: times in ms since 1970, size in bytes. */
export interface ProviderStat {
  readonly type: ProviderFileType;
  readonly ctime: number;
  readonly mtime: number;
  readonly size: number;
}

/** `vscode.FileChangeEvent`: 1 changed, 2 created, 3 deleted. */
export interface ProviderChange {
  readonly type: 1 | 2 | 3;
  readonly uri: ProviderUri;
}

/** `vscode.FileSystemError`: what makes the errors VS Code understands. */
export interface ProviderErrors {
  FileNotFound(uri: ProviderUri): Error;
  FileExists(uri: ProviderUri): Error;
  FileNotADirectory(uri: ProviderUri): Error;
  FileIsADirectory(uri: ProviderUri): Error;
  NoPermissions(message: string): Error;
  Unavailable(message: string): Error;
}

export interface ProviderOptions {
  /** `vscode.FileSystemError`; without it the errors are `FsError`s. */
  readonly errors?: ProviderErrors;
}

/** Ends what it stands for; `vscode.Disposable`. */
export interface ProviderDisposable {
  dispose(): void;
}

type Listener = (changes: ProviderChange[]) => unknown;

const isChanged = 1;
const isCreated = 2;
const isDeleted = 3;

/** A FileSystemProvider whose root is the overlay's. */
export function fileSystemProvider(fs: HandleFs, options: ProviderOptions = {}): OverlayProvider {
  return new OverlayProvider(fs, options.errors);
}

/** See the head of this file. */
export class OverlayProvider {
  readonly #fs: HandleFs;
  readonly #errors: ProviderErrors | undefined;
  readonly #listeners = new Set<Listener>();

  constructor(fs: HandleFs, errors: ProviderErrors | undefined) {
    this.#fs = fs;
    this.#errors = errors;
  }

  /** Told of every change that went through this provider, and of those given to `report`. */
  readonly onDidChangeFile = (
    listener: Listener,
    thisArg?: unknown,
    disposables?: ProviderDisposable[],
  ): ProviderDisposable => {
    const bound: Listener = (changes) => listener.call(thisArg, changes);
    this.#listeners.add(bound);
    const disposable = { dispose: () => void this.#listeners.delete(bound) };
    disposables?.push(disposable);
    return disposable;
  };

  /** Passes on changes that others made to the overlay. */
  report(changes: ProviderChange[]): void {
    for (const listener of this.#listeners) listener(changes);
  }

  /** Nothing has to be watched: whoever changes the overlay some other way calls `report`. */
  watch(): ProviderDisposable {
    return { dispose: () => {} };
  }

  async stat(uri: ProviderUri): Promise<ProviderStat> {
    return await this.#asProvider(uri, async () => {
      const link = await this.#fs.lstat(uri.path);
      const stats = (link.isSymbolicLink() && (await this.#targetOf(uri.path))) || link;
      const type = (typeOf(stats) | (link.isSymbolicLink() ? 64 : 0)) as ProviderFileType;
      return {
        type,
        ctime: Math.floor(stats.birthtimeMs),
        mtime: Math.floor(stats.mtimeMs),
        size: stats.size,
      };
    });
  }

  async readDirectory(uri: ProviderUri): Promise<[name: string, type: ProviderFileType][]> {
    return await this.#asProvider(uri, async () => {
      const entries = await this.#fs.readdir(uri.path, { withFileTypes: true });
      const typed = entries.map(async (entry): Promise<[string, ProviderFileType]> => {
        if (!entry.isSymbolicLink()) return [entry.name, typeOf(entry)];
        const target = await this.#targetOf(childPath(uri.path, entry.name));
        return [entry.name, ((target ? typeOf(target) : 0) | 64) as ProviderFileType];
      });
      return await Promise.all(typed);
    });
  }

  async createDirectory(uri: ProviderUri): Promise<void> {
    await this.#asProvider(uri, () => this.#fs.mkdir(uri.path));
    this.report([{ type: isCreated, uri }, this.#parentChange(uri)]);
  }

  async readFile(uri: ProviderUri): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#asProvider(uri, () => this.#fs.readFile(uri.path));
  }

  /** Replaces a file's content; `create` allows it to be new, `overwrite` to be there. */
  async writeFile(
    uri: ProviderUri,
    content: Uint8Array,
    options: { readonly create: boolean; readonly overwrite: boolean },
  ): Promise<void> {
    const wasThere = await this.#asProvider(uri, async () => {
      const exists = await this.#exists(uri.path);
      if (!exists && !options.create) throw new FsError("ENOENT", { path: uri.path });
      if (exists && options.create && !options.overwrite) {
        throw new FsError("EEXIST", { path: uri.path });
      }
      await this.#fs.writeFile(uri.path, content);
      return exists;
    });
    this.report(
      wasThere ? [{ type: isChanged, uri }] : [{ type: isCreated, uri }, this.#parentChange(uri)],
    );
  }

  async delete(uri: ProviderUri, options: { readonly recursive: boolean }): Promise<void> {
    await this.#asProvider(uri, async () => {
      const isDirectory = (await this.#fs.lstat(uri.path)).isDirectory();
      if (!isDirectory) await this.#fs.unlink(uri.path);
      else if (options.recursive) await this.#fs.rm(uri.path, { recursive: true });
      else await this.#fs.rmdir(uri.path);
    });
    this.report([{ type: isDeleted, uri }, this.#parentChange(uri)]);
  }

  /** Moves; a target that is there is replaced only with `overwrite`, and then goes with all below it. */
  async rename(
    from: ProviderUri,
    to: ProviderUri,
    options: { readonly overwrite: boolean },
  ): Promise<void> {
    await this.#asProvider(from, () => this.#fs.lstat(from.path));
    await this.#asProvider(to, async () => {
      const isThere = from.path !== to.path && (await this.#exists(to.path));
      if (isThere && !options.overwrite) throw new FsError("EEXIST", { path: to.path });
      if (isThere && (await this.#fs.lstat(to.path)).isDirectory()) {
        await this.#replaceDirectory(from.path, to.path);
      } else await this.#fs.rename(from.path, to.path);
    });
    this.report([
      { type: isDeleted, uri: from },
      { type: isCreated, uri: to },
    ]);
  }

  /** Moves `from` to where the directory `to` is, which goes only once that has succeeded. */
  async #replaceDirectory(from: string, to: string): Promise<void> {
    if (from.startsWith(`${to}/`) || to.startsWith(`${from}/`)) {
      const reason = "a directory cannot take the place of one that it lies in, or that lies in it";
      throw new FsError("EINVAL", { syscall: "rename", path: from, dest: to, reason });
    }
    const aside = swapPathOf(to);
    await this.#fs.rename(to, aside);
    try {
      await this.#fs.rename(from, to);
    } catch (error) {
      await this.#fs.rename(aside, to);
      throw error;
    }
    await this.#fs.rm(aside, { recursive: true });
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.#fs.lstat(path);
      return true;
    } catch (error) {
      if (error instanceof FsError && error.code === "ENOENT") return false;
      throw error;
    }
  }

  /** What the symlink at `path` leads to; undefined where that is nothing, or the link is gone. */
  async #targetOf(path: string): Promise<Stats | undefined> {
    try {
      return await this.#fs.stat(path);
    } catch (error) {
      if (error instanceof FsError) return undefined;
      throw error;
    }
  }

  #parentChange(uri: ProviderUri): ProviderChange {
    const path = uri.path.slice(0, uri.path.lastIndexOf("/")) || "/";
    return { type: isChanged, uri: uri.with({ path }) };
  }

  async #asProvider<T>(uri: ProviderUri, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FsError) || !this.#errors) throw error;
      throw toProviderError(error, uri, this.#errors);
    }
  }
}

function toProviderError(error: FsError, uri: ProviderUri, errors: ProviderErrors): Error {
  switch (error.code) {
    case "ENOENT":
      return errors.FileNotFound(uri);
    case "EEXIST":
    case "ENOTEMPTY":
      return errors.FileExists(uri);
    case "ENOTDIR":
      return errors.FileNotADirectory(uri);
    case "EISDIR":
      return errors.FileIsADirectory(uri);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return errors.NoPermissions(error.message);
    default:
      return errors.Unavailable(error.message);
  }
}

function typeOf(entry: { isFile(): boolean; isDirectory(): boolean }): 0 | 1 | 2 {
  if (entry.isFile()) return 1;
  return entry.isDirectory() ? 2 : 0;
}

function childPath(directory: string, name: string): string {
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}
