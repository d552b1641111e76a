/**
 * All objects that a manifest needs, found by reading its whole index: for publishers, who must know what to keep.
 */
import type { Operation } from "../../operation.ts";
import { digestAt, digestLetters, hexOfDigest } from "./digests.ts";
import { readDirectory } from "./directory.ts";
import { maxChunks, maxIndexBytes, type Pointer, readIndex } from "./format.ts";
import type { GetObject } from "./index-tree.ts";

/**
 * The SHA-256, hex, of every object that the manifest with this pointer needs. `getObject` gives what a reference means.
 * Throws a ManifestFlaw if a part of the index is none, and what `getObject` throws.
 */
export function* reachableObjects(pointer: Pointer, getObject: GetObject): Operation<Set<string>> {
  const found = new Set<string>();
  const isNew = (reference: string): boolean => {
    const sha256 = hexOfDigest(reference);
    if (found.has(sha256)) return false;
    found.add(sha256);
    return true;
  };
  const ahead = [pointer.index];
  for (let index = ahead.pop(); index; index = ahead.pop()) {
    if ("parts" in index) {
      for (const reference of columnOf(index.parts)) {
        if (!isNew(reference)) continue;
        const bytes = yield* getObject(reference, maxIndexBytes);
        ahead.push(readIndex(JSON.parse(new TextDecoder().decode(bytes))));
      }
      continue;
    }
    for (const pack of columnOf(index.packs)) isNew(pack);
    for (const [position, record] of index.directories.entries()) {
      const directory = readDirectory(record, position, {
        layout: pointer.layout,
        packs: index.packs,
      });
      for (const row of directory.names.keys()) {
        if (directory.typeAt(row) !== "file") continue;
        const content = directory.contentAt(row);
        if (!content) continue;
        if ("list" in content && isNew(content.list) && pointer.layout === "packed") {
          const bytes = yield* getObject(content.list, maxChunks * digestLetters);
          columnOf(new TextDecoder().decode(bytes)).forEach(isNew);
        } else if ("chunks" in content && pointer.layout === "packed") {
          columnOf(content.chunks).forEach(isNew);
        }
      }
    }
  }
  return found;
}

function columnOf(column: string): string[] {
  return Array.from({ length: column.length / digestLetters }, (_, row) => digestAt(column, row));
}
