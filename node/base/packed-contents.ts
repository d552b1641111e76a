/**
 * The contents of a packed image: small files back to back in packs, identical ones once, in the order of the manifest;
 * larger ones in chunks. Files are read in this thread while packs are compressed in others, a few at a time, so that
 * memory stays bounded whatever the tree.
 */
import { createHash } from "node:crypto";
import {
  Cutter,
  chunkBytes,
  digestColumn,
  FsError,
  type ManifestEntry,
  maxChunks,
  packedBytes,
  steppedWeight,
} from "../../src/index.ts";
import type { ObjectDirectory } from "./publishing.ts";
import {
  type ChunkTaker,
  readQuietly,
  timeOf,
  unquietWarning,
  whyUnreadable,
} from "./quiet-reading.ts";
import { sealElsewhere } from "./sealing.ts";
import { type FoundObject, type LeftOut, placeAt } from "./tree-walk.ts";

/** How far the packing has come. */
export interface PackProgress {
  readonly files: number;
  readonly filesInAll: number;
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface PackedContentsOptions {
  readonly progress?: (progress: PackProgress) => void;
  readonly warn?: (message: string) => void;
}

/** Packs are as full as their cuts allow (cuts.ts). */
const packWeights = { least: 640 * 1024, most: chunkBytes, oneIn: 8 };
/** Objects that are compressed and written at a time. */
const mostUnderway = 6;

/** An object that will have a reference once it is compressed. */
interface Promised {
  reference: string;
}

/** Where a content lies. */
type Place =
  | { readonly pack: Promised; readonly offset: number }
  | { readonly chunks: readonly Promised[] }
  | undefined;

/** A file as it was read. */
interface Reading {
  readonly size: number;
  readonly mtime: ManifestEntry["mtime"];
  readonly sum: string;
  readonly place: Place;
}

/** See the head of this file. Takes one tree. */
export class PackedContents {
  readonly #root: string;
  readonly #objects: ObjectDirectory;
  readonly #options: PackedContentsOptions;
  readonly #cutter = new Cutter(packWeights);
  /** The pack that is being filled, and how far. */
  #buffer = Buffer.allocUnsafe(chunkBytes);
  #filled = 0;
  #pack: Promised = { reference: "" };
  /** Small contents by their digest. */
  readonly #known = new Map<string, Place>();
  /** What was read of files with several names, by device and inode. */
  readonly #linked = new Map<string, Reading>();
  readonly #underway = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #packs = 0;
  #chunks = 0;
  #bytes = 0;

  constructor(root: string, objects: ObjectDirectory, options: PackedContentsOptions) {
    this.#root = root;
    this.#objects = objects;
    this.#options = options;
  }

  /** Packs made. */
  get packs(): number {
    return this.#packs;
  }

  /** Chunks of larger files made. */
  get chunks(): number {
    return this.#chunks;
  }

  /** Stores all contents; what cannot be read is left out. Objects must come in the order of the manifest. */
  async take(
    objects: readonly FoundObject[],
  ): Promise<{ readonly entries: ManifestEntry[]; readonly leftOut: LeftOut[] }> {
    const leftOut: LeftOut[] = [];
    const taken: { readonly object: FoundObject; readonly reading?: Reading }[] = [];
    const files = objects.filter(({ type }) => type === "file");
    const bytesInAll = files.reduce((sum, { stat }) => sum + Number(stat.size), 0);
    let filesTaken = 0;
    for (const object of objects) {
      if (object.type !== "file") {
        taken.push({ object });
        continue;
      }
      const reading = this.#read(object);
      if ("why" in reading) leftOut.push({ path: object.path, why: reading.why });
      else taken.push({ object, reading });
      filesTaken += 1;
      this.#options.progress?.({
        files: filesTaken,
        filesInAll: files.length,
        bytes: this.#bytes,
        bytesInAll,
      });
      if (this.#underway.size > mostUnderway) await this.#room();
    }
    this.#endPack();
    await Promise.all(this.#underway);
    this.#rethrow();
    return { entries: taken.map(entryOf), leftOut };
  }

  #read(object: FoundObject): Reading | { readonly why: string } {
    const { stat, path } = object;
    const inode = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const known = inode === undefined ? undefined : this.#linked.get(inode);
    if (known) return known;
    const taker = new ContentTaker(
      (chunk) => this.#putChunk(chunk),
      (bytes) => {
        this.#bytes += bytes;
      },
    );
    try {
      const moment = readQuietly(placeAt(this.#root, path), taker, () =>
        this.#options.warn?.(unquietWarning(path)),
      );
      if (moment.size > maxChunks * chunkBytes) return { why: "it is larger than 512 GiB" };
      const { sum } = taker;
      const place = taker.chunks ? { chunks: taker.chunks } : this.#packed(path, sum, taker.small);
      const reading = { ...moment, sum, place };
      if (inode !== undefined) this.#linked.set(inode, reading);
      return reading;
    } catch (error) {
      const why = error instanceof FsError ? undefined : whyUnreadable(error);
      if (why === undefined) throw error;
      return { why };
    }
  }

