/**
 * The records of a storage while they are checked: a copy in memory in which the rules' remedies are applied at once, so
 * that what follows from a fault is not told as a fault of its own, and so that a check knows what a repair will come to.
 * Records in it have the right shape (shapes.ts); whether they fit together is what the rules are about.
 */
import type {
  NewRecords,
  RecordKey,
  StoredContent,
  StoredRecord,
} from "../../storage/inspection.ts";
import type { NameRecord, NodeRecord, Superblock } from "../../storage/storage.ts";

/** A range of a content that has to become zero. */
export interface ZeroRange {
  readonly content: number;
  readonly from: number;
  readonly to: number;
}

/** A name with what it stands for. */
export interface Named {
  readonly parent: number;
  readonly name: string;
  readonly record: NameRecord;
}

/** The records, to be changed by the remedies. */
export class RecordSet {
  /** See `StoredState.closed`. */
  readonly closed: boolean;
  superblock: Superblock | undefined;
  readonly nodes = new Map<number, NodeRecord>();
  readonly aliases = new Map<string, number>();
  readonly orphans = new Set<number>();
  readonly contents = new Map<number, StoredContent>();
  /** What has to become zero in the data, by content. */
  readonly zeros = new Map<number, ZeroRange>();
  readonly #names = new Map<number, Map<string, NameRecord>>();
  /** Every record with what it says; undefined if it cannot stay as it is. */
  readonly #origins = new Map<StoredRecord, unknown>();
  /** Counts changes, so that what was derived from the records knows when it is outdated. */
  version = 0;

  constructor(closed: boolean) {
    this.closed = closed;
  }

  /** Takes in a record; `value` is what can be made of it, undefined if nothing can, and all of it if it `isSound`. */
  take(stored: StoredRecord, value: unknown, isSound: boolean): void {
    this.#origins.set(stored, isSound ? value : undefined);
    if (value === undefined) return;
    const { key } = stored;
    if (key.kind === "superblock") this.superblock = value as Superblock;
    if (key.kind === "node") this.nodes.set(key.ino, value as NodeRecord);
    if (key.kind === "name") this.setName(key.parent, key.name, value as NameRecord);
    if (key.kind === "alias") this.aliases.set(key.identity, value as number);
    if (key.kind === "orphan") this.orphans.add(key.ino);
  }

  setNode(node: NodeRecord): void {
    this.version += 1;
    this.nodes.set(node.ino, node);
  }

  /** Gives the node `ino` other values for some of its fields; undefined takes a field out. */
  changeNode(
    ino: number,
    changes: { [field in keyof NodeRecord]?: NodeRecord[field] | undefined },
  ): void {
    const node = this.nodes.get(ino);
    if (!node) return;
    const entries = Object.entries({ ...node, ...changes });
    const changed = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    this.setNode(changed as unknown as NodeRecord);
  }

  removeNode(ino: number): void {
    this.version += 1;
    this.nodes.delete(ino);
  }

  setName(parent: number, name: string, record: NameRecord): void {
    this.version += 1;
    let names = this.#names.get(parent);
    if (!names) {
      names = new Map();
      this.#names.set(parent, names);
    }
    names.set(name, record);
  }

  removeName(parent: number, name: string): void {
    this.version += 1;
    const names = this.#names.get(parent);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(parent);
  }

  setAlias(identity: string, ino: number): void {
    this.version += 1;
    this.aliases.set(identity, ino);
  }

  removeAlias(identity: string): void {
    this.version += 1;
    this.aliases.delete(identity);
  }

  nameOf(parent: number, name: string): NameRecord | undefined {
    return this.#names.get(parent)?.get(name);
  }

  /** The names in the directory `parent`. */
  namesIn(parent: number): Named[] {
    return [...(this.#names.get(parent) ?? [])].map(([name, record]) => ({ parent, name, record }));
  }

  /** The directories with names, by number. */
  parents(): number[] {
    return [...this.#names.keys()];
  }

  allNames(): Named[] {
    return this.parents().flatMap((parent) => this.namesIn(parent));
  }

  /** The content ids that nodes claim. */
  claimed(): Set<number> {
    const ids = [...this.nodes.values()].flatMap(({ content }) => (content ? [content.id] : []));
    return new Set(ids);
  }

  /** The records that are not what they were when they were taken in. */
  changed(): { readonly aside: StoredRecord[]; readonly put: Omit<NewRecords, "superblock"> } {
    const aside: StoredRecord[] = [];
    const unchanged = new Set<unknown>();
    for (const [stored, before] of this.#origins) {
      const isKept = before !== undefined && this.#at(stored.key) === before;
      if (isKept) unchanged.add(before);
      else aside.push(stored);
    }
    const isNew = (record: unknown) => !unchanged.has(record);
    const aliasesBefore = new Map(
      [...this.#origins.keys()].flatMap(({ key, value }) =>
        key.kind === "alias" ? [[key.identity, value] as const] : [],
      ),
    );
    const put = {
      nodes: new Map([...this.nodes].filter(([, node]) => isNew(node))),
      names: this.allNames().filter(({ record }) => isNew(record)),
      aliases: new Map([...this.aliases].filter(([key, ino]) => aliasesBefore.get(key) !== ino)),
    };
    return { aside, put };
  }

  #at(key: RecordKey): unknown {
    if (key.kind === "superblock") return this.superblock;
    if (key.kind === "node") return this.nodes.get(key.ino);
    if (key.kind === "name") return this.nameOf(key.parent, key.name);
    if (key.kind === "alias") return this.aliases.get(key.identity);
    if (key.kind === "orphan") return this.orphans.has(key.ino) ? true : undefined;
    return undefined;
  }
}
