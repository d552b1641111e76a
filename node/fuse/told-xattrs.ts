/**
 * The extended attributes `user.minifo.…`, by which a mount tells of each file and directory what the overlay knows.
 * They can be read by name alone: a list does not have them, or `cp -a` and `rsync -X` would take them along to files of
 * which they are not true. Nobody can set them.
 */
import { FsError, type Inode, type Operation, type Overlay, type Place } from "../../src/index.ts";

const prefix = "user.minifo.";

/** What can be asked, by the name behind the prefix; nothing told is ENODATA. */
const attributes: Readonly<
  Record<string, (overlay: Overlay, inode: Inode, place?: Place) => Operation<string | undefined>>
> = {
  /** The word `minifo status` has for it, or `unmodified`. */
  *state(overlay, inode, place) {
    return (yield* overlay.changeOf(inode, place))?.state ?? "unmodified";
  },
  /** The base path it comes from, `.` being the root; absent for what was created here. */
  *origin(overlay, inode, place) {
    const change = yield* overlay.changeOf(inode, place);
    const origin = change?.from ?? change?.linkTo ?? inode.origin;
    return origin === "" ? "." : origin;
  },
  /** Where the base is. */
  *base(overlay) {
    return overlay.base.locator;
  },
  /** Bytes of its data that lie in the storage, in whole chunks. */
  *"local-bytes"(overlay, { content }) {
    const chunks = content?.chunks.count(0, Number.POSITIVE_INFINITY) ?? 0;
    return String(chunks * overlay.superblock.chunkSize);
  },
};

/** Whether `name` is one of these, or could be. */
export function isTold(name: string): boolean {
  return name.startsWith(prefix);
}

/**
 * What the attribute `name` tells of `inode`, which was found at `place`.
 * @throws ENODATA there is no such attribute, or nothing to tell
 */
export function* told(
  overlay: Overlay,
  inode: Inode,
  name: string,
  place?: Place,
): Operation<Uint8Array> {
  const key = name.slice(prefix.length);
  const attribute = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
  const text = attribute && (yield* attribute(overlay, inode, place));
  if (text === undefined) throw new FsError("ENODATA");
  return new TextEncoder().encode(text);
}

/** @throws EPERM `name` is one of these: they tell, and cannot be set */
export function refuseTold(name: string): void {
  if (isTold(name)) throw new FsError("EPERM", { reason: `${prefix}… only tells of the overlay` });
}
