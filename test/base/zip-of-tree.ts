/** Zips of the trees of tests. */
import { type MemoryEntry, typeBits } from "../../src/index.ts";
import { bytesOf, modeOf } from "./contract.ts";
import { type WrittenMember, zipOf } from "./zip-archive.ts";

/** A zip of `tree`, as a Unix makes it; every other file is stored. */
export function zipOfTree(tree: ReadonlyMap<string, MemoryEntry>): Uint8Array {
  const members = [...tree].map(([path, entry], index): WrittenMember => {
    const { target, type, mtime } = entry;
    const time = mtime && { mtime };
    const stored = index % 2 === 0 && { isStored: true as const };
    if (target !== undefined) {
      return { name: path, content: target, unixMode: typeBits.symlink | 0o777, ...time };
    }
    if (type === "directory") {
      return { name: `${path}/`, unixMode: typeBits.directory | modeOf(entry), ...stored, ...time };
    }
    const unixMode = typeBits.file | modeOf(entry);
    return { name: path, content: bytesOf(entry), unixMode, ...stored, ...time };
  });
  return zipOf(members);
}
