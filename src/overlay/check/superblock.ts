/**
 * The superblock: without it nothing else can be judged, so it comes first. What can be told from the other records is
 * put right; a new overlay id needs an alias for every number that was made from the old one.
 */
import type { Base } from "../../base/base.ts";
import { formatVersion, refuseUnknownFormat } from "../../storage/format.ts";
import type { ContentRecord, Superblock } from "../../storage/storage.ts";
import { firstBaseIno, rootIno } from "../inode.ts";
import type { Problem } from "./finding.ts";
import type { RecordSet } from "./record-set.ts";
import { wrongFieldsOf } from "./shapes.ts";

/** The chunk size of every storage whose maker asked for no other. */
const usualChunkSize = 64 * 1024;

const smallestChunkSize = 4096;

/**
 * What is wrong with the superblock. `base` is what the storage lies over, if that is open; `newId` draws an overlay id.
 * @throws EINVAL a later minifo wrote the storage
 */
export function superblockProblems(
  records: RecordSet,
  base: Base | undefined,
  newId: () => string,
): Problem[] {
  const { superblock } = records;
  if (!superblock) return isEmpty(records) ? [] : [missing(records, base, newId)];
  const problems = formatProblems(records, superblock);
  const wrong = wrongFieldsOf(superblock);
  for (const field of wrong) problems.push(wrongField(records, field, base, newId));
  problems.push(...counterProblems(records, superblock));
  return problems;
}

function isEmpty(records: RecordSet): boolean {
  const { nodes, aliases, orphans, contents } = records;
  const kinds = [nodes.size, aliases.size, orphans.size, contents.size, records.parents().length];
  return kinds.every((size) => size === 0);
}

function missing(records: RecordSet, base: Base | undefined, newId: () => string): Problem {
  const told = {
    severity: "damage",
    kind: "superblock-missing",
    what: "there is no superblock, but there are other records",
  } as const;
  if (!base) {
    return { ...told, remedy: "cannot be put right without its base: name that with --base" };
  }
  return {
    ...told,
    remedy: `makes a new one, over ${base.locator}`,
    fix: () => {
      records.superblock = {
        version: formatVersion,
        incompatible: [],
        compatible: [],
        overlayId: newId(),
        base: { locator: base.locator, identity: base.identity },
        chunkSize: likelyChunkSize(records),
        nextIno: 2,
        nextContent: 1,
        generation: 1,
        epoch: 1,
      };
      records.version += 1;
      aliasAll(records);
    },
  };
}

function formatProblems(records: RecordSet, superblock: Superblock): Problem[] {
  const { version, incompatible } = superblock as { version: unknown; incompatible: unknown };
  const hasVersion = typeof version === "number";
  const hasFeatures =
    Array.isArray(incompatible) && incompatible.every((one) => typeof one === "string");
  refuseUnknownFormat(
    {
      version: hasVersion ? version : formatVersion,
      incompatible: hasFeatures ? incompatible : [],
    },
    "the storage",
  );
  if (hasVersion && hasFeatures) return [];
  return [
    {
      severity: "damage",
      kind: "superblock-fields",
      what: `the superblock has no usable ${hasVersion ? "incompatible" : "version"}`,
      remedy: "takes it to be of version 1, without features",
      fix: () =>
        change(records, { version: formatVersion, ...(!hasFeatures && { incompatible: [] }) }),
    },
  ];
}

function wrongField(
  records: RecordSet,
  field: keyof Superblock,
  base: Base | undefined,
  newId: () => string,
): Problem {
  const replacements: {
    readonly [field in keyof Superblock]?: () => Superblock[field] | undefined;
  } = {
    overlayId: newId,
    base: () => base && { locator: base.locator, identity: base.identity },
    chunkSize: () => likelyChunkSize(records),
    nextIno: () => 2,
    nextContent: () => 1,
    generation: () => 1,
    epoch: () => 1,
    compatible: () => [],
  };
  const value = replacements[field]?.();
  const told = {
    severity: "damage",
    kind: "superblock-fields",
    what: `the superblock has no usable ${field}`,
  } as const;
  if (value === undefined) {
    return { ...told, remedy: "cannot be put right without its base: name that with --base" };
  }
  return {
    ...told,
    remedy: "gives it what the other records say it must be",
    fix: () => {
      change(records, { [field]: value });
      if (field === "overlayId") aliasAll(records);
    },
  };
}

function counterProblems(records: RecordSet, { nextIno, nextContent }: Superblock): Problem[] {
  const problems: Problem[] = [];
  const lastIno = lastOf([...records.nodes.keys()].filter((ino) => ino < firstBaseIno));
  const lastContent = lastOf([...records.claimed(), ...records.contents.keys()]);
  for (const { field, next, last, what } of [
    { field: "nextIno", next: nextIno, last: Math.max(rootIno, lastIno), what: "inode number" },
    { field: "nextContent", next: nextContent, last: lastContent, what: "content id" },
  ]) {
    // One that is no number is told with the other fields.
    if (!Number.isSafeInteger(next) || next > last) continue;
    problems.push({
      severity: "damage",
      kind: "superblock-counter",
      what: `the next ${what} is ${next}, but ${last} is given out already`,
      remedy: `makes it ${last + 1}`,
      fix: () => change(records, { [field]: last + 1 }),
    });
  }
  return problems;
}

function lastOf(numbers: readonly number[]): number {
  let last = 0;
  for (const number of numbers) last = Math.max(last, number);
  return last;
}

function change(
  records: RecordSet,
  changes: { [field in keyof Superblock]?: Superblock[field] },
): void {
  if (!records.superblock) return;
  records.superblock = { ...records.superblock, ...changes };
  records.version += 1;
}

/**
 * The largest chunk size up to the usual one by which no file holds a chunk beyond its end. A file that does so by the
 * smallest one is damaged itself and tells nothing.
 */
function likelyChunkSize({ nodes }: RecordSet): number {
  const contents = [...nodes.values()].flatMap(({ content }) => (content ? [content] : []));
  const fits = ({ size, chunks }: ContentRecord, chunkSize: number) =>
    ((chunks.at(-1) ?? 0) - 1) * chunkSize < size;
  const telling = contents.filter((content) => fits(content, smallestChunkSize));
  let chunkSize = usualChunkSize;
  while (!telling.every((content) => fits(content, chunkSize))) chunkSize /= 2;
  return chunkSize;
}

/** By a new overlay id no recorded number is the plain hash of its identity any more. */
function aliasAll(records: RecordSet): void {
  for (const { ino, identity } of records.nodes.values()) {
    if (identity !== undefined && ino >= firstBaseIno) records.setAlias(identity, ino);
  }
}
