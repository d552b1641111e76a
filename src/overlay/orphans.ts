/** What had no name any more but was still open when the last owner went. */
import type { Operation } from "../operation.ts";
import type { Layers } from "./layers.ts";

/** Drops it, data and all. */
export function* dropOrphans(layers: Layers): Operation<void> {
  const orphans = yield* layers.storage.orphans();
  if (orphans.length === 0) return;
  for (const ino of orphans) {
    const record = yield* layers.storage.node(ino);
    if (record?.content) layers.writeback.dropContent(record.content.id);
    if (record) layers.writeback.node(ino, null);
    layers.forgetAlias(record?.identity);
    layers.writeback.orphan(ino, false);
  }
  yield* layers.writeback.commit("relaxed");
}