  /** The place of a small content, in the pack that is being filled if it is a new one. */
  #packed(path: string, sum: string, content: Buffer): Place {
    if (content.length === 0) return undefined;
    const known = this.#known.get(sum);
    if (known) return known;
    const weight = steppedWeight(content.length);
    if (this.#filled > 0 && (this.#cutter.isCut(path) || this.#cutter.isFull(weight)))
      this.#endPack();
    const place = { pack: this.#pack, offset: this.#filled };
    content.copy(this.#buffer, this.#filled);
    this.#filled += content.length;
    this.#cutter.add(weight);
    this.#known.set(sum, place);
    return place;
  }

  #endPack(): void {
    if (this.#filled === 0) return;
    this.#put(this.#buffer.subarray(0, this.#filled), this.#pack);
    this.#packs += 1;
    this.#buffer = Buffer.allocUnsafe(chunkBytes);
    this.#filled = 0;
    this.#pack = { reference: "" };
    this.#cutter.begin();
  }

  #putChunk(chunk: Buffer): Promised {
    const promised = { reference: "" };
    this.#chunks += 1;
    this.#put(Buffer.from(chunk), promised);
    return promised;
  }

  /** Compresses and stores `bytes`, which are its own from now on; `promised` then knows the reference. */
  #put(bytes: Buffer, promised: Promised): void {
    const work = async (): Promise<void> => {
      const object = await sealElsewhere(bytes);
      promised.reference = object.reference;
      await this.#objects.put(object);
    };
    const done = work().then(
      () => {
        this.#underway.delete(done);
      },
      (error) => {
        this.#underway.delete(done);
        this.#failure ??= { error };
      },
    );
    this.#underway.add(done);
  }

  /** Waits until something that is under way has ended. */
  async #room(): Promise<void> {
    while (this.#underway.size > mostUnderway) await Promise.race(this.#underway);
    this.#rethrow();
  }

  #rethrow(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

function entryOf({
  object,
  reading,
}: {
  readonly object: FoundObject;
  readonly reading?: Reading;
}): ManifestEntry {
  const { path, type, stat, target } = object;
  const mode = Number(stat.mode) & 0o7777;
  const link = stat.nlink > 1n ? { link: `${stat.dev}:${stat.ino}` } : {};
  const mtime = timeOf(stat.mtimeNs);
  if (type === "directory") return { path, type, mode, mtime };
  if (type === "symlink") return { path, type, mode, mtime, target: target as string, ...link };
  if (!reading) throw new Error("bug: a file that was not read");
  const { size, sum, place } = reading;
  const content =
    place === undefined
      ? undefined
      : "pack" in place
        ? { pack: place.pack.reference, offset: place.offset }
        : { chunks: place.chunks.map(({ reference }) => reference).join("") };
  return { path, type, mode, mtime: reading.mtime, size, sum, content, ...link };
}

/** Keeps a small file's content, and passes on the chunks of a larger one. */
class ContentTaker implements ChunkTaker {
  readonly #putChunk: (chunk: Buffer) => Promised;
  readonly #taken: (bytes: number) => void;
  #hash = createHash("sha256");
  #chunks: Promised[] = [];
  #small: Buffer = noBytes;

  constructor(putChunk: (chunk: Buffer) => Promised, taken: (bytes: number) => void) {
    this.#putChunk = putChunk;
    this.#taken = taken;
  }

  /** The SHA-256 of all that was taken since `begin`, as a manifest spells it; once only. */
  get sum(): string {
    return digestColumn(this.#hash.digest());
  }

  /** The chunks of a file above 64 KiB. */
  get chunks(): readonly Promised[] | undefined {
    return this.#chunks.length > 0 ? this.#chunks : undefined;
  }

  /** The content of any other; valid until the next file is read. */
  get small(): Buffer {
    return this.#small;
  }

  begin(): void {
    this.#hash = createHash("sha256");
    this.#chunks = [];
    this.#small = noBytes;
  }

  take(chunk: Buffer): void {
    this.#hash.update(chunk);
    if (this.#chunks.length > 0 || chunk.length > packedBytes) {
      this.#chunks.push(this.#putChunk(chunk));
    } else this.#small = chunk;
    this.#taken(chunk.length);
  }
}

const noBytes = Buffer.alloc(0);
