/**
 * An overlay with everything it can do: the operations on files (files.ts), and telling and undoing what differs from
 * the base, which a page loads only when it asks for it.
 */
import type { Operation } from "../operation.ts";
import { type Change, changesByInode } from "./changes.ts";
import { OverlayFiles, type OverlayOptions, opened } from "./files.ts";
import type { Inode } from "./inode.ts";
import type { Reverted } from "./revert.ts";
import { changesOf, revertOf } from "./review.ts";

export type { Change, ChangeState } from "./changes.ts";
export type { OpenFlags, OverlayOptions } from "./files.ts";

/** How long `changeOf` believes what it read, where the base may change by itself, in ms. */
const changesKept_ms = 1000;

/** An open overlay that can tell what differs from the base, and undo it. */
export class Overlay extends OverlayFiles {
  /** What `changeOf` read last, at which generation and when. */
  #changes: ReadonlyMap<number, Change> | undefined;
  #changesAt = -1;
  #changesRead_ms = 0;

  /** As `OverlayFiles.open`. */
  static override *open(options: OverlayOptions): Operation<Overlay> {
    return new Overlay(yield* opened(options));
  }

  /** What differs from the base, sorted by path. Commits first. */
  changes(): Operation<Change[]> {
    return changesOf(this);
  }

  /** The change that `inode` is part of, under its first name by path; undefined if it is as the base has it. Commits first. */
  *changeOf(inode: Inode): Operation<Change | undefined> {
    yield* this.commit("relaxed");
    const { superblock, base } = this;
    const isKept = base.capabilities.snapshot || Date.now() - this.#changesRead_ms < changesKept_ms;
    if (!this.#changes || this.#changesAt !== superblock.generation || !isKept) {
      const { generation } = superblock;
      this.#changes = yield* changesByInode(this.layers);
      this.#changesAt = generation;
      this.#changesRead_ms = Date.now();
    }
    return this.#changes.get(inode.ino);
  }

  /**
   * Undoes the changes at and below these overlay paths, so that the base shines through again. An inode that lives
   * under several names is reverted at all of them; the answer names every one that changed.
   * @throws ENOENT nothing differs from the base there
   */
  revert(paths: readonly string[]): Operation<Reverted[]> {
    return revertOf(this, paths);
  }
}
