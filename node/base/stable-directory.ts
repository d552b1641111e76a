/**
 * A directory that somebody promised not to change while it is a base. Which names a directory has is then read once,
 * so that asking for a name that is not there, the most frequent question of compilers and module loaders, costs no
 * system call. What is there is looked at as carefully as ever: a broken promise gives wrong names, never bytes of
 * another file.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Base,
  type BaseCapabilities,
  type BaseEntry,
  type BaseNode,
  FsError,
  type Operation,
  parentOfBasePath,
} from "../../src/index.ts";

/** Names kept in memory, of all directories together; with more, all are forgotten and read anew. */
const maxNames = 500_000;

/** `directory`, a base made of a directory of this machine, as one that does not change. Closes it when it is closed. */
export function stableDirectory(directory: Base): Base {
  return new StableDirectory(directory);
}

class StableDirectory implements Base {
  readonly #directory: Base;
  /** Names by the base path of their directory; null where there is no directory. */
  readonly #names = new Map<string, ReadonlySet<string> | null>();
  #count = 0;

  constructor(directory: Base) {
    this.#directory = directory;
  }

  get locator(): string {
    return this.#directory.locator;
  }

  get identity(): string {
    return this.#directory.identity;
  }

  get capabilities(): BaseCapabilities {
    return { ...this.#directory.capabilities, snapshot: true };
  }

  get omitted(): number {
    return this.#directory.omitted;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    const parent = parentOfBasePath(path);
    if (parent !== undefined) {
      const names = this.#names.get(parent) ?? (yield* this.#readNames(parent));
      const name = parent === "" ? path : path.slice(parent.length + 1);
      if (!names?.has(name)) return null;
    }
    return yield* this.#directory.lookup(path);
  }

  list(path: string): Operation<readonly BaseEntry[]> {
    return this.#directory.list(path);
  }

  read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    return this.#directory.read(node, offset, into);
  }

  close(): Operation<void> {
    return this.#directory.close();
  }

  *#readNames(path: string): Operation<ReadonlySet<string> | null> {
    // Whether it is a directory, and no symlink leads to it, is the directory's matter to say.
    const node = yield* this.#directory.lookup(path);
    const names = node?.type === "directory" ? new Set(this.#listNames(path)) : null;
    this.#count += names?.size ?? 1;
    if (this.#count > maxNames) {
      this.#names.clear();
      this.#count = names?.size ?? 1;
    }
    this.#names.set(path, names);
    return names;
  }

  #listNames(path: string): readonly string[] {
    try {
      return readdirSync(join(this.locator, path));
    } catch (cause) {
      const reason = "its names cannot be read";
      throw new FsError("EIO", { syscall: "scandir", path, reason, cause });
    }
  }
}
