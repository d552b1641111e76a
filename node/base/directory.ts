/**
 * A local directory as base. Calls are synchronous, so nothing ever waits. Nothing outside the root is reachable: each
 * directory on a path is looked at without following symlinks, and where the kernel tells the place of an open
 * file, it must be the place that was asked for. Files may change one by one; a read notices and says ESTALE.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
} from "node:fs";
import {
  type Base,
  type BaseCapabilities,
  type BaseEntry,
  type BaseNode,
  FsError,
  isErrorCode,
  joinBasePath,
  type Operation,
  pathIdentity,
  typeOf,
} from "../../src/index.ts";

/** Open files that are kept, so that a sequence of reads opens its file once. */
const maxOpenFiles = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes the directory at `path` as base.
 * @throws ENOENT, ENOTDIR, EACCES there is no such directory, or it cannot be read
 */
export function* openDirectoryBase(path: string): Operation<Base> {
  let root: string;
  try {
    root = realpathSync.native(path);
    if (!lstatSync(root).isDirectory()) {
      throw new FsError("ENOTDIR", {
        syscall: "open",
        path,
        reason: "a base is a directory or a URL",
      });
    }
    readdirSync(root);
  } catch (error) {
    throw error instanceof FsError ? error : translated(error, "open", path);
  }
  return new DirectoryBase(root);
}

