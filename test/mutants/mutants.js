/**
 * The breakages the tests have to catch: each replaces pieces of text that must stand in its file exactly once. What one
 * breaks is a rule of the overlay, said in its name; the code it leaves behind still runs.
 */

/** @typedef {{ readonly name: string, readonly file: string, readonly edits: readonly (readonly [find: string, replacement: string])[] }} Mutant */

/** @type {readonly Mutant[]} */
export const mutants = [
  {
    name: "no whiteout over a name of the base",
    file: "src/overlay/layers.ts",
    edits: [["hides === undefined ? null : { whiteout: true, hides }", "null"]],
  },
  {
    name: "a new directory is not opaque",
    file: "src/overlay/make.ts",
    edits: [
      [
        'import type { FileType, Time } from "../attributes.ts";',
        `import type { FileType, Time } from "../attributes.ts";
import { joinBasePath } from "../base/base.ts";`,
      ],
      [
        "const inode = newInode(layers, parent, object, context, now);",
        `const below = parent.origin === undefined ? undefined : joinBasePath(parent.origin, name);
  const under = below === undefined ? null : yield* layers.base.lookup(below);
  const inode = newInode(layers, parent, object, context, now);
  if (under?.type === "directory" && inode.isDirectory) {
    Object.assign(inode, { origin: below, base: under, nlinkDelta: 2 - under.nlink });
  }`,
      ],
    ],
  },
  {
    name: "a truncation leaves baseLength as it was",
    file: "src/overlay/write.ts",
    edits: [["content.baseLength = Math.min(content.baseLength, size);", ""]],
  },
  {
    name: "a truncation leaves the tail of the last chunk",
    file: "src/overlay/write.ts",
    edits: [[".zeroFrom(size - tailStart);", ";"]],
  },
  {
    name: "a renamed directory takes its new path for its origin",
    file: "src/overlay/namespace.ts",
    edits: [
      [
        "if (inode.isDirectory) inode.parent = parent;\n}",
        `if (inode.isDirectory) inode.parent = parent;
  if (inode.origin !== undefined) {
    Object.assign(inode, { origin: joinBasePath(parent.origin ?? "", name) });
  }
}`,
      ],
    ],
  },
  {
    name: "what a rename replaced is not collected",
    file: "src/overlay/namespace.ts",
    edits: [["layers.unlinkInode(target, now);", "target.nlinkDelta -= 1;"]],
  },
  {
    name: "sizes are stored before the data",
    file: "src/storage/writeback.ts",
    edits: [
      [
        "this.#storage.commit(group.toBatch(this.#superblock()), durability)",
        "recordsFirst(this.#storage, group.toBatch(this.#superblock()), durability)",
      ],
      [
        "/** The buffer before a storage. */",
        `function* recordsFirst(storage: Storage, batch: Batch, durability: Durability): Operation<void> {
  const superblock = { ...batch.superblock };
  yield* storage.commit({ ...batch, data: [] }, durability);
  yield* storage.commit({ ...batch, superblock, nodes: new Map(), names: [] }, durability);
}

/** The buffer before a storage. */`,
      ],
    ],
  },
  {
    name: "after a failed commit its names win over later ones",
    file: "src/storage/writeback.ts",
    edits: [["if (!this.names.get(parent)?.has(name)) this.setName", "this.setName"]],
  },
  {
    name: "after a failed commit its bytes win over later ones",
    file: "src/storage/writeback.ts",
    edits: [
      [
        "const newer = this.chunk(content, chunk);",
        "const newer = undefined as DirtyChunk | undefined;",
      ],
    ],
  },
  {
    name: "after a failed commit what later ones removed comes back",
    file: "src/storage/writeback.ts",
    edits: [["if (!this.nodes.has(ino)) this.nodes.set(ino, node);", "this.nodes.set(ino, node);"]],
  },
  {
    name: "a failed commit is forgotten",
    file: "src/storage/writeback.ts",
    edits: [["this.#gathering.takeBack(group);", ""]],
  },
  {
    name: "a write changes the bytes of the commit under way",
    file: "src/storage/writeback.ts",
    edits: [["underWay ? underWay.clone() :", "underWay ? underWay :"]],
  },
  {
    name: "fsync returns while the commit that covers it is under way",
    file: "src/storage/writeback.ts",
    edits: [["yield* waitFor(this.#start(durability));", "this.#start(durability);"]],
  },
  {
    name: "a link does not raise the link count",
    file: "src/overlay/namespace.ts",
    edits: [["inode.nlinkDelta += 1;", ""]],
  },
  {
    name: "moving a directory leaves the link counts of its parents",
    file: "src/overlay/namespace.ts",
    edits: [["newParent.nlinkDelta += moved;", ""]],
  },
  {
    name: "an unlinked open file is not noted as an orphan",
    file: "src/overlay/layers.ts",
    edits: [["this.writeback.orphan(inode.ino, true);", ""]],
  },
  {
    name: "orphans of the last owner are not dropped",
    file: "src/overlay/orphans.ts",
    edits: [["if (orphans.length === 0) return;", "if (orphans.length >= 0) return;"]],
  },
  {
    name: "an unlinked open file loses its data at once",
    file: "src/overlay/layers.ts",
    edits: [["if (inode.handles > 0) {", "if (inode.handles > 99) {"]],
  },
  {
    name: "a number that is not the plain hash gets no alias",
    file: "src/overlay/layers.ts",
    edits: [["this.writeback.alias(identity, ino);", ""]],
  },
  {
    name: "a collision of numbers goes unnoticed",
    file: "src/overlay/lookup.ts",
    edits: [["(record && record.identity !== identity)", "false"]],
  },
  {
    name: "what was gathered is not checked again",
    file: "src/overlay/layers.ts",
    edits: [["if (applied === this.#applied) return result;", "return result;"]],
  },
  {
    name: "an edge chunk that was committed meanwhile is not read again",
    file: "src/overlay/write.ts",
    edits: [["edge.held && edge.commits !== this.#layers.writeback.commits", "false"]],
  },
  {
    name: "a read does not notice that data was cut off while it waited",
    file: "src/overlay/content.ts",
    edits: [["if (cuts === inode.cuts) return length;", "return length;"]],
  },
  {
    name: "an edge chunk is not fetched from the base",
    file: "src/overlay/write.ts",
    edits: [
      [
        "return chunk * chunkSize < this.#baseLength && this.#valid(chunk) === undefined;",
        "return false;",
      ],
    ],
  },
  {
    name: "a truncation keeps the chunks past the end",
    file: "src/overlay/write.ts",
    edits: [["writeback.dropChunks(content.id, firstGone, Number.POSITIVE_INFINITY);", ""]],
  },
  {
    name: "a truncation to nothing goes on with the old content",
    file: "src/overlay/write.ts",
    edits: [["if (inode.content) layers.writeback.dropContent(inode.content.id);", ""]],
  },
  {
    name: "rmdir does not ask the base whether a directory is empty",
    file: "src/overlay/listing.ts",
    edits: [["return base.every(({ name }) => names.has(name));", "return true;"]],
  },
  {
    name: "a removed directory leaves its names behind",
    file: "src/overlay/namespace.ts",
    edits: [["layers.forgetName(directory, name);", ""]],
  },
  {
    name: "a changed object of the base gets no name record",
    file: "src/overlay/layers.ts",
    edits: [
      ["this.setName(parent, name, inode, { origin: joinBasePath(parent.origin, name) });", ""],
    ],
  },
  {
    name: "versions of the base are mixed in one file",
    file: "src/overlay/inode.ts",
    edits: [["(!this.content || this.base.signature === this.signature)", "true"]],
  },
  {
    name: "removing an extended attribute of the base leaves no mark",
    file: "src/overlay/setattr.ts",
    edits: [["xattrs.set(name, null);", "xattrs.delete(name);"]],
  },
  {
    name: "a sweep takes an inode that waits for a commit",
    file: "src/overlay/sweep.ts",
    edits: [[" || writeback.isDirty(ino)", ""]],
  },
  {
    name: "a sweep takes an inode that is open",
    file: "src/overlay/sweep.ts",
    edits: [[" || handles > 0", ""]],
  },
  {
    name: "a sweep takes a directory that an inode knows",
    file: "src/overlay/sweep.ts",
    edits: [["return inode.parent ?? inode.place?.parent;", "return undefined;"]],
  },
  {
    name: "a call that waits does not keep others from sweeping",
    file: "src/overlay/files.ts",
    edits: [["isAlone || this.#underWay > 0) return;", "isAlone) return;"]],
  },
  {
    name: "a hole hides the base behind it too",
    file: "src/overlay/holes.ts",
    edits: [["if (end >= content.baseLength) content", "content"]],
  },
  {
    name: "a revert takes a deleted directory for gone where its name is taken",
    file: "src/overlay/revert.ts",
    edits: [["node?.identity === base.identity) return undefined", "node) return undefined"]],
  },
  {
    name: "a revert keeps the data it reverted",
    file: "src/overlay/revert.ts",
    edits: [["if (inode.content) this.#layers.writeback.dropContent(inode.content.id);", ""]],
  },
  {
    name: "a revert does not record the link count of a new directory",
    file: "src/overlay/revert.ts",
    edits: [["if (removed) return;", "if (removed || identity === undefined) return;"]],
  },
  {
    name: "a revert within a directory forgets the times somebody gave that",
    file: "src/overlay/revert.ts",
    edits: [
      [
        "hasBaseNames(directory) && isAtHome(directory) && hasBaseAttributes(layers, directory)",
        "hasBaseNames(directory) && isAtHome(directory)",
      ],
      ["function hasBaseAttributes(", "export function hasBaseAttributes("],
    ],
  },
  {
    name: "a new name leaves the time of its directory",
    file: "src/overlay/layers.ts",
    edits: [["parent.own.mtime = now;", ""]],
  },
  {
    name: "a name that goes while the base has lost it is not hidden",
    file: "src/overlay/namespace.ts",
    edits: [
      ["record && !record.whiteout && record.origin !== undefined;", "false && record?.whiteout;"],
    ],
  },
  {
    name: "a link group that the base has split is counted as if it were whole",
    file: "src/overlay/inode.ts",
    edits: [["return base?.identity !== identity && identity?.", "return !base && identity?."]],
  },
  {
    name: "links are not counted again when the base has moved",
    file: "src/overlay/files.ts",
    edits: [["yield* recountLinks(layers);", ""]],
  },
  {
    name: "a directory is not kept reachable where the base has a file now",
    file: "src/overlay/base-moves.ts",
    edits: [['?.type !== "directory") lost.push', " === null) lost.push"]],
  },
  {
    name: "that the base moved is forgotten before what follows from it is done",
    file: "src/overlay/superblock.ts",
    edits: [["identity: stored.base.identity },", "identity: options.base.identity },"]],
  },
  {
    name: "a file that the base has lost is cut to zeros",
    file: "src/overlay/write.ts",
    edits: [['refuseIfLost(inode, "truncate");', ""]],
  },
];
