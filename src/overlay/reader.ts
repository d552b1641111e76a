/**
 * An overlay that is only read: finds files by their paths and reads them, by the very rules of the overlay itself
 * (lookup.ts, content.ts) and without any of what changes one, so that a service worker stays small. It shows the
 * records as they were when each was read first: whoever keeps one makes another when the superblock's generation moves.
 */
import { type Base, joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { read } from "./content.ts";
import type { Inode } from "./inode.ts";
import { type ReaderOptions, ReadingLayers } from "./reading-layers.ts";

/** Symlinks that are followed on one way, as Linux does it. */
const maxSymlinks = 40;

/** What is at a path. */
export interface FoundInode {
  readonly inode: Inode;
  /** Whether it is the base's at this very path, with its content as it is there: nothing of it is ours but attributes. */
  readonly isOfBase: boolean;
}

/** See the head of this file. */
export class OverlayReader {
  readonly #layers: ReadingLayers;
  readonly #root: Inode;

  private constructor(layers: ReadingLayers, root: Inode) {
    this.#layers = layers;
    this.#root = root;
  }

  /** @throws EIO the base's root or the storage cannot be read */
  static *open(options: ReaderOptions): Operation<OverlayReader> {
    const layers = new ReadingLayers(options);
    return new OverlayReader(layers, yield* layers.open());
  }

  get base(): Base {
    return this.#layers.base;
  }

  /** Inodes in memory. */
  get inodeCount(): number {
    return this.#layers.inodes.size;
  }

  /**
   * What is at `path`, which is absolute, symlinks followed; undefined if there is nothing.
   * @throws EIO it could not be found out
   */
  *find(path: string): Operation<FoundInode | undefined> {
    const ahead = namesIn(path);
    const way = [this.#root];
    const walked: string[] = [];
    let symlinks = 0;
    for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
      if (name === ".") continue;
      if (name === "..") {
        if (way.length > 1) way.pop();
        continue;
      }
      const directory = way.at(-1) as Inode;
      const inode = directory.isDirectory ? yield* this.#child(directory, name) : undefined;
      if (!inode) return undefined;
      if (inode.type === "symlink") {
        symlinks += 1;
        if (symlinks > maxSymlinks) return undefined;
        const target = inode.own.target ?? inode.base?.target ?? "";
        if (target.startsWith("/")) way.length = 1;
        ahead.unshift(...namesIn(target));
        continue;
      }
      walked.push(name);
      way.push(inode);
    }
    const inode = way.at(-1) as Inode;
    const isInPlace = symlinks === 0 && inode.origin === walked.reduce(joinBasePath, "");
    return { inode, isOfBase: isInPlace && inode.base !== undefined && !inode.content };
  }

  /**
   * Fills `into` with bytes of the file `inode` from `offset` on; returns how many there were, fewer only at its end.
   * @throws ESTALE the base's file is no longer what it was, or gone, and the bytes are not held
   * @throws EIO the base or the storage cannot give them
   */
  *read(inode: Inode, offset: number, into: Uint8Array): Operation<number> {
    if (inode.isLost) throw new FsError("ESTALE", { reason: "the base has lost this file" });
    return yield* read(this.#layers, inode, offset, into);
  }

  /** What `name` in `directory` means; a name that can be none means nothing. */
  *#child(directory: Inode, name: string): Operation<Inode | undefined> {
    try {
      return yield* this.#layers.child(directory, name);
    } catch (error) {
      const impossible: readonly string[] = ["ENAMETOOLONG", "EILSEQ", "EINVAL"];
      if (error instanceof FsError && impossible.includes(error.code)) return undefined;
      throw error;
    }
  }
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}
