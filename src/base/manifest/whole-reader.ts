/** The manifest's driver with all of its parts at hand: for where a module more costs nothing and none may be waited for. */
import type { Operation } from "../../operation.ts";
import * as indexTree from "./index-tree.ts";
import { type ManifestBase, type ManifestBaseOptions, openManifest } from "./reader.ts";

/** As `openManifest`, which says what can go wrong. */
export function openManifestBase(options: ManifestBaseOptions): Operation<ManifestBase> {
  return openManifest(options, {
    *indexTree() {
      return indexTree;
    },
  });
}
