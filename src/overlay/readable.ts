/**
 * What can be read of an overlay, by inode: of one that is open for changes (files.ts), and of one that can only be read
 * (reading-overlay.ts), so that what programs read by is written once for both.
 */
import type { Stat } from "../attributes.ts";
import type { Base } from "../base/base.ts";
import type { Operation } from "../operation.ts";
import type { Superblock } from "../storage/storage.ts";
import type { Handle, OpenFlags } from "./handle.ts";
import type { Inode } from "./inode.ts";
import type { Listing } from "./listing.ts";

/** See the head of this file; each method as `OverlayFiles` has it. */
export interface ReadableOverlay {
  readonly base: Base;
  readonly root: Inode;
  readonly superblock: Superblock;
  lookup(parent: Inode, name: string): Operation<Inode>;
  getattr(inode: Inode): Operation<Stat>;
  readlink(inode: Inode): Operation<string>;
  open(inode: Inode, flags: OpenFlags): Operation<Handle>;
  read(handle: Handle, offset: number, into: Uint8Array): Operation<number>;
  release(handle: Handle): Operation<void>;
  opendir(inode: Inode): Operation<Listing>;
  retain(inode: Inode): void;
  forget(inode: Inode, count: number): void;
  holding<T>(operation: Operation<T>): Operation<T>;
}
