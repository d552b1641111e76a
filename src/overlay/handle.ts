/** Open files: what an adapter holds of a file between open and release. */
import { FsError } from "../errno.ts";
import type { Inode } from "./inode.ts";

/** How a file is opened. */
export interface OpenFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  /** Every write goes to the end of the file as it is at that moment. */
  readonly append?: boolean;
  readonly truncate?: boolean;
}

/** An open file; stays good when its last name is gone. */
export class Handle {
  readonly inode: Inode;
  readonly flags: OpenFlags;
  released = false;

  constructor(inode: Inode, flags: OpenFlags) {
    this.inode = inode;
    this.flags = flags;
  }
}

/** @throws ESTALE the base has lost the file, and nothing of its data is ours */
export function refuseIfLost(inode: Inode, syscall = "open"): void {
  if (!inode.isLost) return;
  throw new FsError("ESTALE", {
    syscall,
    reason: "the base has lost this file, and only its name or attributes are ours",
  });
}
