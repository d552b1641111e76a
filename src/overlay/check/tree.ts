/**
 * Where things are, by the records alone: which names mean an inode, whether the root leads to it, and its path. A
 * directory of the base needs no name record to be reached: it lies where the base has it unless a record says otherwise.
 */
import { joinBasePath, parentOfBasePath, pathIdentity } from "../../base/base.ts";
import type { NodeRecord } from "../../storage/storage.ts";
import { rootIno } from "../inode.ts";
import type { Named, RecordSet } from "./record-set.ts";

/** Answers for the records as they are at the moment of asking. */
export class Tree {
  readonly #records: RecordSet;
  #version = -1;
  readonly #namesOf = new Map<number, Named[]>();
  readonly #byIdentity = new Map<string, NodeRecord>();
  readonly #reached = new Map<number, boolean>();
  readonly #paths = new Map<number, string | undefined>();

  constructor(records: RecordSet) {
    this.#records = records;
  }

  /** The names that mean inode `ino`. */
  namesOf(ino: number): readonly Named[] {
    this.#refresh();
    return this.#namesOf.get(ino) ?? [];
  }

  /** The node recorded for a base object. */
  nodeOf(identity: string): NodeRecord | undefined {
    this.#refresh();
    return this.#byIdentity.get(identity);
  }

  /** Whether the root leads to the directory `ino`. */
  isReachedDirectory(ino: number): boolean {
    this.#refresh();
    return this.#isReached(ino);
  }

  /** Whether the name leads somewhere: whether its directory is reached. */
  isReachedName({ parent }: Named): boolean {
    return this.isReachedDirectory(parent);
  }

  /** Whether what the base has at `origin` is reached there without a name record of its own. */
  isReachedThroughBase(origin: string): boolean {
    this.#refresh();
    return this.#isReachedThroughBase(origin);
  }

  /** The path of the directory `ino`; undefined if none is known. */
  pathOf(ino: number): string | undefined {
    this.#refresh();
    return this.#pathOf(ino);
  }

  /** The path of a name. */
  pathOfName({
    parent,
    name,
  }: {
    readonly parent: number;
    readonly name: string;
  }): string | undefined {
    const directory = this.pathOf(parent);
    return directory === undefined ? undefined : joinBasePath(directory, name);
  }

  /** A path of any node: of its first name, or where the base has it. */
  pathOfNode(node: NodeRecord): string | undefined {
    if (node.type === "directory") return this.pathOf(node.ino);
    const [named] = this.namesOf(node.ino);
    if (named) return this.pathOfName(named);
    return node.origin === undefined ? undefined : this.#pathThroughBase(node.origin);
  }

  #refresh(): void {
    const { version } = this.#records;
    if (version === this.#version) return;
    this.#version = version;
    for (const map of [this.#namesOf, this.#byIdentity, this.#reached, this.#paths]) map.clear();
    for (const named of this.#records.allNames()) {
      const { record } = named;
      if (record.whiteout) continue;
      const others = this.#namesOf.get(record.ino);
      if (others) others.push(named);
      else this.#namesOf.set(record.ino, [named]);
    }
    for (const node of this.#records.nodes.values()) {
      if (node.identity !== undefined) this.#byIdentity.set(node.identity, node);
    }
  }

  #isReached(ino: number): boolean {
    if (ino === rootIno) return true;
    const known = this.#reached.get(ino);
    if (known !== undefined) return known;
    // A directory on its own way up is in a cycle: that way does not lead to the root.
    this.#reached.set(ino, false);
    const node = this.#records.nodes.get(ino);
    const names = this.#namesOf.get(ino) ?? [];
    const reached =
      node?.type === "directory" &&
      (names.some(({ parent }) => this.#isReached(parent)) ||
        (node.origin !== undefined && this.#isReachedThroughBase(node.origin)));
    this.#reached.set(ino, reached);
    return reached;
  }

  #isReachedThroughBase(origin: string): boolean {
    const place = this.#placeInBase(origin);
    if (!place) return false;
    const { directory, node, name } = place;
    if (node === undefined) return this.#isReachedThroughBase(directory);
    if (this.#records.nameOf(node, name) !== undefined) return false;
    return this.#isReached(node);
  }

  /** Where the base has `origin`: the base path of the directory, its inode if that is recorded, and the name in it. */
  #placeInBase(
    origin: string,
  ):
    | { readonly directory: string; readonly node: number | undefined; readonly name: string }
    | undefined {
    const directory = parentOfBasePath(origin);
    if (directory === undefined) return undefined;
    const name = directory === "" ? origin : origin.slice(directory.length + 1);
    const node = directory === "" ? rootIno : this.#byIdentity.get(pathIdentity(directory))?.ino;
    return { directory, node, name };
  }

  #pathOf(ino: number): string | undefined {
    if (ino === rootIno) return "";
    if (this.#paths.has(ino)) return this.#paths.get(ino);
    this.#paths.set(ino, undefined);
    const origin = this.#records.nodes.get(ino)?.origin;
    const named = this.#namesOf.get(ino)?.[0];
    let path: string | undefined;
    if (named) {
      const directory = this.#pathOf(named.parent);
      path = directory === undefined ? undefined : joinBasePath(directory, named.name);
    } else if (origin !== undefined) path = this.#pathThroughBase(origin);
    this.#paths.set(ino, path);
    return path;
  }

  #pathThroughBase(origin: string): string | undefined {
    const place = this.#placeInBase(origin);
    if (!place) return undefined;
    const { directory, node, name } = place;
    const path = node === undefined ? this.#pathThroughBase(directory) : this.#pathOf(node);
    return path === undefined ? undefined : joinBasePath(path, name);
  }
}
