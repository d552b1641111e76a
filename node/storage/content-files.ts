/**
 * The data of files that are too large to lie among the records: a sparse file for each content, in which chunk c lies
 * at c times the chunk size. The files know nothing of which chunks count; only the records do. So a change is made
 * safe here first, and undone or left to be swept if the records that claim it are never written.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { DataWrite, Operation } from "../../src/index.ts";
import type { Safeguard } from "./safeguard.ts";

/** Files kept open between calls. */
const filesKeptOpen = 64;

/** Files of a commit that are made safe together: side by side the disk does it in a fraction of the time. */
const filesMadeSafeAtOnce = 32;

/** Directories the files are spread over, by their ids. */
const fanOut = 256;

/**
 * Bytes written at once of what is longer. For larger writes ext4 takes larger pieces of memory, which are rarely at hand:
 * 256 MiB in pieces of 64 KiB or 256 KiB took 65 to 85 ms of the processor on Linux 6.18, and of 1 MiB 560 to 670 ms.
 */
const pieceBytes = 64 << 10;

const zeros = new Uint8Array(64 << 10);

/** The content files under one directory. */
export class ContentFiles {
  readonly #directory: string;
  readonly #readOnly: boolean;
  readonly safeguard: Safeguard;
  /** Open files, the one used longest ago first. */
  readonly #open = new Map<number, number>();
  /** Contents whose files have to stay open: somebody is making them safe. */
  readonly #pinned = new Set<number>();
  /** Directories with entries of staged files, which the next change makes safe. */
  #unsafeDirectories = new Set<string>();

  constructor(directory: string, readOnly: boolean, safeguard: Safeguard) {
    this.#directory = directory;
    this.#readOnly = readOnly;
    this.safeguard = safeguard;
  }

  /** Whether the file of `content` was used lately, so that it certainly is a file. */
  isOpen(content: number): boolean {
    return this.#open.has(content);
  }

  exists(content: number): boolean {
    return this.#open.has(content) || existsSync(this.#pathOf(content));
  }

  /** Fills `into` from `offset` on, with zeros past the end; false if there is no such file. */
  read(content: number, offset: number, into: Uint8Array): boolean {
    const file = this.#existing(content);
    if (file === undefined) return false;
    let done = 0;
    while (done < into.length) {
      const length = readSync(file, into, done, into.length - done, offset + done);
      if (length === 0) break;
      done += length;
    }
    into.fill(0, done);
    this.#closeSome();
    return true;
  }

  /** Begins a change of files whose chunks have `chunkSize` bytes. */
  change(chunkSize: number): ContentChange {
    const unsafe = this.#unsafeDirectories;
    this.#unsafeDirectories = new Set();
    return new ContentChange(this, chunkSize, unsafe);
  }

