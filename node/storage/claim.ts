/**
 * Taking a storage, by the records that say whose it is and that it is one of ours. Each taking raises the epoch, and
 * whoever has lost the storage is refused when it commits.
 */
import {
  FsError,
  refuseStaleEpoch,
  refuseUnknownFormat,
  type Superblock,
} from "../../src/index.ts";
import {
  busy,
  isAlive,
  isSameOwnership,
  type OwnershipRecord,
  ownershipOfThisProcess,
} from "./ownership.ts";
import { decode, encode, soleKey } from "./record-format.ts";
import type { RecordReader, Records } from "./records.ts";

/** What the record under the marker's key has to say. */
export const marker = { format: "minifo storage", version: 1 };

/** Ownerships of this process that were given up without the disk taking note. */
const givenUp = new Set<string>();

/**
 * Makes this process the owner, in one transaction. `crashed` tells that an owner before us did not close.
 * @throws EBUSY, EINVAL nothing was changed
 */
export function takeOwnership(
  records: Records,
  directory: string,
  holder: string,
): { ownership: OwnershipRecord; crashed: boolean } {
  return records.write((writer) => {
    refuseForeignRecords(writer, directory);
    const former = readOwnership(writer);
    const isGivenUp = former && givenUp.has(tokenOf(directory, former));
    if (former && isAlive(former) && !isGivenUp) throw busy(former, directory);
    const superblock = readSuperblock(writer);
    const epoch = Math.max(former?.epoch ?? 0, superblock?.epoch ?? 0) + 1;
    const ownership = ownershipOfThisProcess(holder, epoch);
    writer.put(soleKey("marker"), encode(marker));
    writer.put(soleKey("ownership"), encode(ownership));
    if (superblock) writer.put(soleKey("superblock"), encode({ ...superblock, epoch }));
    return { ownership, crashed: former !== undefined };
  });
}

/** Notes within this process that `ownership` counts no more, where the disk takes no note of it. */
export function giveUp(directory: string, ownership: OwnershipRecord): void {
  givenUp.add(tokenOf(directory, ownership));
}

/**
 * Refuses what we did not write, and what a later version wrote.
 * @throws EINVAL
 */
export function refuseForeignRecords(reader: RecordReader, directory: string): void {
  const bytes = reader.get(soleKey("marker"));
  if (!bytes) {
    const any = { start: Buffer.from([0]), end: Buffer.from([255]) };
    if (reader.collect(any, () => true).length === 0) return;
    const reason = "its records.mdb is not of minifo; nothing was changed";
    throw new FsError("EINVAL", { syscall: "open", path: directory, reason });
  }
  const { version } = decode<typeof marker>(bytes, "the marker");
  refuseUnknownFormat({ version, incompatible: [] }, directory);
  const superblock = readSuperblock(reader);
  if (superblock) refuseUnknownFormat(superblock, directory);
}

/**
 * Refuses a commit under `superblock` by whoever does not have the storage any more; returns the stored superblock.
 * @throws ESTALE
 */
export function refuseUnlessOwner(
  reader: RecordReader,
  ownership: OwnershipRecord,
  superblock: Superblock,
  directory: string,
): Superblock | undefined {
  const stored = readSuperblock(reader);
  refuseStaleEpoch(stored, superblock);
  const owner = readOwnership(reader);
  if (isSameOwnership(owner, ownership)) return stored;
  const reason = owner
    ? "another process has taken this storage over; nothing was written"
    : "this storage was closed or given up; nothing was written; open it again";
  throw new FsError("ESTALE", { syscall: "commit", path: directory, reason });
}

export function readSuperblock(reader: RecordReader): Superblock | undefined {
  const bytes = reader.get(soleKey("superblock"));
  return bytes && decode<Superblock>(bytes, "the superblock");
}

export function readOwnership(reader: RecordReader): OwnershipRecord | undefined {
  const bytes = reader.get(soleKey("ownership"));
  return bytes && decode<OwnershipRecord>(bytes, "the owner");
}

function tokenOf(directory: string, { pid, started, epoch }: OwnershipRecord): string {
  return `${pid} ${started} ${epoch} ${directory}`;
}
