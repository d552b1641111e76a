/**
 * Which stored formats this version of minifo reads. Every storage asks here when it is opened, before anything else
 * is read from it or written to it.
 */
import { FsError } from "../errno.ts";
import type { Superblock } from "./storage.ts";

/** The version of the stored format this code writes. FORMAT.md describes it and keeps the history. */
export const formatVersion = 1;

/** The features, without which a storage cannot be read, that this code knows. */
const knownFeatures: ReadonlySet<string> = new Set();

/**
 * Refuses a storage written by a later minifo than this one. `place` names the storage in the message.
 * @throws EINVAL its version is higher, or it has an incompatible feature that is not known here; nothing was touched
 */
export function refuseUnknownFormat(
  { version, incompatible }: { readonly version: number; readonly incompatible: readonly string[] },
  place: string,
): void {
  const remedy = "nothing was changed; open it with the minifo that wrote it, or a newer one";
  if (version !== formatVersion) {
    throw new FsError("EINVAL", {
      syscall: "open",
      path: place,
      reason: `the storage has format version ${version}, this minifo knows version ${formatVersion}: ${remedy}`,
    });
  }
  const unknown = incompatible.filter((feature) => !knownFeatures.has(feature));
  if (unknown.length > 0) {
    throw new FsError("EINVAL", {
      syscall: "open",
      path: place,
      reason: `the storage uses features this minifo does not know (${unknown.join(", ")}): ${remedy}`,
    });
  }
}

/**
 * Refuses a batch that is not the next one after what is stored: of an owner that has been taken over, or of one that
 * takes over on the word of a superblock that moved since it was read, with numbers given out that it does not know of.
 * @throws ESTALE
 */
export function refuseStaleEpoch(stored: Superblock | undefined, next: Superblock): void {
  if (stored === undefined) return;
  const isNext =
    stored.epoch === next.epoch
      ? next.generation > stored.generation
      : stored.epoch < next.epoch && next.generation === stored.generation + 1;
  if (isNext) return;
  throw new FsError("ESTALE", {
    syscall: "commit",
    reason:
      `another owner has taken this storage over (epoch ${stored.epoch}, ours is ${next.epoch}); ` +
      "nothing was written; open the overlay again",
  });
}