  /**
   * Writes to the file of `content` ahead of the change that makes it safe. Throws Node's errors; then the file is as it
   * was.
   */
  stage(content: number, position: number, bytes: Uint8Array): void {
    const { file, created, unsafe } = this.writable(content, false);
    const lengthBefore = fstatSync(file).size;
    this.leaveUnsafe(unsafe);
    try {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        writeAll(file, bytes.subarray(at, at + pieceBytes), position + at);
      }
    } catch (error) {
      if (created) this.remove(content);
      else this.truncate(content, lengthBefore);
      throw error;
    } finally {
      this.unpin([content]);
    }
  }

  /** Has the next change make the entries of these directories safe. */
  leaveUnsafe(directories: Iterable<string>): void {
    for (const directory of directories) this.#unsafeDirectories.add(directory);
  }

  /** Cuts the file off after `length` bytes, if there is one and it is longer. */
  truncate(content: number, length: number): void {
    const file = this.#existing(content);
    if (file !== undefined && fstatSync(file).size > length) ftruncateSync(file, length);
    this.#closeSome();
  }

  /** Removes the file, if there is one. */
  remove(content: number): void {
    this.#close(content);
    try {
      unlinkSync(this.#pathOf(content));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /** Removes all files but those of the contents in `keep`. Entries that are not ours stay. */
  sweep(keep: ReadonlySet<number>): void {
    if (!existsSync(this.#directory)) return;
    for (const group of readdirSync(this.#directory)) {
      if (!/^[0-9a-f]{2}$/.test(group)) continue;
      for (const entry of readdirSync(join(this.#directory, group))) {
        const content = Number(entry);
        if (/^[0-9]+$/.test(entry) && !keep.has(content)) this.remove(content);
      }
    }
  }

  close(): void {
    for (const content of [...this.#open.keys()]) this.#close(content);
  }

  /**
   * The file of `content`, to be written; with `anew` emptied first. It stays open until `unpin`. Gives also the
   * directories whose new entries have to be made safe: none if the file was there.
   */
  writable(content: number, anew: boolean): { file: number; created: boolean; unsafe: string[] } {
    this.#pinned.add(content);
    const file = anew ? undefined : this.#existing(content);
    if (file !== undefined) return { file, created: false, unsafe: [] };
    this.#close(content);
    const path = this.#pathOf(content);
    const group = dirname(path);
    const unsafe = [group];
    if (!existsSync(group)) {
      mkdirSync(group, { recursive: true, mode: 0o700 });
      unsafe.push(this.#directory, dirname(this.#directory));
    }
    const created = openSync(path, "w+", 0o600);
    this.#open.set(content, created);
    return { file: created, created: true, unsafe };
  }

  /** Lets go of the files that were not used for long. */
  #closeSome(): void {
    for (const content of this.#open.keys()) {
      if (this.#open.size <= filesKeptOpen) return;
      if (!this.#pinned.has(content)) this.#close(content);
    }
  }

  /** To be called when what `writable` gave is not written to any more. */
  unpin(contents: Iterable<number>): void {
    for (const content of contents) this.#pinned.delete(content);
    this.#closeSome();
  }

  #existing(content: number): number | undefined {
    let file = this.#open.get(content);
    if (file === undefined) {
      try {
        file = openSync(this.#pathOf(content), this.#readOnly ? "r" : "r+");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    }
    // Last in the order of the map is what was used last.
    this.#open.delete(content);
    this.#open.set(content, file);
    return file;
  }

  #close(content: number): void {
    const file = this.#open.get(content);
    if (file === undefined) return;
    this.#open.delete(content);
    closeSync(file);
  }

  #pathOf(content: number): string {
    const group = (content % fanOut).toString(16).padStart(2, "0");
    return join(this.#directory, group, String(content));
  }
}

/** One commit's changes of content files: written, then made safe, then kept or undone. */
export class ContentChange {
  readonly #files: ContentFiles;
  readonly #chunkSize: number;
  readonly #undo: (() => void)[] = [];
  readonly #unsafeFiles = new Map<number, number>();
  readonly #unsafeDirectories: Set<string>;

  constructor(files: ContentFiles, chunkSize: number, unsafeDirectories: Set<string>) {
    this.#files = files;
    this.#chunkSize = chunkSize;
    this.#unsafeDirectories = unsafeDirectories;
  }

  /** Takes up the file of `content` as it was staged. What is staged stays when the change is undone. */
  *claim(content: number): Operation<void> {
    const { file, unsafe } = this.#files.writable(content, false);
    yield* this.#written(content, file, unsafe);
  }

  /** Writes to the file of `content`, creating or with `anew` emptying it first. To be called once for each content. */
  *write(content: number, writes: readonly DataWrite[], anew: boolean): Operation<void> {
    const { file, created, unsafe } = this.#files.writable(content, anew);
    let length = fstatSync(file).size;
    const lengthBefore = length;
    this.#undo.push(() => {
      if (created) this.#files.remove(content);
      else this.#files.truncate(content, lengthBefore);
    });
    for (const write of writes) {
      this.#writeChunk(file, write, length);
      length = Math.max(length, write.chunk * this.#chunkSize + Math.max(1, write.bytes.length));
    }
    yield* this.#written(content, file, unsafe);
  }

  /** Returns when all that was written is on the disk, and the entries of new files. */
  *makeSafe(): Operation<void> {
    yield* this.#makeFilesSafe();
    for (const directory of this.#unsafeDirectories) syncDirectory(directory);
  }

  /**
   * Takes back what made files longer, as far as it can: on a full disk it stands in the way of the next try. Bytes
   * that were changed in place stay, as the crash rules allow.
   */
  undo(): void {
    this.#unpin();
    this.#files.leaveUnsafe(this.#unsafeDirectories);
    for (const step of this.#undo.splice(0)) {
      try {
        step();
      } catch {
        // What is left over is not claimed by any record: written over by the next try, or swept at the next open.
      }
    }
  }

  *#written(content: number, file: number, unsafe: readonly string[]): Operation<void> {
    for (const directory of unsafe) this.#unsafeDirectories.add(directory);
    this.#unsafeFiles.set(content, file);
    if (this.#unsafeFiles.size >= filesMadeSafeAtOnce) yield* this.#makeFilesSafe();
  }

  *#makeFilesSafe(): Operation<void> {
    if (this.#unsafeFiles.size > 0) yield* this.#files.safeguard([...this.#unsafeFiles.values()]);
    this.#unpin();
  }

  #unpin(): void {
    this.#files.unpin(this.#unsafeFiles.keys());
    this.#unsafeFiles.clear();
  }

  #writeChunk(file: number, { chunk, bytes, from, to, fresh }: DataWrite, length: number): void {
    const start = chunk * this.#chunkSize;
    const first = fresh ? 0 : from;
    const end = fresh ? this.#chunkSize : to;
    const written = Math.min(end, bytes.length);
    if (first < written) writeAll(file, bytes.subarray(first, written), start + first);
    // At least its first byte is there, so that `check` sees when a file was cut off.
    else if (fresh && start >= length) writeAll(file, zeros.subarray(0, 1), start);
    // Past the end of the file all is zero already, and stays a hole.
    const zerosEnd = Math.min(start + end, length);
    for (let at = start + Math.max(first, bytes.length); at < zerosEnd; at += zeros.length) {
      writeAll(file, zeros.subarray(0, Math.min(zeros.length, zerosEnd - at)), at);
    }
  }
}

/** Makes the entries of a directory safe. */
export function syncDirectory(directory: string): void {
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