class DirectoryBase implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities = { integrity: "none", snapshot: false };
  readonly #root: string;
  /** What precedes a base path to make it one of this machine. */
  readonly #prefix: string;
  /** How many objects each listed directory had to leave out. */
  readonly #omitted = new Map<string, number>();
  /** Descriptors by path and signature, the least recently used first. */
  readonly #open = new Map<string, number>();
  readonly #kernelTellsPaths: boolean;

  constructor(root: string) {
    this.locator = root;
    this.identity = `directory:${root}`;
    this.#root = root;
    this.#prefix = root.endsWith("/") ? root : `${root}/`;
    this.#kernelTellsPaths = kernelTellsPathOf(root);
  }

  get omitted(): number {
    let count = 0;
    for (const omitted of this.#omitted.values()) count += omitted;
    return count;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    try {
      const stat = this.#stat(path);
      return (stat && this.#node(path, stat)) ?? null;
    } catch (error) {
      throw translated(error, "stat", path);
    }
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    try {
      const stat = this.#stat(path);
      if (!stat?.isDirectory()) {
        throw new FsError(stat ? "ENOTDIR" : "ENOENT", { syscall: "scandir", path });
      }
      const entries: BaseEntry[] = [];
      let omitted = 0;
      for (const bytes of readdirSync(this.#at(path), { encoding: "buffer" })) {
        const name = decoded(bytes);
        if (name === undefined) {
          omitted += 1;
          continue;
        }
        const at = joinBasePath(path, name);
        const child = lstatSync(this.#at(at), { bigint: true, throwIfNoEntry: false });
        // Gone since the directory was read: then it is not in the list.
        if (!child) continue;
        const node = this.#node(at, child);
        if (node) entries.push({ name, node });
        else omitted += 1;
      }
      if (omitted > 0) this.#omitted.set(path, omitted);
      else this.#omitted.delete(path);
      return entries;
    } catch (error) {
      throw translated(error, "scandir", path);
    }
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path } = node;
    try {
      const descriptor = this.#descriptor(node);
      let length = 0;
      while (length < into.length) {
        const count = readSync(descriptor, into, length, into.length - length, offset + length);
        if (count === 0) break;
        length += count;
      }
      // After the reading, so that a change during it is seen too.
      if (signatureOf(fstatSync(descriptor, { bigint: true })) !== node.signature) {
        this.#forget(node);
        throw stale(path);
      }
      return length;
    } catch (error) {
      throw translated(error, "read", path);
    }
  }

  *close(): Operation<void> {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #at(path: string): string {
    return path === "" ? this.#root : this.#prefix + path;
  }

  /** Stat of what lies at `path`, no symlink followed; undefined if nothing does. */
  #stat(path: string): BigIntStats | undefined {
    if (!isBasePath(path)) return undefined;
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      const above = lstatSync(this.#at(path.slice(0, end)), { throwIfNoEntry: false });
      if (!above?.isDirectory()) return undefined;
    }
    return lstatSync(this.#at(path), { bigint: true, throwIfNoEntry: false });
  }

  /** The object with this stat; undefined for a symlink whose target is no valid UTF-8. */
  #node(path: string, stat: BigIntStats): BaseNode | undefined {
    const type = typeOf(Number(stat.mode));
    if (!type) throw new FsError("EIO", { reason: `mode ${stat.mode} names no type of file` });
    const links = Number(stat.nlink);
    const isDirectory = type === "directory";
    let target: string | undefined;
    if (type === "symlink") {
      target = decoded(readlinkSync(this.#at(path), { encoding: "buffer" }));
      if (target === undefined) return undefined;
    }
    return {
      path,
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: {
        seconds: Number(floorDivide(stat.mtimeNs)),
        nanoseconds: Number(stat.mtimeNs - floorDivide(stat.mtimeNs) * billion),
      },
      size: Number(stat.size),
      nlink: isDirectory && links < 2 ? 2 + this.#countSubdirectories(path) : links,
      ...((type === "character" || type === "block") && { rdev: Number(stat.rdev) }),
      ...(target !== undefined && { target }),
      identity: !isDirectory && links > 1 ? `link:${stat.dev}:${stat.ino}` : pathIdentity(path),
      signature: signatureOf(stat),
    };
  }

  /** Some file systems (btrfs, overlayfs) do not count subdirectories as links. */
  #countSubdirectories(path: string): number {
    const children = readdirSync(this.#at(path), { withFileTypes: true });
    return children.filter((child) => child.isDirectory()).length;
  }

  #descriptor(node: BaseNode): number {
    const key = keyOf(node);
    let descriptor = this.#open.get(key);
    if (descriptor === undefined) {
      descriptor = this.#openFile(node.path);
      for (const [oldest, old] of this.#open) {
        if (this.#open.size < maxOpenFiles) break;
        closeSync(old);
        this.#open.delete(oldest);
      }
    } else this.#open.delete(key);
    this.#open.set(key, descriptor);
    return descriptor;
  }

  #openFile(path: string): number {
    if (!this.#stat(path)?.isFile()) throw stale(path);
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const descriptor = openSync(this.#at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fstatSync(descriptor).isFile() || !this.#isInPlace(descriptor, path)) {
      closeSync(descriptor);
      throw stale(path);
    }
    return descriptor;
  }

  /** Whether no directory on the way was exchanged for a symlink between looking and opening. */
  #isInPlace(descriptor: number, path: string): boolean {
    if (!this.#kernelTellsPaths) return true;
    return readlinkSync(`/proc/self/fd/${descriptor}`) === this.#at(path);
  }

  #forget(node: BaseNode): void {
    const key = keyOf(node);
    const descriptor = this.#open.get(key);
    if (descriptor === undefined) return;
    closeSync(descriptor);
    this.#open.delete(key);
  }
}

const billion = 1_000_000_000n;

/** Whole seconds in `nanoseconds`, rounded down also before 1970. */
function floorDivide(nanoseconds: bigint): bigint {
  const seconds = nanoseconds / billion;
  return seconds * billion > nanoseconds ? seconds - 1n : seconds;
}

function signatureOf(stat: BigIntStats): string {
  return `${stat.size}:${stat.mtimeNs}:${stat.ino}`;
}

function keyOf({ path, signature }: BaseNode): string {
  return `${signature} ${path}`;
}

/** Whether `path` is written as base paths are, so that it cannot lead out of the root. */
function isBasePath(path: string): boolean {
  return path === "" || !leadsElsewhere.test(path);
}

/** A NUL, or a component that is empty, "." or "..". */
const leadsElsewhere = /\0|(?:^|\/)\.{0,2}(?:\/|$)/;

function decoded(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // No valid UTF-8: it cannot be told, so the object is left out and counted.
    return undefined;
  }
}

/** Whether /proc tells where an open file lies, in the same words as we do. */
function kernelTellsPathOf(root: string): boolean {
  const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === root;
  } catch {
    // No /proc, as on macOS: then looking before opening has to do.
    return false;
  } finally {
    closeSync(descriptor);
  }
}

function stale(path: string): FsError {
  const reason = "the file of the base was changed, replaced or removed";
  return new FsError("ESTALE", { syscall: "read", path, reason });
}

/** Node's error as ours. */
function translated(error: unknown, syscall: string, path: string): FsError {
  if (error instanceof FsError) return error;
  const code = (error as { code?: unknown }).code;
  if (isErrorCode(code)) return new FsError(code, { syscall, path, cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new FsError("EIO", { syscall, path, reason, cause: error });
}
