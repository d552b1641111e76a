/**
 * What a mount asks, done on an Overlay: nodeids stand for inodes, file handles for open files and listings, and a
 * `FsError` becomes a negative errno. It knows nothing of the device or of messages, so that every driver shares it.
 * A nodeid is a counter of this mount, not st_ino; it lives as long as somebody holds a lookup of it.
 */
import {
  type AllocationMode,
  type AttributeChanges,
  type FileType,
  FsError,
  type Handle,
  type Inode,
  type Listing,
  type OpenFlags,
  type Operation,
  type Overlay,
  runSync,
  type Stat,
  unprivileged,
} from "../../src/index.ts";
import { type Node, NodeTable } from "./nodes.ts";
import { isTold, refuseTold, told } from "./told-xattrs.ts";

/** Who asks. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** A node that was found or made. It holds one lookup, which whoever asked gives back with `forget`. */
export interface FoundNode {
  readonly nodeid: number;
  readonly stat: Stat;
}

/** One name of a directory as `readdir` offers it. */
export interface ListedName {
  readonly name: string;
  readonly type: FileType;
  readonly ino: number;
  /** Where the listing goes on behind this name. */
  readonly next: number;
  /** What the name means; absent for "." and "..", and where only names are wanted. */
  readonly found?: { readonly inode: Inode; readonly stat: Stat; readonly parent: Inode };
}

/** What the adapter is told besides the overlay. */
export interface AdapterOptions {
  /** Permission bits that are never shown. */
  readonly umask?: number;
  /**
   * Nobody opens files: each is open, under the handle `handleOf` its nodeid, for as long as somebody holds a lookup of
   * it, so that it stays readable when its last name goes.
   */
  readonly keepsOpen?: boolean;
}

/** The handle of a file that is kept open; no other handle is negative. */
export function handleOf(nodeid: number): number {
  return -nodeid;
}

interface OpenFile {
  readonly handle: Handle;
  readonly writes: boolean;
}

interface OpenDirectory {
  readonly node: Node;
  listing: Listing;
  /** Whether the listing was read from: a rewind to its start then takes a new one. */
  used: boolean;
}

/** The negative errno of whatever was thrown; EIO for what is no file's fate. */
export function errnoOf(error: unknown): number {
  return error instanceof FsError ? error.errno : new FsError("EIO").errno;
}

export class Adapter {
  readonly overlay: Overlay;
  readonly #hidden: number;
  readonly #keepsOpen: boolean;
  readonly #nodes: NodeTable;
  readonly #files = new Map<number, OpenFile>();
  readonly #directories = new Map<number, OpenDirectory>();
  #nextHandle = 1;

  constructor(overlay: Overlay, options: AdapterOptions = {}) {
    this.overlay = overlay;
    this.#hidden = (options.umask ?? 0) & 0o777;
    this.#keepsOpen = options.keepsOpen === true;
    this.#nodes = new NodeTable(overlay);
  }

  /** Whether only changes of ours can change what this node is, for nothing of it comes from the base. */
  isOurs(nodeid: number): boolean {
    const node = this.#nodes.find(nodeid);
    return node !== undefined && node.inode.identity === undefined;
  }

  /** The nodeid of `inode`, if anybody holds one. */
  nodeidOf(inode: Inode): number | undefined {
    return this.#nodes.of(inode)?.nodeid;
  }

  /** Has whoever finds `inode` from now on find it under another nodeid; the one it had goes on for who holds it. */
  renumber(inode: Inode): void {
    this.#nodes.renumber(inode);
  }

  *lookup(parent: number, name: string): Operation<FoundNode> {
    const directory = this.#nodes.at(parent);
    const inode = yield* this.overlay.lookup(directory.inode, name);
    return this.#found(inode, directory.inode, name);
  }

  /** As `lookup`, but undefined where there is no such name. */
  *find(parent: number, name: string): Operation<FoundNode | undefined> {
    const directory = this.#nodes.at(parent);
    const inode = yield* this.overlay.find(directory.inode, name);
    if (inode) return this.#found(inode, directory.inode, name);
    // The kernel looks a name up before it has something made there.
    this.overlay.noteAbsence(directory.inode, name);
    return undefined;
  }

