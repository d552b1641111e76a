/** Copying a file by its path: what copyFile does, loaded when it is first asked for. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { copyRange } from "../overlay/copy.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Handle } from "../overlay/handle.ts";
import type { Context } from "../overlay/make.ts";
import { constants } from "./constants.ts";
import { openIntentOf } from "./open-flags.ts";
import { close } from "./reading-calls.ts";
import { open } from "./system-calls.ts";

const { O_CREAT, O_EXCL, O_WRONLY } = constants;

/** Copies bytes and mode of the file `from` to the file `to`. If it fails on the way, `to` may hold a part. */
export function* copyFile(
  overlay: OverlayFiles,
  from: string,
  to: string,
  exclusive: boolean,
  context: Context,
): Operation<void> {
  const source = yield* open(overlay, from, openIntentOf("r"), 0, context);
  try {
    if (!source.handle) throw new FsError("EISDIR");
    const { mode } = yield* overlay.getattr(source.inode);
    // Not truncated at once: it may be the source itself.
    const flags = O_WRONLY | O_CREAT | (exclusive ? O_EXCL : 0);
    const target = yield* open(overlay, to, openIntentOf(flags), mode & 0o777, context);
    try {
      if (!target.handle || target.inode.ino === source.inode.ino) return;
      yield* overlay.setattr(target.inode, { size: 0 });
      yield* copyBytes(overlay, source.handle, target.handle);
      yield* overlay.setattr(target.inode, { mode: mode & 0o7777 });
    } finally {
      yield* close(overlay, target);
    }
  } finally {
    yield* close(overlay, source);
  }
}

function* copyBytes(overlay: OverlayFiles, source: Handle, target: Handle): Operation<void> {
  for (let offset = 0; ; ) {
    const length = yield* copyRange(
      overlay.layers,
      source.inode,
      offset,
      target.inode,
      offset,
      Number.MAX_SAFE_INTEGER,
    );
    if (length === 0) return;
    offset += length;
  }
}
