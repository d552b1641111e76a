/**
 * A storage directory of mini_fo, as it lies on disk. All is read without following symlinks, times to the nanosecond.
 * Extended attributes are not read: Node has no call for them.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
} from "node:fs";
import { join } from "node:path";
import {
  FsError,
  isErrorCode,
  joinBasePath,
  type MiniFoLeftOut,
  type MiniFoObject,
  type MiniFoStorage,
  type Operation,
  type Time,
  typeOf,
} from "../../src/index.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes the directory at `path` as a storage of mini_fo.
 * @throws ENOENT, ENOTDIR, EACCES there is no such directory, or it cannot be read
 */
export function openMiniFoDirectory(path: string): MiniFoStorage {
  try {
    const root = realpathSync.native(path);
    readdirSync(root);
    return new MiniFoDirectory(root);
  } catch (error) {
    throw translated(error, "scandir", path);
  }
}

class MiniFoDirectory implements MiniFoStorage {
  readonly #root: string;
  /** The file read last, which is likely to be read on. */
  #open: { readonly path: string; readonly descriptor: number } | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  *root(): Operation<MiniFoObject> {
    return objectOf("", "", lstatSync(this.#root, { bigint: true }), undefined);
  }

  *list(
    path: string,
  ): Operation<{ objects: readonly MiniFoObject[]; leftOut: readonly MiniFoLeftOut[] }> {
    const objects: MiniFoObject[] = [];
    const leftOut: MiniFoLeftOut[] = [];
    try {
      for (const bytes of readdirSync(join(this.#root, path), { encoding: "buffer" })) {
        const name = decoded(bytes);
        const at = joinBasePath(path, name ?? bytes.toString());
        if (name === undefined) {
          leftOut.push({ path: at, why: "its name is no valid UTF-8" });
          continue;
        }
        const stat = lstatSync(join(this.#root, at), { bigint: true, throwIfNoEntry: false });
        if (!stat) continue;
        const target = stat.isSymbolicLink() ? this.#targetOf(at) : undefined;
        if (stat.isSymbolicLink() && target === undefined) {
          leftOut.push({ path: at, why: "its target is no valid UTF-8" });
        } else objects.push(objectOf(at, name, stat, target));
      }
    } catch (error) {
      throw translated(error, "scandir", path);
    }
    objects.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { objects, leftOut };
  }

  *read({ path, size }: MiniFoObject, offset: number, into: Uint8Array): Operation<number> {
    try {
      const descriptor = this.#descriptor(path);
      let done = 0;
      while (done < into.length) {
        const length = readSync(descriptor, into, done, into.length - done, offset + done);
        if (length === 0) break;
        done += length;
      }
      if (offset + done >= size) this.#close();
      return done;
    } catch (error) {
      this.#close();
      throw translated(error, "read", path);
    }
  }

  #descriptor(path: string): number {
    if (this.#open?.path === path) return this.#open.descriptor;
    this.#close();
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const descriptor = openSync(join(this.#root, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    this.#open = { path, descriptor };
    return descriptor;
  }

  #close(): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }

  #targetOf(path: string): string | undefined {
    return decoded(readlinkSync(join(this.#root, path), { encoding: "buffer" }));
  }
}

function objectOf(
  path: string,
  name: string,
  stat: BigIntStats,
  target: string | undefined,
): MiniFoObject {
  const type = typeOf(Number(stat.mode));
  if (!type) throw new FsError("EIO", { reason: `mode ${stat.mode} names no type of file` });
  const hasNumber = type === "character" || type === "block";
  return {
    path,
    name,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    atime: timeOf(stat.atimeNs),
    mtime: timeOf(stat.mtimeNs),
    ctime: timeOf(stat.ctimeNs),
    size: Number(stat.size),
    ...(hasNumber && { rdev: Number(stat.rdev) }),
    ...(target !== undefined && { target }),
    ...(type === "file" && stat.nlink > 1n && { link: `${stat.dev}:${stat.ino}` }),
  };
}

const billion = 1_000_000_000n;

function timeOf(total: bigint): Time {
  const nanoseconds = ((total % billion) + billion) % billion;
  return { seconds: Number((total - nanoseconds) / billion), nanoseconds: Number(nanoseconds) };
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Told to whoever asked: it cannot be written down.
    return undefined;
  }
}

function translated(error: unknown, syscall: string, path: string): FsError {
  if (error instanceof FsError) return error;
  const { code } = error as { code?: unknown };
  if (isErrorCode(code)) return new FsError(code, { syscall, path, cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new FsError("EIO", { syscall, path, reason, cause: error });
}