  /** Gives back `lookups` of a node; with the last one its nodeid is gone. */
  forget(nodeid: number, lookups: number): void {
    const isGone = this.#nodes.forget(nodeid, lookups);
    if (isGone && this.#keepsOpen) runSync(this.release(handleOf(nodeid)));
  }

  getattr(nodeid: number): Stat {
    return this.#stat(this.#nodes.at(nodeid).inode);
  }

  /** A truncation with `dropsPrivileges` takes setuid and setgid bits from a file. */
  *setattr(nodeid: number, changes: AttributeChanges, dropsPrivileges = false): Operation<Stat> {
    const { inode } = this.#nodes.at(nodeid);
    const mode = dropsPrivileges ? this.#unprivileged(inode) : undefined;
    const all = mode === undefined ? changes : { mode, ...changes };
    return this.#shown(yield* this.overlay.setattr(inode, all));
  }

  *readlink(nodeid: number): Operation<string> {
    return yield* this.overlay.readlink(this.#nodes.at(nodeid).inode);
  }

  /** `mode` has the type bits; the caller's umask is applied already, here and below. */
  *mknod(
    parent: number,
    name: string,
    mode: number,
    rdev: number,
    caller: Caller,
  ): Operation<FoundNode> {
    const directory = this.#nodes.at(parent);
    const context = contextOf(caller);
    const inode = yield* this.overlay.mknod(directory.inode, name, mode, rdev, context);
    return this.#found(inode, directory.inode, name);
  }

  *mkdir(parent: number, name: string, mode: number, caller: Caller): Operation<FoundNode> {
    const directory = this.#nodes.at(parent);
    const inode = yield* this.overlay.mkdir(directory.inode, name, mode, contextOf(caller));
    return this.#found(inode, directory.inode, name);
  }

  *symlink(parent: number, name: string, target: string, caller: Caller): Operation<FoundNode> {
    const directory = this.#nodes.at(parent);
    const inode = yield* this.overlay.symlink(directory.inode, name, target, contextOf(caller));
    return this.#found(inode, directory.inode, name);
  }

  *link(nodeid: number, parent: number, name: string): Operation<FoundNode> {
    const directory = this.#nodes.at(parent);
    const { inode } = this.#nodes.at(nodeid);
    yield* this.overlay.link(inode, directory.inode, name);
    return this.#found(inode, directory.inode, name);
  }

  *unlink(parent: number, name: string): Operation<void> {
    yield* this.overlay.unlink(this.#nodes.at(parent).inode, name);
  }

  *rmdir(parent: number, name: string): Operation<void> {
    yield* this.overlay.rmdir(this.#nodes.at(parent).inode, name);
  }

  *rename(
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    flags: { readonly noReplace: boolean; readonly exchange: boolean },
  ): Operation<void> {
    const from = this.#nodes.at(parent).inode;
    const to = this.#nodes.at(newParent).inode;
    yield* this.overlay.rename(from, name, to, newName, flags);
    // The kernel moves what it knows by itself and looks nothing up.
    const inode = yield* this.overlay.find(to, newName);
    if (inode) this.#nodes.place(inode, to, newName);
  }

  *open(nodeid: number, flags: OpenFlags, dropsPrivileges = false): Operation<number> {
    const { inode } = this.#nodes.at(nodeid);
    const handle = yield* this.overlay.open(inode, flags);
    try {
      if (dropsPrivileges) yield* this.#dropPrivileges(inode);
    } catch (error) {
      yield* this.overlay.release(handle);
      throw error;
    }
    return this.#opened(handle);
  }

  /** Opens `name`, creating it if need be; with `exclusive` it must not exist. */
  *create(
    parent: number,
    name: string,
    mode: number,
    flags: OpenFlags,
    exclusive: boolean,
    caller: Caller,
  ): Operation<FoundNode & { readonly fh: number }> {
    const directory = this.#nodes.at(parent);
    const context = contextOf(caller);
    let handle: Handle;
    try {
      handle = yield* this.overlay.create(directory.inode, name, mode, flags, context);
    } catch (error) {
      const exists = error instanceof FsError && error.code === "EEXIST";
      if (!exists || exclusive) throw error;
      const inode = yield* this.overlay.lookup(directory.inode, name);
      handle = yield* this.overlay.open(inode, flags);
    }
    return yield* this.#foundOpen(handle, directory.inode, name);
  }

  /** Makes a file without a name in the directory `parent` and opens it: O_TMPFILE. `link` may name it while it is open. */
  *createUnnamed(
    parent: number,
    mode: number,
    flags: OpenFlags,
    caller: Caller,
  ): Operation<FoundNode & { readonly fh: number }> {
    const directory = this.#nodes.at(parent);
    const context = contextOf(caller);
    const handle = yield* this.overlay.createUnnamed(directory.inode, mode, flags, context);
    return yield* this.#foundOpen(handle);
  }

  /** Fills `into` from `offset` on and returns the bytes read, fewer only at the end of the file. */
  *read(fh: number, offset: number, into: Uint8Array): Operation<number> {
    return yield* this.overlay.read(this.#file(fh).handle, offset, into);
  }

  /** `bytes` must stay as they are until this returns. */
  *write(
    fh: number,
    offset: number,
    bytes: Uint8Array,
    dropsPrivileges = false,
  ): Operation<number> {
    const { handle } = this.#file(fh);
    const written = yield* this.overlay.write(handle, offset, bytes);
    if (dropsPrivileges) yield* this.#dropPrivileges(handle.inode);
    return written;
  }

  /** What close(2) waits for. Changes are committed a moment later; if that fails at the moment, a writer hears of it. */
  flush(fh: number): void {
    const { commitFailure } = this.overlay;
    if (commitFailure !== undefined && this.#file(fh).writes) throw commitFailure;
  }

  *fsync(): Operation<void> {
    yield* this.commit("strict");
  }

  *release(fh: number): Operation<void> {
    const file = this.#files.get(fh);
    if (!file) return;
    this.#files.delete(fh);
    yield* this.overlay.release(file.handle);
  }

  *opendir(nodeid: number): Operation<number> {
    const node = this.#nodes.at(nodeid);
    const listing = yield* this.overlay.opendir(node.inode);
    const fh = this.#nextHandle++;
    this.#directories.set(fh, { node, listing, used: false });
    return fh;
  }

  /**
   * Offers the names of an open directory from cookie `offset` on to `take`, with what they mean where `plus`, until
   * it refuses one. A name is offered again by a later call from its cookie on; nothing is retained here.
   */
  *readdir(
    fh: number,
    offset: number,
    plus: boolean,
    take: (entry: ListedName) => boolean,
  ): Operation<void> {
    const directory = this.#directories.get(fh);
    if (!directory) throw new FsError("EBADF", { syscall: "readdir" });
    if (offset === 0 && directory.used) {
      directory.listing = yield* this.overlay.opendir(directory.node.inode);
    }
    directory.used = true;
    const { listing, node } = directory;
    const { inode: self } = node;
    const dots = [self, self.parent ?? self];
    for (let index = offset; index < listing.length + 2; index += 1) {
      const next = index + 1;
      const dot = dots[index];
      if (dot) {
        const name = index === 0 ? "." : "..";
        if (!take({ name, type: "directory", ino: dot.ino, next })) return;
        continue;
      }
      const { name, type, ino: number } = listing.entry(index - 2);
      if (number !== undefined && !node.inode.names?.has(name)) {
        if (!take({ name, type, ino: number, next })) return;
        continue;
      }
      const inode = yield* this.overlay.listed(listing, index - 2);
      if (!inode) continue; // its name was removed since
      const { ino } = inode;
      const stat = plus ? this.#stat(inode) : undefined;
      const found = stat && { inode, stat, parent: node.inode };
      if (!take({ name, type, ino, next, ...(found && { found }) })) return;
    }
  }

  /** Takes one lookup of an inode that `readdir` offered as `name` of `parent`, and returns its nodeid. */
  retain(inode: Inode, parent: Inode, name: string): number {
    return this.#retain(inode, parent, name).nodeid;
  }

  releasedir(fh: number): void {
    this.#directories.delete(fh);
  }

  /** `user.minifo.…` tells what the overlay knows of the node; see told-xattrs.ts. */
  *getxattr(nodeid: number, name: string): Operation<Uint8Array> {
    const value = yield* this.findxattr(nodeid, name);
    if (!value) throw new FsError("ENODATA");
    return value;
  }

  /** As `getxattr`, but undefined where there is no such attribute. */
  *findxattr(nodeid: number, name: string): Operation<Uint8Array | undefined> {
    if (!isTold(name)) return this.storedXattr(nodeid, name);
    const { inode, parent, name: foundAs } = this.#nodes.at(nodeid);
    const place = parent && { parent, name: foundAs };
    return yield* told(this.overlay, inode, name, place);
  }

  /** As `findxattr`, for what is no `user.minifo.…`: it never has to wait. */
  storedXattr(nodeid: number, name: string): Uint8Array | undefined {
    return this.overlay.findxattr(this.#nodes.at(nodeid).inode, name);
  }

  *setxattr(
    nodeid: number,
    name: string,
    value: Uint8Array,
    flags: { readonly create: boolean; readonly replace: boolean },
  ): Operation<void> {
    refuseTold(name);
    yield* this.overlay.setxattr(this.#nodes.at(nodeid).inode, name, value, flags);
  }

  *listxattr(nodeid: number): Operation<string[]> {
    const names = yield* this.overlay.listxattr(this.#nodes.at(nodeid).inode);
    return names.filter((name) => !isTold(name));
  }

  *removexattr(nodeid: number, name: string): Operation<void> {
    refuseTold(name);
    yield* this.overlay.removexattr(this.#nodes.at(nodeid).inode, name);
  }

  *fallocate(fh: number, offset: number, length: number, mode: AllocationMode): Operation<void> {
    yield* this.overlay.fallocate(this.#file(fh).handle, offset, length, mode);
  }

  *copyRange(
    fh: number,
    offset: number,
    toFh: number,
    toOffset: number,
    length: number,
  ): Operation<number> {
    const [from, to] = [this.#file(fh).handle, this.#file(toFh).handle];
    return yield* this.overlay.copyRange(from, offset, to, toOffset, length);
  }

  *lseek(fh: number, offset: number, whence: "data" | "hole"): Operation<number> {
    return yield* this.overlay.lseek(this.#file(fh).handle, offset, whence);
  }

  /**
   * Commits what is pending.
   * @throws ENOSPC, EDQUOT, EIO it stays pending, and flush reports it until a commit succeeds
   */
  *commit(durability: "relaxed" | "strict"): Operation<void> {
    yield* this.overlay.commit(durability);
  }

  #file(fh: number): OpenFile {
    const node = fh < 0 ? this.#nodes.find(-fh) : undefined;
    // What the base had lost when it was looked up says so now, or was given data of its own since.
    const file = this.#files.get(fh) ?? (node && this.#keepOpen(node));
    if (!file) throw new FsError("EBADF");
    return file;
  }

  #opened(handle: Handle): number {
    const fh = this.#nextHandle++;
    this.#files.set(fh, { handle, writes: handle.flags.write === true });
    return fh;
  }

  *#foundOpen(
    handle: Handle,
    parent?: Inode,
    name?: string,
  ): Operation<FoundNode & { readonly fh: number }> {
    const { nodeid, stat } = this.#found(handle.inode, parent, name);
    if (!this.#keepsOpen) return { nodeid, stat, fh: this.#opened(handle) };
    yield* this.overlay.release(handle);
    return { nodeid, stat, fh: 0 };
  }

  #found(inode: Inode, parent?: Inode, name?: string): FoundNode {
    const { nodeid } = this.#retain(inode, parent, name);
    return { nodeid, stat: this.#stat(inode) };
  }

  #retain(inode: Inode, parent: Inode | undefined, name = ""): Node {
    if (!this.#keepsOpen) return this.#nodes.retain(inode, parent, name);
    const isNew = this.#nodes.of(inode) === undefined;
    const node = this.#nodes.retain(inode, parent, name);
    if (isNew && inode.type === "file" && !inode.isGone && !inode.isLost) this.#keepOpen(node);
    return node;
  }

  #keepOpen({ nodeid, inode }: Node): OpenFile {
    const writes = !this.overlay.readOnly;
    const handle = runSync(this.overlay.open(inode, { read: true, write: writes }));
    const file = { handle, writes };
    this.#files.set(handleOf(nodeid), file);
    return file;
  }

  *#dropPrivileges(inode: Inode): Operation<void> {
    const mode = this.#unprivileged(inode);
    if (mode !== undefined) yield* this.overlay.setattr(inode, { mode });
  }

  /** See `unprivileged`; undefined if that changes nothing. */
  #unprivileged(inode: Inode): number | undefined {
    if (inode.type === "directory") return undefined;
    const mode = this.overlay.stat(inode).mode & 0o7777;
    const kept = unprivileged(mode);
    return kept === mode ? undefined : kept;
  }

  #stat(inode: Inode): Stat {
    return this.#shown(this.overlay.stat(inode));
  }

  #shown(stat: Stat): Stat {
    return this.#hidden === 0 ? stat : { ...stat, mode: stat.mode & ~this.#hidden };
  }
}

function contextOf(caller: Caller) {
  return { uid: caller.uid, gid: caller.gid, umask: 0 };
}
