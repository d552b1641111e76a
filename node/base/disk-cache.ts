/**
 * What was fetched, kept in a directory: an object is a file named by its digest, whose time of change is that of its last
 * use; a pointer is a file named by the SHA-256 of its URL. Files appear whole, by renaming, so several processes may use
 * one directory at once; what one crash or another process leaves torn is found out by whoever verifies.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  CacheRoom,
  defaultFetchCacheBytes,
  type FetchCache,
  FsError,
  type KeptPointer,
  type ObjectUse,
  useGrain_ms,
} from "../../src/index.ts";

/** Where programs of this user keep what they fetched. */
export function defaultCacheDirectory(): string {
  const { XDG_CACHE_HOME } = process.env;
  // Anything but an absolute path is to be ignored there.
  const caches = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(caches, "minifo");
}

/** What a small file takes up at least on most file systems, and what sizes are rounded up to. */
const blockBytes = 4096;
/** An object, or what is to become one. */
const nameOfObject = /^([0-9a-f]{2}\/[0-9a-f]{62})(\.[0-9a-f-]{36}\.tmp)?$/;
/** A temporary file of this age is nobody's any more. */
const abandoned_ms = 3_600_000;

/** Opens the cache in `directory`, which is made once there is something to keep; holds about `maxBytes` at most. */
export function openDiskCache(directory: string, maxBytes = defaultFetchCacheBytes): FetchCache {
  return new DiskCache(directory, maxBytes);
}

/** See the head of this file. */
class DiskCache implements FetchCache {
  readonly #directory: string;
  readonly #room: CacheRoom;

  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#room = new CacheRoom({
      maxBytes,
      look: () => this.#look(),
      drop: async (objects) => {
        for (const { sha256 } of objects) await this.drop(sha256);
      },
      full: `the cache ${directory} takes ${maxBytes} bytes at most; give it more, or prefetch less`,
      isFull: isNoSpace,
    });
  }

  async object(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const place = this.#placeOf(sha256);
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = exact(await readFile(place));
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    }
    await noteUse(place);
    return bytes;
  }

  async keep(sha256: string, bytes: Uint8Array<ArrayBuffer>, spare_ms?: number): Promise<void> {
    const write = () => this.#write(this.#placeOf(sha256), bytes);
    try {
      await this.#room.fill(sha256, blocksOf(bytes.length), spare_ms, write);
    } catch (error) {
      throw isNoSpace(error) && !(error instanceof FsError) ? this.#diskFull(error) : error;
    }
  }

  async drop(sha256: string): Promise<void> {
    await rm(this.#placeOf(sha256), { force: true });
  }

  async pointer(url: string): Promise<KeptPointer | undefined> {
    try {
      const file = exact(await readFile(this.#pointerPlace(url)));
      const end = file.indexOf(10);
      const head = JSON.parse(new TextDecoder().decode(file.subarray(0, end))) as KeptPointer;
      return head.url === url ? { ...head, bytes: file.slice(end + 1) } : undefined;
    } catch (error) {
      if (isNotThere(error) || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  async keepPointer({ bytes, ...head }: KeptPointer): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(head)}\n`);
    await this.#write(this.#pointerPlace(head.url), Buffer.concat([line, bytes]));
  }

  async close(): Promise<void> {}

  /**
   * All objects; what was left behind by processes that ended is cleared on the way. What is not named as ours are, in a
   * directory that has other things, too, is no object, or it would be dropped one day.
   */
  async #look(): Promise<ObjectUse[]> {
    const uses: ObjectUse[] = [];
    for (const folder of await namesIn(this.#objects)) {
      for (const name of await namesIn(join(this.#objects, folder))) {
        const [, sha256, temporary] = nameOfObject.exec(`${folder}/${name}`) ?? [];
        if (sha256 === undefined) continue;
        const place = join(this.#objects, folder, name);
        const known = await stat(place).catch(() => undefined);
        // Another process dropped it meanwhile.
        if (!known) continue;
        const { size, mtimeMs: used_ms } = known;
        if (temporary === undefined) {
          uses.push({ sha256: sha256.replace("/", ""), bytes: blocksOf(size), used_ms });
        } else if (Date.now() - used_ms > abandoned_ms) await rm(place, { force: true });
      }
    }
    return uses;
  }

  async #write(place: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${place}.${randomUUID()}.tmp`;
    try {
      await writeFile(temporary, bytes, { mode: 0o600 }).catch(async (error) => {
        if (!isNotThere(error)) throw error;
        await mkdir(join(place, ".."), { recursive: true, mode: 0o700 });
        await writeFile(temporary, bytes, { mode: 0o600 });
      });
      await rename(temporary, place);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  get #objects(): string {
    return join(this.#directory, "objects");
  }

  #placeOf(sha256: string): string {
    return join(this.#objects, sha256.slice(0, 2), sha256.slice(2));
  }

  #pointerPlace(url: string): string {
    return join(this.#directory, "pointers", createHash("sha256").update(url).digest("hex"));
  }

  #diskFull(cause: unknown): FsError {
    const reason = "the disk is full; free space on it, or keep the cache elsewhere";
    return new FsError("ENOSPC", { syscall: "keep", path: this.#directory, reason, cause });
  }
}

async function noteUse(place: string): Promise<void> {
  try {
    const now = new Date();
    if (now.getTime() - (await stat(place)).mtimeMs > useGrain_ms) await utimes(place, now, now);
  } catch {
    // It is gone already, or may be read only: then it counts as used when it was written.
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
}

function exact(file: Buffer): Uint8Array<ArrayBuffer> {
  // Small files come in a buffer that others share.
  return new Uint8Array(file);
}

function blocksOf(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

function isNotThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function isNoSpace(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
