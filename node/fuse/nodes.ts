/**
 * Which node of a mount stands for which inode. A nodeid is a counter of this mount, not st_ino; it lives as long as
 * somebody holds a lookup of it, and so long the overlay keeps the inode.
 */
import { FsError, type Inode, type Overlay } from "../../src/index.ts";

/** The nodeid of the root directory. */
export const rootNodeid = 1;

export interface Node {
  readonly nodeid: number;
  readonly inode: Inode;
  lookups: number;
  /** Where it was found last, but for the root and what never had a name. */
  parent: Inode | undefined;
  name: string;
}

export class NodeTable {
  readonly #overlay: Overlay;
  readonly #byNodeid = new Map<number, Node>();
  readonly #byInode = new Map<Inode, Node>();
  readonly #root: Node;
  #nextNodeid = rootNodeid + 1;

  constructor(overlay: Overlay) {
    this.#overlay = overlay;
    const { root: inode } = overlay;
    this.#root = { nodeid: rootNodeid, inode, lookups: 1, parent: undefined, name: "" };
    this.#byNodeid.set(rootNodeid, this.#root);
    this.#byInode.set(inode, this.#root);
  }

  /** @throws ESTALE nobody holds a lookup of it */
  at(nodeid: number): Node {
    const node = this.#byNodeid.get(nodeid);
    if (!node) throw new FsError("ESTALE", { reason: "the kernel had forgotten this node" });
    return node;
  }

  find(nodeid: number): Node | undefined {
    return this.#byNodeid.get(nodeid);
  }

  /** The node by which `inode` is found, if anybody holds one. */
  of(inode: Inode): Node | undefined {
    return this.#byInode.get(inode);
  }

  /** Takes a lookup of `inode`, found as `name` of `parent` unless it has no name. */
  retain(inode: Inode, parent: Inode | undefined, name: string): Node {
    let node = this.#byInode.get(inode);
    if (!node) {
      node = { nodeid: this.#nextNodeid++, inode, lookups: 0, parent, name };
      this.#byNodeid.set(node.nodeid, node);
      this.#byInode.set(inode, node);
    }
    if (parent) {
      node.parent = parent;
      node.name = name;
    }
    node.lookups += 1;
    this.#overlay.retain(inode);
    return node;
  }

  /** Gives lookups back. Returns whether that was the last one, with which the nodeid is gone. */
  forget(nodeid: number, lookups: number): boolean {
    const node = this.#byNodeid.get(nodeid);
    if (!node || node === this.#root) return false;
    const given = Math.min(lookups, node.lookups);
    node.lookups -= given;
    const isGone = node.lookups === 0;
    if (isGone) {
      this.#byNodeid.delete(nodeid);
      if (this.#byInode.get(node.inode) === node) this.#byInode.delete(node.inode);
    }
    this.#overlay.forget(node.inode, given);
    return isGone;
  }

  /** Notes that `inode`, if anybody holds it, is `name` of `parent` now. */
  place(inode: Inode, parent: Inode, name: string): void {
    const node = this.#byInode.get(inode);
    if (!node) return;
    node.parent = parent;
    node.name = name;
  }

  /** Has whoever finds `inode` from now on find it under another nodeid; the one it had goes on for who holds it. */
  renumber(inode: Inode): void {
    this.#byInode.delete(inode);
  }
}
