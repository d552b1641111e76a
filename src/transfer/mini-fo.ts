/**
 * Brings the storage of mini_fo, the kernel's translucent file system of 2005, into an overlay: files as they were copied
 * up, deleted names and renamed directories by its META files. All of it goes through the overlay's operations, so the
 * result is what somebody would have made who did the same changes by hand.
 *
 * Renamed directories come first, the deepest first, into a directory that is there only as long as the import runs: so
 * they are out of the way before anything is deleted, and no order among them matters. Then the storage is walked from
 * its root; in each directory names are deleted, renamed directories put in place, and then everything that lies there.
 */
import { type FileType, type Time, typeBits } from "../attributes.ts";
import { joinBasePath, parentOfBasePath } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Inode } from "../overlay/inode.ts";
import type { Overlay } from "../overlay/overlay.ts";
import { type Meta, metaName, parseMeta } from "./mini-fo-meta.ts";

/** An object in mini_fo's storage. */
export interface MiniFoObject {
  /** Path in the storage, without a leading slash; "" is the root. */
  readonly path: string;
  readonly name: string;
  readonly type: FileType;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  /** Bytes of a file. */
  readonly size: number;
  readonly rdev?: number;
  readonly target?: string;
  /** Of a file with several names: the same for all of them. */
  readonly link?: string;
}

/** What could not be read in a directory of mini_fo's storage. */
export interface MiniFoLeftOut {
  /** As well as it can be written. */
  readonly path: string;
  readonly why: string;
}

/** A storage of mini_fo, to be read. */
export interface MiniFoStorage {
  /** The storage's root directory itself. */
  root(): Operation<MiniFoObject>;
  /** What lies in the directory at `path`. */
  list(path: string): Operation<{
    readonly objects: readonly MiniFoObject[];
    readonly leftOut: readonly MiniFoLeftOut[];
  }>;
  /** Fills `into` from `offset` on; returns how many bytes there were, fewer only at the end. */
  read(file: MiniFoObject, offset: number, into: Uint8Array): Operation<number>;
}

/** How much was imported. */
export interface MiniFoCounts {
  files: number;
  /** Bytes of these files that were written; holes do not count. */
  bytes: number;
  directories: number;
  symlinks: number;
  /** Devices, fifos and sockets. */
  special: number;
  /** Further names of files. */
  links: number;
  /** Names that hide something of the base. */
  deleted: number;
  /** Directories that take their content from elsewhere in the base. */
  renamed: number;
  /** Lines of META files that say again what was said. */
  duplicates: number;
  /** Lines that could not be followed, each told as a note. */
  linesSkipped: number;
  /** Objects that could not be brought over, each told as a note. */
  leftOut: number;
}

/** What `importMiniFo` needs. */
export interface MiniFoImport {
  /** Nothing may differ from its base yet. Stays open. */
  readonly overlay: Overlay;
  readonly storage: MiniFoStorage;
  /** Where the base lay when mini_fo ran: R lines name directories by paths of that machine. */
  readonly basePath?: string | undefined;
  /** Called with a path in mini_fo's storage and a sentence about what was skipped there, or is different now. */
  readonly note: (path: string, what: string) => void;
  readonly progress?: (counts: Readonly<MiniFoCounts>) => void;
}

/** Objects between two commits. */
const objectsPerCommit = 512;

/** Bytes read at once. */
const pieceLength = 1 << 20;

/**
 * Imports all of `storage`; the answer is committed.
 * @throws ENOTEMPTY something differs from the base already; nothing was changed
 * @throws ENOSPC, EDQUOT, EIO what was imported until then stays
 */
export function* importMiniFo(options: MiniFoImport): Operation<MiniFoCounts> {
  const { overlay } = options;
  const changes = yield* overlay.changes();
  if (changes.length > 0) {
    throw new FsError("ENOTEMPTY", {
      syscall: "import",
      reason:
        `${changes.length === 1 ? "a path differs" : `${changes.length} paths differ`} from the base already; ` +
        "import into a new storage",
    });
  }
  return yield* new Import(options).run();
}

