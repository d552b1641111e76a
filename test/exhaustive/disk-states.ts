/**
 * States of a memory disk: copies of it, as a crash leaves it, and what FORMAT.md says must hold of its records. Said
 * here once more, from the format's words alone, so that a checker of ours cannot share a mistake with the code.
 */
import { MemoryDisk } from "../../src/index.ts";
import { firstBaseIno, rootIno } from "../../src/overlay/inode.ts";

/** A disk that holds what `disk` holds now. Records and chunks are shared: nobody changes them in place. */
export function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  copy.superblock = disk.superblock;
  for (const [ino, node] of disk.nodes) copy.nodes.set(ino, node);
  for (const [parent, names] of disk.names) copy.names.set(parent, new Map(names));
  for (const [identity, ino] of disk.aliases) copy.aliases.set(identity, ino);
  for (const ino of disk.orphans) copy.orphans.add(ino);
  for (const [content, chunks] of disk.data) copy.data.set(content, new Map(chunks));
  return copy;
}

/** What is wrong with a disk's records, as sentences; none if all of FORMAT.md holds and nothing is left over. */
export function faultsOf(disk: MemoryDisk): string[] {
  const faults: string[] = [];
  const named = new Map<number, number>();
  for (const [parent, names] of disk.names) {
    const directory = disk.nodes.get(parent);
    if (parent !== rootIno && directory?.type !== "directory") {
      faults.push(`names are recorded in ${parent}, which is no recorded directory`);
    }
    for (const [name, record] of names) {
      if (record.whiteout) continue;
      named.set(record.ino, (named.get(record.ino) ?? 0) + 1);
      const node = disk.nodes.get(record.ino);
      if (!node) faults.push(`"${name}" in ${parent} means ${record.ino}, which has no record`);
      else if (node.type !== record.type) faults.push(`"${name}" in ${parent} tells another type`);
    }
  }
  const contents = new Map<number, number>();
  for (const [ino, node] of disk.nodes) {
    const isLedTo = named.has(ino) || disk.names.has(ino) || disk.orphans.has(ino);
    // A name of a link group in the base may reach its node without a record.
    const isReached = isLedTo || ino === rootIno || node.identity?.startsWith("link:");
    if (!isReached) faults.push(`no name leads to node ${ino}`);
    if (node.identity === undefined && ino !== rootIno) {
      if (ino >= (disk.superblock?.nextIno ?? 0)) faults.push(`${ino} will be given out again`);
      const links = disk.orphans.has(ino) ? 0 : node.nlink;
      if (node.type !== "directory" && links !== (named.get(ino) ?? 0)) {
        faults.push(`${ino} has ${named.get(ino) ?? 0} names but a link count of ${node.nlink}`);
      }
      if (node.origin !== undefined) faults.push(`${ino} was created but has an origin`);
    } else if (ino !== rootIno && ino < firstBaseIno) {
      faults.push(`${ino} is of the base but numbered as created`);
    }
    if (node.content) {
      if (contents.has(node.content.id)) faults.push(`content ${node.content.id} is claimed twice`);
      contents.set(node.content.id, ino);
      faults.push(...faultsOfContent(disk, ino));
    }
  }
  for (const content of disk.data.keys()) {
    if (!contents.has(content)) faults.push(`the data of content ${content} is claimed by no node`);
  }
  for (const ino of disk.orphans) faults.push(`orphan ${ino} is left`);
  return faults;
}

function faultsOfContent(disk: MemoryDisk, ino: number): string[] {
  const content = disk.nodes.get(ino)?.content;
  if (!content) return [];
  const faults: string[] = [];
  const { id, size, baseLength, chunks } = content;
  const chunkSize = disk.superblock?.chunkSize ?? 0;
  if (id >= (disk.superblock?.nextContent ?? 0))
    faults.push(`content ${id} will be given out again`);
  if (baseLength > size) faults.push(`${ino} has a baseLength above its size`);
  if (chunks.length % 2 !== 0 || chunks.some((at, i) => i > 0 && at <= (chunks[i - 1] ?? 0))) {
    faults.push(`${ino} has chunks ${chunks}, which are no ascending ranges that do not touch`);
  }
  const held = new Set<number>();
  for (let i = 0; i < chunks.length; i += 2) {
    for (let chunk = chunks[i] ?? 0; chunk < (chunks[i + 1] ?? 0); chunk += 1) held.add(chunk);
  }
  for (const chunk of held) {
    const bytes = disk.data.get(id)?.get(chunk);
    if (!bytes) faults.push(`chunk ${chunk} of ${ino} is claimed but not stored`);
    else if (chunk * chunkSize >= size) faults.push(`chunk ${chunk} of ${ino} lies past its end`);
    else if (bytes.subarray(Math.max(0, size - chunk * chunkSize)).some((byte) => byte !== 0)) {
      faults.push(`chunk ${chunk} of ${ino} is not zero past the file's end`);
    }
  }
  for (const chunk of disk.data.get(id)?.keys() ?? []) {
    if (!held.has(chunk)) faults.push(`chunk ${chunk} of content ${id} is stored but not claimed`);
  }
  return faults;
}
