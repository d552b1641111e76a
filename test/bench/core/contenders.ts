/**
 * Who does the work of `bench -- core`: minifo over a base in memory, with its storage in memory or on disk, and memfs.
 * Each gives a fresh tree to each sample. minifo's synchronous calls go by path like memfs's, name by name through
 * `Overlay.lookup`, though a kernel would keep the directory in hand.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDiskStorage } from "../../../node/storage/disk.ts";
import {
  type FsPromises,
  fsOf,
  type Handle,
  type Inode,
  memoryBase,
  Overlay,
  openMemoryStorage,
  runSync,
  type Storage,
} from "../../../src/index.ts";
import { importPeer } from "../peers.ts";
import {
  type Calls,
  largeBytes,
  largePath,
  manyFiles,
  manyPath,
  nameOf,
  type Promises,
  pieceBytes,
  pieceOf,
} from "./work.ts";

/** A fresh tree, through both kinds of calls. */
export interface Subject {
  readonly calls: Calls;
  readonly promises: Promises;
}

/** One who can bring a fresh tree; `close` of its calls takes it away again. */
export type MakeSubject = () => Subject;

const context = { uid: 0, gid: 0, umask: 0o022 };

function tree(): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let index = 0; index < manyFiles; index += 1) {
    files.set(`${manyPath}/${nameOf(index)}`, pieceOf(index));
  }
  const large = new Uint8Array(largeBytes);
  for (let index = 0; index < largeBytes / pieceBytes; index += 1) {
    large.set(pieceOf(index), index * pieceBytes);
  }
  return files.set(largePath, large);
}

const files = tree();
const base = memoryBase(new Map([...files].map(([path, bytes]) => [path.slice(1), bytes])));

/** minifo with its storage in memory. */
export function minifoInMemory(): Subject {
  return minifoOver(openMemoryStorage(), () => {});
}

/** minifo with its storage on disk. */
export function minifoOnDisk(): Subject {
  const directory = mkdtempSync(join(tmpdir(), "minifo-bench-"));
  const remove = () => rmSync(directory, { recursive: true });
  return minifoOver(openDiskStorage(directory), remove);
}

function minifoOver(storage: Storage, remove: () => void): Subject {
  const overlay = runSync(Overlay.open({ base, storage }));
  const promises: FsPromises = fsOf(overlay).promises;
  return { calls: new OverlayCalls(overlay, remove), promises };
}

/** The overlay's operations, driven synchronously. */
class OverlayCalls implements Calls<Handle> {
  readonly #overlay: Overlay;
  readonly #remove: () => void;

  constructor(overlay: Overlay, remove: () => void) {
    this.#overlay = overlay;
    this.#remove = remove;
  }

  has(path: string): boolean {
    try {
      return this.#find(path.split("/")) !== undefined;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return false;
      throw error;
    }
  }

  open(path: string): Handle {
    const inode = this.#find(path.split("/"));
    return runSync(this.#overlay.open(inode, { read: true, write: true }));
  }

  size(file: Handle): number {
    return runSync(this.#overlay.getattr(file.inode)).size;
  }

  read(file: Handle, offset: number, into: Uint8Array): number {
    return runSync(this.#overlay.read(file, offset, into));
  }

  write(file: Handle, offset: number, bytes: Uint8Array): number {
    return runSync(this.#overlay.write(file, offset, bytes));
  }

  create(path: string): void {
    const { parent, name } = this.#place(path);
    const flags = { write: true };
    const file = runSync(this.#overlay.create(parent, name, 0o644, flags, context));
    runSync(this.#overlay.release(file));
  }

  rename(from: string, to: string): void {
    const source = this.#place(from);
    const target = this.#place(to);
    runSync(this.#overlay.rename(source.parent, source.name, target.parent, target.name));
  }

  countFiles(path: string): number {
    const listing = runSync(this.#overlay.opendir(this.#find(path.split("/"))));
    let count = 0;
    for (let index = 0; index < listing.length; index += 1) {
      if (listing.entry(index).type === "file") count += 1;
    }
    return count;
  }

  settle(): void {
    runSync(this.#overlay.commit("relaxed"));
  }

  close(): void {
    runSync(this.#overlay.close());
    this.#remove();
  }

  /** What the names after the first, which is empty, lead to. */
  #find(names: readonly string[]): Inode {
    let at = this.#overlay.root;
    for (let index = 1; index < names.length; index += 1) {
      at = runSync(this.#overlay.lookup(at, names[index] as string));
    }
    return at;
  }

  #place(path: string): { parent: Inode; name: string } {
    const names = path.split("/");
    const name = names.pop() as string;
    return { parent: this.#find(names), name };
  }
}

type NodeFs = typeof import("node:fs");

/**
 * How to make memfs with the same tree.
 * @throws Cannot it could not be installed
 */
export async function importMemfs(): Promise<MakeSubject> {
  const { memfs } = (await importPeer("memfs")) as { memfs: () => { fs: NodeFs } };
  return () => {
    const { fs } = memfs();
    fs.mkdirSync(manyPath);
    fs.mkdirSync("/a/b/c", { recursive: true });
    for (const [path, bytes] of files) fs.writeFileSync(path, bytes);
    return { calls: new MemfsCalls(fs), promises: fs.promises };
  };
}

/** memfs's synchronous calls. */
class MemfsCalls implements Calls<number> {
  readonly #fs: NodeFs;

  constructor(fs: NodeFs) {
    this.#fs = fs;
  }

  has(path: string): boolean {
    return this.#fs.existsSync(path);
  }

  open(path: string): number {
    return this.#fs.openSync(path, "r+");
  }

  size(file: number): number {
    return this.#fs.fstatSync(file).size;
  }

  read(file: number, offset: number, into: Uint8Array): number {
    return this.#fs.readSync(file, into, 0, into.length, offset);
  }

  write(file: number, offset: number, bytes: Uint8Array): number {
    return this.#fs.writeSync(file, bytes, 0, bytes.length, offset);
  }

  create(path: string): void {
    this.#fs.closeSync(this.#fs.openSync(path, "wx"));
  }

  rename(from: string, to: string): void {
    this.#fs.renameSync(from, to);
  }

  countFiles(path: string): number {
    let count = 0;
    for (const entry of this.#fs.readdirSync(path, { withFileTypes: true })) {
      if (entry.isFile()) count += 1;
    }
    return count;
  }

  settle(): void {}

  close(): void {}
}