/** A directory of the base that mini_fo showed under another name. */
interface Renamed {
  readonly from: string;
  /** The directory of the storage whose META file says so, and the new name in it. */
  readonly directory: string;
  readonly name: string;
}

class Import {
  readonly #overlay: Overlay;
  readonly #storage: MiniFoStorage;
  readonly #options: MiniFoImport;
  readonly #metas = new Map<string, Meta>();
  /** By the base path they came from. */
  readonly #renamed = new Map<string, Renamed>();
  /** Where renamed directories wait, each called by the number of its turn. */
  #waiting:
    | { readonly name: string; readonly inode: Inode; readonly turns: Map<Renamed, string> }
    | undefined;
  readonly #linked = new Map<string, Inode>();
  readonly #counts: MiniFoCounts = {
    files: 0,
    bytes: 0,
    directories: 0,
    symlinks: 0,
    special: 0,
    links: 0,
    deleted: 0,
    renamed: 0,
    duplicates: 0,
    linesSkipped: 0,
    leftOut: 0,
  };
  #sinceCommit = 0;

  constructor(options: MiniFoImport) {
    this.#overlay = options.overlay;
    this.#storage = options.storage;
    this.#options = options;
  }

  *run(): Operation<MiniFoCounts> {
    const root = yield* this.#storage.root();
    yield* this.#readMetas(root);
    yield* this.#takeOut();
    yield* this.#fill(root, this.#overlay.root);
    if (this.#waiting) {
      yield* this.#overlay.rmdir(this.#overlay.root, this.#waiting.name);
      // Taking it away has touched the root.
      yield* this.#setAttributes(this.#overlay.root, root);
    }
    for (const inode of this.#linked.values()) this.#overlay.forget(inode, 1);
    yield* this.#overlay.commit("strict");
    return this.#counts;
  }

  /** Reads all META files, and finds out which directories of the base were renamed. */
  *#readMetas(directory: MiniFoObject): Operation<void> {
    const { objects, leftOut } = yield* this.#storage.list(directory.path);
    for (const { path, why } of leftOut) {
      this.#counts.leftOut += 1;
      this.#options.note(path, `left out: ${why}`);
    }
    const meta = objects.find(({ name }) => name === metaName);
    if (meta) yield* this.#readMeta(directory.path, meta, objects);
    for (const object of objects) {
      if (object.type === "directory") yield* this.#readMetas(object);
    }
  }

  *#readMeta(
    directory: string,
    file: MiniFoObject,
    objects: readonly MiniFoObject[],
  ): Operation<void> {
    if (file.type !== "file") {
      this.#leaveOut(file.path, `it should be a file, but it is a ${file.type}`);
      return;
    }
    const bytes = new Uint8Array(file.size);
    const length = yield* this.#storage.read(file, 0, bytes);
    const meta = parseMeta(bytes.subarray(0, length));
    this.#metas.set(directory, meta);
    this.#counts.duplicates += meta.duplicates;
    for (const { line, text, why } of meta.unparsable) {
      this.#skipLine(file.path, `line ${line}, ${JSON.stringify(text)}`, why);
    }
    for (const [name, from] of meta.renamed) {
      const line = `line "R ${from} ${name}"`;
      const other = objects.find((object) => object.name === name);
      if (other && other.type !== "directory") {
        this.#skipLine(file.path, line, `a ${other.type} lies under the new name`);
        continue;
      }
      const origin = yield* this.#originFrom(from);
      if (origin === undefined) {
        this.#skipLine(file.path, line, "the base has no such directory");
        continue;
      }
      const twin = this.#renamed.get(origin);
      if (twin) {
        const place = joinBasePath(twin.directory, twin.name);
        this.#skipLine(file.path, line, `that directory is ${JSON.stringify(place)} already`);
        continue;
      }
      this.#renamed.set(origin, { from: origin, directory, name });
    }
  }

  /** The path in the base of a directory that mini_fo knew by its path on the machine. */
  *#originFrom(path: string): Operation<string | undefined> {
    const { basePath } = this.#options;
    const names = namesIn(path);
    const { locator } = this.#overlay.base;
    const prefixes =
      basePath === undefined ? ["", locator.startsWith("/") ? locator : ""] : [basePath];
    for (const prefix of prefixes) {
      const above = namesIn(prefix);
      if (above.some((name, at) => names[at] !== name)) continue;
      const origin = names.slice(above.length).join("/");
      if (origin === "") continue;
      const node = yield* this.#overlay.base.lookup(origin);
      if (node?.type === "directory") return origin;
    }
    return undefined;
  }

  /** Moves the renamed directories out of the base's places, the deepest first. */
  *#takeOut(): Operation<void> {
    if (this.#renamed.size === 0) return;
    const overlay = this.#overlay;
    const context = { uid: 0, gid: 0, umask: 0 };
    let name = ".minifo-import";
    while (yield* this.#child(overlay.root, name)) name += "-";
    const inode = yield* overlay.mkdir(overlay.root, name, 0o700, context);
    const turns = new Map<Renamed, string>();
    this.#waiting = { name, inode, turns };
    const depth = ({ from }: Renamed) => from.split("/").length;
    const ordered = [...this.#renamed.values()].sort((a, b) => depth(b) - depth(a));
    for (const renamed of ordered) {
      this.#noteIfShownTwice(renamed);
      const above = parentOfBasePath(renamed.from) ?? "";
      let parent = overlay.root;
      for (const step of namesIn(above)) parent = yield* overlay.lookup(parent, step);
      const turn = String(turns.size);
      yield* overlay.rename(parent, lastName(renamed.from), inode, turn);
      turns.set(renamed, turn);
      yield* this.#pace();
    }
  }

  /** A renamed directory that mini_fo did not hide in its old place was seen in both. */
  #noteIfShownTwice({ from, directory, name }: Renamed): void {
    for (let path: string = from; ; ) {
      const above = parentOfBasePath(path);
      if (above === undefined) break;
      const meta = this.#metas.get(this.#storagePathOf(above));
      const old = lastName(path);
      if (meta?.deleted.has(old) || meta?.renamed.has(old)) return;
      // What lies in a renamed directory is where that is now, whatever is hidden above its old place.
      if (this.#renamed.has(above)) break;
      path = above;
    }
    this.#options.note(
      joinBasePath(directory, name),
      `it takes its content from ${JSON.stringify(from)}, which mini_fo showed there too: it is only here now`,
    );
  }

  /** Where in mini_fo's storage the base's directory `path` has its changes. */
  #storagePathOf(path: string): string {
    const renamed = this.#renamed.get(path);
    if (renamed) return joinBasePath(renamed.directory, renamed.name);
    const above = parentOfBasePath(path);
    return above === undefined ? "" : joinBasePath(this.#storagePathOf(above), lastName(path));
  }

  /** Makes `inode` what mini_fo showed for its storage's `directory`. */
  *#fill(directory: MiniFoObject, inode: Inode): Operation<void> {
    const { objects } = yield* this.#storage.list(directory.path);
    const names = new Set(objects.map(({ name }) => name));
    yield* this.#delete(directory.path, inode, names);
    yield* this.#putRenamed(directory.path, inode);
    for (const object of objects) {
      if (object.name === metaName) continue;
      yield* this.#place(object, inode);
      yield* this.#pace();
    }
    yield* this.#setAttributes(inode, directory);
  }

  *#delete(directory: string, inode: Inode, names: ReadonlySet<string>): Operation<void> {
    const meta = this.#metas.get(directory);
    for (const name of meta?.deleted ?? []) {
      const there = yield* this.#child(inode, name);
      if (there) {
        yield* this.#remove(inode, name, there);
        this.#counts.deleted += 1;
      } else if (
        !names.has(name) &&
        !meta?.renamed.has(name) &&
        !this.#isMovedFrom(directory, name)
      ) {
        const path = joinBasePath(directory, metaName);
        this.#skipLine(path, `line "D ${name}"`, "there is nothing of that name to hide");
      }
    }
  }

  /** Whether the base's name was taken out because its directory is shown elsewhere. */
  #isMovedFrom(directory: string, name: string): boolean {
    for (const { from } of this.#renamed.values()) {
      const isName = lastName(from) === name;
      if (isName && this.#storagePathOf(parentOfBasePath(from) ?? "") === directory) return true;
    }
    return false;
  }

  *#putRenamed(directory: string, inode: Inode): Operation<void> {
    if (!this.#waiting) return;
    for (const [renamed, turn] of this.#waiting.turns) {
      if (renamed.directory !== directory) continue;
      const there = yield* this.#child(inode, renamed.name);
      if (there) yield* this.#remove(inode, renamed.name, there);
      yield* this.#overlay.rename(this.#waiting.inode, turn, inode, renamed.name);
      this.#counts.renamed += 1;
    }
  }

  *#place(object: MiniFoObject, parent: Inode): Operation<void> {
    const there = yield* this.#child(parent, object.name);
    if (object.type === "directory") yield* this.#placeDirectory(object, parent, there);
    else if (object.type === "file") yield* this.#placeFile(object, parent, there);
    else yield* this.#placeOther(object, parent, there);
  }

  *#placeDirectory(object: MiniFoObject, parent: Inode, there: Inode | undefined): Operation<void> {
    const { name, mode, uid, gid } = object;
    let inode = there;
    if (inode?.type !== "directory") {
      if (inode) yield* this.#overlay.unlink(parent, name);
      inode = yield* this.#overlay.mkdir(parent, name, mode, { uid, gid, umask: 0 });
    }
    this.#counts.directories += 1;
    yield* this.#fill(object, inode);
  }

  *#placeFile(object: MiniFoObject, parent: Inode, there: Inode | undefined): Operation<void> {
    const overlay = this.#overlay;
    const { name, link, mode, uid, gid, size } = object;
    const linked = link === undefined ? undefined : this.#linked.get(link);
    if (linked) {
      if (there) yield* this.#remove(parent, name, there);
      yield* overlay.link(linked, parent, name);
      yield* this.#setAttributes(linked, object);
      this.#counts.links += 1;
      return;
    }
    // Read before anything is changed, so that a file that cannot be read changes nothing.
    const piece = new Uint8Array(Math.min(pieceLength, size));
    const length = yield* this.#read(object, 0, piece);
    if (length instanceof FsError) {
      this.#leaveOut(object.path, length.message);
      return;
    }
    let inode = there;
    // mini_fo's copy of one name of several was a file of its own; here they would all change.
    const isAlone = inode?.type === "file" && (yield* overlay.getattr(inode)).nlink === 1;
    if (inode && isAlone) yield* overlay.setattr(inode, { size: 0 });
    else {
      if (inode) yield* this.#remove(parent, name, inode);
      inode = yield* overlay.mknod(parent, name, typeBits.file | mode, 0, { uid, gid, umask: 0 });
    }
    yield* this.#copy(object, inode, piece, length);
    yield* this.#setAttributes(inode, object);
    this.#counts.files += 1;
    if (link !== undefined) {
      overlay.retain(inode);
      this.#linked.set(link, inode);
    }
  }

  /** Writes all of `object` into the empty file `inode`; `piece` has its first `length` bytes. */
  *#copy(object: MiniFoObject, inode: Inode, piece: Uint8Array, length: number): Operation<void> {
    const overlay = this.#overlay;
    const { size, path } = object;
    if (size > 0) yield* overlay.setattr(inode, { size });
    const handle = yield* overlay.open(inode, { write: true });
    try {
      let offset = 0;
      let read: number | FsError = length;
      while (typeof read === "number" && read > 0) {
        yield* this.#writeData(handle, offset, piece.subarray(0, read));
        offset += read;
        this.#options.progress?.(this.#counts);
        if (offset >= size) return;
        read = yield* this.#read(object, offset, piece);
      }
      const rest = `what follows its first ${offset} bytes is zeros`;
      if (typeof read !== "number") this.#leaveOut(path, `${read.message}; ${rest}`);
      else if (offset < size) this.#leaveOut(path, `it became shorter while it was read; ${rest}`);
    } finally {
      yield* overlay.release(handle);
    }
  }

  /** As the storage reads, but why it cannot is an answer. */
  *#read(object: MiniFoObject, offset: number, into: Uint8Array): Operation<number | FsError> {
    try {
      return yield* this.#storage.read(object, offset, into);
    } catch (error) {
      if (error instanceof FsError) return error;
      throw error;
    }
  }

  /** Writes what is not zero: chunks of zeros stay holes. */
  *#writeData(
    handle: Parameters<Overlay["write"]>[0],
    offset: number,
    bytes: Uint8Array,
  ): Operation<void> {
    const { chunkSize } = this.#overlay.superblock;
    const chunkEnd = (at: number) => Math.min(bytes.length, at + chunkSize);
    const isZero = (at: number) => isAllZero(bytes, at, chunkEnd(at));
    for (let start = 0; start < bytes.length; ) {
      if (isZero(start)) {
        start = chunkEnd(start);
        continue;
      }
      let end = chunkEnd(start);
      while (end < bytes.length && !isZero(end)) end = chunkEnd(end);
      yield* this.#overlay.write(handle, offset + start, bytes.subarray(start, end));
      this.#counts.bytes += end - start;
      start = end;
    }
  }

  *#placeOther(object: MiniFoObject, parent: Inode, there: Inode | undefined): Operation<void> {
    const overlay = this.#overlay;
    const { name, type, mode, uid, gid, rdev = 0, target = "" } = object;
    const context = { uid, gid, umask: 0 };
    if (there) yield* this.#remove(parent, name, there);
    const isSymlink = type === "symlink";
    const inode = isSymlink
      ? yield* overlay.symlink(parent, name, target, context)
      : yield* overlay.mknod(parent, name, typeBits[type] | mode, rdev, context);
    yield* this.#setAttributes(inode, object);
    if (isSymlink) this.#counts.symlinks += 1;
    else this.#counts.special += 1;
  }

  *#setAttributes(inode: Inode, object: MiniFoObject): Operation<void> {
    const { type, mode, uid, gid, atime, mtime, ctime } = object;
    const times = { atime, mtime, ctime };
    yield* this.#overlay.setattr(inode, {
      ...(type !== "symlink" && { mode }),
      uid,
      gid,
      ...times,
    });
  }

  *#child(parent: Inode, name: string): Operation<Inode | undefined> {
    try {
      return yield* this.#overlay.lookup(parent, name);
    } catch (error) {
      if (error instanceof FsError && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Removes `name` with all below it. */
  *#remove(parent: Inode, name: string, inode: Inode): Operation<void> {
    if (inode.type !== "directory") {
      yield* this.#overlay.unlink(parent, name);
      return;
    }
    const listing = yield* this.#overlay.opendir(inode);
    for (let at = 0; at < listing.length; at += 1) {
      const { name: below } = listing.entry(at);
      const child = yield* this.#child(inode, below);
      if (child) yield* this.#remove(inode, below, child);
      yield* this.#pace();
    }
    yield* this.#overlay.rmdir(parent, name);
  }

  /** Called after each object: commits now and then, so that memory stays bounded. */
  *#pace(): Operation<void> {
    this.#sinceCommit += 1;
    if (this.#sinceCommit < objectsPerCommit) return;
    this.#sinceCommit = 0;
    yield* this.#overlay.commit("relaxed");
    this.#overlay.sweep();
    this.#options.progress?.(this.#counts);
  }

  #skipLine(path: string, line: string, why: string): void {
    this.#counts.linesSkipped += 1;
    this.#options.note(path, `${line} skipped: ${why}`);
  }

  #leaveOut(path: string, why: string): void {
    this.#counts.leftOut += 1;
    this.#options.note(path, `left out: ${why}`);
  }
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isAllZero(bytes: Uint8Array, from: number, to: number): boolean {
  const start = bytes.byteOffset + from;
  // Four bytes at a time: it is read through every hole.
  const words = start % 4 === 0 ? Math.floor((to - from) / 4) : 0;
  for (const word of new Uint32Array(bytes.buffer, words > 0 ? start : 0, words)) {
    if (word !== 0) return false;
  }
  for (let at = from + words * 4; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
