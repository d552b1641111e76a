/** What the kernel must drop after names were reverted behind its back. */
import { FsError, type Operation, type Reverted } from "../../src/index.ts";
import type { Adapter } from "./adapter.ts";
import { encodeInvalidateEntry, encodeInvalidateInode } from "./protocol/notify.ts";

/**
 * Notifications, to be written one at a time, that make the kernel ask again for everything `reverted` touched. Where it
 * `trustsItself` it keeps the size and times of a file that it knows, whatever it is told: then files get new nodeids.
 */
export function* invalidationsFor(
  adapter: Adapter,
  reverted: readonly Reverted[],
  trustsItself: boolean,
): Operation<Uint8Array[]> {
  const notifications: Uint8Array[] = [];
  for (const { parent, name } of reverted) {
    const directory = adapter.nodeidOf(parent);
    // What the kernel does not know it cannot have cached.
    if (directory === undefined) continue;
    notifications.push(encodeInvalidateInode(directory, false));
    if (name === "") continue;
    notifications.push(encodeInvalidateEntry(directory, name));
    try {
      const inode = yield* adapter.overlay.lookup(parent, name);
      const node = adapter.nodeidOf(inode);
      if (node !== undefined) notifications.push(encodeInvalidateInode(node, true));
      if (trustsItself && inode.type === "file") adapter.renumber(inode);
    } catch (error) {
      // ENOENT: a created name that is gone now. Anything else will be met again by whoever asks for the name.
      if (!(error instanceof FsError)) throw error;
    }
  }
  return notifications;
}
