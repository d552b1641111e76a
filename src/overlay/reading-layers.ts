/**
 * What looking up and reading need between base and storage where nothing is changed: the records as they were when each
 * was read first. Numbers of base objects come from the platform's SHA-256, which has to be waited for, so they are made
 * before an object is looked up.
 */
import type { Base } from "../base/base.ts";
import { FsError } from "../errno.ts";
import { type Operation, waitFor } from "../operation.ts";
import type { Storage, Superblock } from "../storage/storage.ts";
import type { ReadLayers } from "./content.ts";
import { Inode, InodeTable, identityBytes, numberOfDigest, rootIno } from "./inode.ts";
import { baseChild, child, type LookupLayers, namesOf } from "./lookup.ts";

/** What is read. */
export interface ReaderOptions {
  readonly base: Base;
  readonly storage: Pick<Storage, "node" | "names" | "aliases" | "readData">;
  readonly superblock: Superblock;
}

/** See the head of this file. */
export class ReadingLayers implements LookupLayers, ReadLayers {
  readonly base: Base;
  readonly storage: ReaderOptions["storage"];
  readonly superblock: Superblock;
  readonly inodes = new InodeTable();
  aliases: ReadonlyMap<string, number> = new Map();
  /** Nothing is on the way to the storage. */
  readonly writeback = { removes: () => false, chunk: () => undefined };
  /** Numbers of base objects, by their identity, made before they are asked for. */
  readonly #numbers = new Map<string, number>();

  constructor({ base, storage, superblock }: ReaderOptions) {
    this.base = base;
    this.storage = storage;
    this.superblock = superblock;
  }

  get chunkSize(): number {
    return this.superblock.chunkSize;
  }

  readonly hash = (identity: string): number => {
    const number = this.#numbers.get(identity);
    if (number === undefined) throw new Error("bug: a base object was not numbered");
    return number;
  };

  /**
   * Reads what every way begins with, and gives the root.
   * @throws EIO the base's root or the storage cannot be read
   */
  *open(): Operation<Inode> {
    this.aliases = yield* this.storage.aliases();
    const node = yield* this.base.lookup("");
    if (!node) throw new FsError("EIO", { reason: "the base has no root directory" });
    const record = yield* this.storage.node(rootIno);
    const root = new Inode(rootIno, "directory", { base: node, ...(record && { record }) });
    this.inodes.add(root);
    return root;
  }

  /** As `child` of lookup.ts. */
  *child(directory: Inode, name: string): Operation<Inode | undefined> {
    const names = yield* namesOf(this, directory);
    const below = names.has(name) ? null : yield* baseChild(this, directory, name);
    if (below) yield* this.#number(below.identity);
    return yield* child(this, directory, name);
  }

  /** By the platform's SHA-256, which waits: the built-in one would be a tenth of a service worker. */
  *#number(identity: string): Operation<void> {
    if (this.#numbers.has(identity)) return;
    const bytes = identityBytes(this.superblock.overlayId, identity);
    const digest = yield* waitFor(crypto.subtle.digest("SHA-256", bytes));
    this.#numbers.set(identity, numberOfDigest(new Uint8Array(digest)));
  }
}
