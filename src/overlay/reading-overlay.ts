/**
 * An overlay that can only be read, by inode, as programs read it: what a page has until what changes things is loaded. It
 * goes by the overlay's own rules (lookup.ts, content.ts, listing.ts), and shows the records as they were when each was
 * read first, so nobody may commit to the storage meanwhile.
 */
import type { Stat } from "../attributes.ts";
import type { Base } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Superblock } from "../storage/storage.ts";
import { read } from "./content.ts";
import { stat } from "./getattr.ts";
import { Handle, type OpenFlags, refuseIfLost } from "./handle.ts";
import { type Inode, targetOf } from "./inode.ts";
import { type Listing, list } from "./listing.ts";
import type { ReadableOverlay } from "./readable.ts";
import { type ReaderOptions, ReadingLayers } from "./reading-layers.ts";

/** Layers to which nothing is ever applied. */
class StillLayers extends ReadingLayers {
  readonly owner = { uid: 0, gid: 0 };

  gather<T>(gathering: () => Operation<T>): Operation<T> {
    return gathering();
  }
}

/** See the head of this file. */
export class ReadingOverlay implements ReadableOverlay {
  readonly root: Inode;
  readonly #layers: StillLayers;

  private constructor(layers: StillLayers, root: Inode) {
    this.#layers = layers;
    this.root = root;
  }

  /** @throws EIO the base's root or the storage cannot be read */
  static *open(options: ReaderOptions): Operation<ReadingOverlay> {
    const layers = new StillLayers(options);
    return new ReadingOverlay(layers, yield* layers.open());
  }

  get base(): Base {
    return this.#layers.base;
  }

  get superblock(): Superblock {
    return this.#layers.superblock;
  }

  *lookup(parent: Inode, name: string): Operation<Inode> {
    const inode = yield* this.#layers.child(parent, name);
    if (!inode) throw new FsError("ENOENT");
    return inode;
  }

  *getattr(inode: Inode): Operation<Stat> {
    return stat(this.#layers, inode);
  }

  *readlink(inode: Inode): Operation<string> {
    return targetOf(inode);
  }

  *open(inode: Inode, flags: OpenFlags): Operation<Handle> {
    refuseIfLost(inode);
    return new Handle(inode, flags);
  }

  read({ inode }: Handle, offset: number, into: Uint8Array): Operation<number> {
    return read(this.#layers, inode, offset, into);
  }

  opendir(inode: Inode): Operation<Listing> {
    return list(this.#layers, inode);
  }

  holding<T>(operation: Operation<T>): Operation<T> {
    return operation;
  }

  // Inodes stay as long as this lasts, whoever holds them.
  *release(): Operation<void> {}
  retain(): void {}
  forget(): void {}
}
