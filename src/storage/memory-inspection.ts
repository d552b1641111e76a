/** A memory disk laid open for `check`. What a repair takes out stays on the inspection object, for whoever asks. */
import type { Operation } from "../operation.ts";
import type {
  Repair,
  StorageInspection,
  StoredContent,
  StoredRecord,
  StoredState,
} from "./inspection.ts";
import type { MemoryDisk } from "./memory.ts";

/** See the head of this file. */
export class MemoryInspection implements StorageInspection {
  readonly #disk: MemoryDisk;
  /** What repairs took out, each with the data of its contents as it was. */
  readonly quarantine: {
    readonly repair: Repair;
    readonly data: ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>;
  }[] = [];

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  *state(): Operation<StoredState> {
    const { superblock, nodes, names, aliases, orphans, data } = this.#disk;
    const records: StoredRecord[] = [];
    if (superblock !== undefined) records.push({ key: { kind: "superblock" }, value: superblock });
    for (const [ino, value] of nodes) records.push({ key: { kind: "node", ino }, value });
    for (const [parent, inside] of names) {
      for (const [name, value] of inside) {
        records.push({ key: { kind: "name", parent, name }, value });
      }
    }
    for (const [identity, value] of aliases) {
      records.push({ key: { kind: "alias", identity }, value });
    }
    for (const ino of orphans) records.push({ key: { kind: "orphan", ino }, value: true });
    const contents = [...data].map(([id, chunks]): StoredContent => {
      const there = [...chunks.keys()].sort((a, b) => a - b);
      const bytes = [...chunks.values()].reduce((sum, chunk) => sum + chunk.length, 0);
      return { id, chunks: there.flatMap((chunk) => [chunk, chunk + 1]), bytes };
    });
    return { closed: true, records, contents };
  }

  *readData(content: number, offset: number, into: Uint8Array, chunkSize: number): Operation<void> {
    const chunks = this.#disk.data.get(content);
    for (let at = 0; at < into.length; at += 1) {
      const chunk = Math.floor((offset + at) / chunkSize);
      into[at] = chunks?.get(chunk)?.[(offset + at) % chunkSize] ?? 0;
    }
  }

  *repair(repair: Repair): Operation<string> {
    const disk = this.#disk;
    const touched = [...repair.contents, ...repair.zeros.map(({ content }) => content)];
    const data = new Map(touched.map((id) => [id, new Map(disk.data.get(id))]));
    this.quarantine.push({ repair, data });
    for (const { key } of repair.aside) {
      if (key.kind === "superblock") disk.superblock = undefined;
      if (key.kind === "node") disk.nodes.delete(key.ino);
      if (key.kind === "name") this.#removeName(key.parent, key.name);
      if (key.kind === "alias") disk.aliases.delete(key.identity);
      if (key.kind === "orphan") disk.orphans.delete(key.ino);
    }
    const { put } = repair;
    disk.superblock = put.superblock;
    for (const [ino, node] of put.nodes) disk.nodes.set(ino, node);
    for (const { parent, name, record } of put.names) {
      const inside = disk.names.get(parent) ?? new Map();
      disk.names.set(parent, inside.set(name, record));
    }
    for (const [identity, ino] of put.aliases) disk.aliases.set(identity, ino);
    for (const { content, from, to } of repair.zeros) this.#zero(content, from, to);
    for (const content of repair.contents) disk.data.delete(content);
    return "memory";
  }

  *close(): Operation<void> {
    return undefined;
  }

  #removeName(parent: number, name: string): void {
    const inside = this.#disk.names.get(parent);
    inside?.delete(name);
    if (inside?.size === 0) this.#disk.names.delete(parent);
  }

  #zero(content: number, from: number, to: number): void {
    const chunkSize = this.#disk.superblock?.chunkSize ?? 1;
    const chunks = this.#disk.data.get(content);
    for (const [chunk, bytes] of chunks ?? []) {
      const start = chunk * chunkSize;
      if (start + bytes.length <= from || start >= to) continue;
      chunks?.set(chunk, bytes.slice().fill(0, Math.max(0, from - start), to - start));
    }
  }
}
