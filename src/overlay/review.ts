/** Telling what differs from the base, and undoing it, for whoever loads that apart from the operations on files. */
import type { Operation } from "../operation.ts";
import { type Change, changes } from "./changes.ts";
import type { OverlayFiles } from "./files.ts";
import { type Reverted, revert } from "./revert.ts";

/** `Overlay.changes`, for whoever loads it apart from the files. */
export function* changesOf(overlay: OverlayFiles): Operation<Change[]> {
  yield* overlay.commit("relaxed");
  return yield* changes(overlay.layers);
}

/** `Overlay.revert`, likewise. */
export function* revertOf(overlay: OverlayFiles, paths: readonly string[]): Operation<Reverted[]> {
  const reverted = yield* revert(overlay.layers, overlay.root, paths);
  yield* overlay.commit("relaxed");
  return reverted;
}
