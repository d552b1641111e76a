/**
 * An overlay that is only read: finds files by their paths and reads them, by the very rules of the overlay itself
 * (lookup.ts, content.ts) and without any of what changes one, so that a service worker stays small. It shows the
 * records as they were when each was read first: whoever keeps one makes another when the superblock's generation moves.
 */
import { type Base, joinBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import { type Operation, waitFor } from "../operation.ts";
import type { Storage, Superblock } from "../storage/storage.ts";
import { type ReadLayers, read } from "./content.ts";
import { Inode, InodeTable, identityBytes, numberOfDigest, rootIno } from "./inode.ts";
import { baseChild, child, type LookupLayers, namesOf } from "./lookup.ts";

/** Symlinks that are followed on one way, as Linux does it. */
const maxSymlinks = 40;

/** What an `OverlayReader` is made of. */
export interface ReaderOptions {
  readonly base: Base;
  readonly storage: Pick<Storage, "node" | "names" | "aliases" | "readData">;
  readonly superblock: Superblock;
}

/** What is at a path. */
export interface FoundInode {
  readonly inode: Inode;
  /** Whether it is the base's at this very path, with its content as it is there: nothing of it is ours but attributes. */
  readonly isOfBase: boolean;
}

/** See the head of this file. */
export class OverlayReader {
  readonly base: Base;
  readonly #layers: LookupLayers & ReadLayers;
  readonly #root: Inode;
  readonly #overlayId: string;
  /** Numbers of base objects, by their identity, made before they are asked for. */
  readonly #numbers: Map<string, number>;

  private constructor(
    layers: LookupLayers & ReadLayers,
    root: Inode,
    overlayId: string,
    numbers: Map<string, number>,
  ) {
    this.base = layers.base;
    this.#layers = layers;
    this.#root = root;
    this.#overlayId = overlayId;
    this.#numbers = numbers;
  }

  /** @throws EIO the base's root or the storage cannot be read */
  static *open({ base, storage, superblock }: ReaderOptions): Operation<OverlayReader> {
    const { overlayId, chunkSize } = superblock;
    const numbers = new Map<string, number>();
    const layers = {
      base,
      storage,
      inodes: new InodeTable(),
      aliases: yield* storage.aliases(),
      hash: (identity: string) => {
        const number = numbers.get(identity);
        if (number === undefined) throw new Error("bug: a base object was not numbered");
        return number;
      },
      chunkSize,
      // Nothing is on the way to the storage.
      writeback: { removes: () => false, chunk: () => undefined },
    };
    const node = yield* base.lookup("");
    if (!node) throw new FsError("EIO", { reason: "the base has no root directory" });
    const record = yield* storage.node(rootIno);
    const root = new Inode(rootIno, "directory", { base: node, ...(record && { record }) });
    layers.inodes.add(root);
    return new OverlayReader(layers, root, overlayId, numbers);
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
      const names = yield* namesOf(this.#layers, directory);
      const below = names.has(name) ? null : yield* baseChild(this.#layers, directory, name);
      if (below) yield* this.#number(below.identity);
      return yield* child(this.#layers, directory, name);
    } catch (error) {
      const impossible: readonly string[] = ["ENAMETOOLONG", "EILSEQ", "EINVAL"];
      if (error instanceof FsError && impossible.includes(error.code)) return undefined;
      throw error;
    }
  }

  /** By the platform's SHA-256, which waits: the built-in one would be a tenth of a service worker. */
  *#number(identity: string): Operation<void> {
    if (this.#numbers.has(identity)) return;
    const bytes = identityBytes(this.#overlayId, identity);
    const digest = yield* waitFor(crypto.subtle.digest("SHA-256", bytes));
    this.#numbers.set(identity, numberOfDigest(new Uint8Array(digest)));
  }
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}
