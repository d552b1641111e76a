/**
 * The naive reference the overlay is compared to: a plain tree of objects in memory, with POSIX's rules and nothing
 * of layers in it.
 */
export interface ReferenceObject {
  readonly type: "file" | "directory" | "symlink";
  data: Uint8Array;
  readonly children: Map<string, ReferenceObject>;
  nlink: number;
  mode: number;
  /** "" until it has a name. */
  mtime: string;
  /** The inode number it was first seen with; it has to keep it. */
  ino: number | undefined;
  readonly target: string;
  readonly xattrs: Map<string, string>;
}

class Failure extends Error {}

/** Makes an object without a name. */
export function object(type: ReferenceObject["type"], mode: number, target = ""): ReferenceObject {
  const nlink = type === "directory" ? 2 : 0;
  const [data, children, xattrs] = [new Uint8Array(0), new Map(), new Map()];
  return { type, data, children, nlink, mode, mtime: "", ino: undefined, target, xattrs };
}

export class Reference {
  readonly root = object("directory", 0o755);
  /** Files that are open, by any number. */
  readonly open = new Map<number, ReferenceObject>();
  /** What is stamped on what changes. */
  now: string;

  constructor(now: string) {
    this.now = now;
  }

  /** Runs `step` and returns the code it failed with, if it did. */
  code(step: () => void): string | undefined {
    try {
      step();
      return undefined;
    } catch (error) {
      if (error instanceof Failure) return error.message;
      throw error;
    }
  }

  at(path: string): ReferenceObject {
    let at = this.root;
    for (const name of path === "" ? [] : path.split("/")) {
      if (at.type !== "directory") throw new Failure("ENOTDIR");
      const next = at.children.get(name);
      if (!next) throw new Failure("ENOENT");
      at = next;
    }
    return at;
  }

  place(path: string): {
    parent: ReferenceObject;
    name: string;
    child: ReferenceObject | undefined;
  } {
    const slash = path.lastIndexOf("/");
    const parent = this.at(path.slice(0, Math.max(0, slash)));
    if (parent.type !== "directory") throw new Failure("ENOTDIR");
    const name = path.slice(slash + 1);
    return { parent, name, child: parent.children.get(name) };
  }

  make(path: string, made: ReferenceObject): void {
    const { parent, name, child } = this.place(path);
    if (child) throw new Failure("EEXIST");
    parent.children.set(name, made);
    parent.mtime = this.now;
    if (made.mtime === "") made.mtime = this.now;
    if (made.type === "directory") parent.nlink += 1;
    else made.nlink += 1;
  }

  link(from: string, to: string): void {
    const made = this.at(from);
    const { parent, name, child } = this.place(to);
    if (child) throw new Failure("EEXIST");
    if (made.type === "directory") throw new Failure("EPERM");
    parent.children.set(name, made);
    parent.mtime = this.now;
    made.nlink += 1;
  }

  unlink(path: string): void {
    const { parent, name, child } = this.place(path);
    if (!child) throw new Failure("ENOENT");
    if (child.type === "directory") throw new Failure("EISDIR");
    parent.children.delete(name);
    parent.mtime = this.now;
    child.nlink -= 1;
  }

  rmdir(path: string): void {
    const { parent, name, child } = this.place(path);
    if (!child) throw new Failure("ENOENT");
    if (child.type !== "directory") throw new Failure("ENOTDIR");
    if (child.children.size > 0) throw new Failure("ENOTEMPTY");
    parent.children.delete(name);
    parent.mtime = this.now;
    parent.nlink -= 1;
  }

  rename(from: string, to: string, flags: { noReplace?: boolean; exchange?: boolean }): void {
    const old = this.place(from);
    const next = this.place(to);
    const { child: source } = old;
    const { child: target } = next;
    if (!source) throw new Failure("ENOENT");
    if (flags.noReplace && target) throw new Failure("EEXIST");
    if (flags.exchange && !target) throw new Failure("ENOENT");
    if (this.#holds(source, next.parent)) throw new Failure("EINVAL");
    if (flags.exchange && target && this.#holds(target, old.parent)) throw new Failure("EINVAL");
    if (target && target !== source && !flags.exchange) {
      if (this.#holds(target, old.parent)) throw new Failure("ENOTEMPTY");
      if (source.type === "directory" && target.type !== "directory") throw new Failure("ENOTDIR");
      if (source.type !== "directory" && target.type === "directory") throw new Failure("EISDIR");
      if (target.children.size > 0) throw new Failure("ENOTEMPTY");
    }
    if (source === target) return;
    const isDirectory = (one: ReferenceObject | undefined) => Number(one?.type === "directory");
    if (flags.exchange && target) {
      old.parent.children.set(old.name, target);
    } else {
      old.parent.children.delete(old.name);
      if (target) target.nlink -= 1;
      next.parent.nlink -= isDirectory(target);
    }
    next.parent.children.set(next.name, source);
    const moved = isDirectory(source) - (flags.exchange ? isDirectory(target) : 0);
    old.parent.nlink -= moved;
    next.parent.nlink += moved;
    old.parent.mtime = this.now;
    next.parent.mtime = this.now;
  }

  write(file: ReferenceObject, offset: number, bytes: Uint8Array): void {
    const data = new Uint8Array(Math.max(file.data.length, offset + bytes.length));
    data.set(file.data);
    data.set(bytes, offset);
    file.data = data;
    file.mtime = this.now;
  }

  truncate(file: ReferenceObject, size: number): void {
    const data = new Uint8Array(size);
    data.set(file.data.subarray(0, size));
    file.data = data;
    file.mtime = this.now;
  }

  copy(path: string, at: number, to: string, target: number, length: number): void {
    const [source, sink] = [this.at(path), this.at(to)];
    if (sink.type === "directory") throw new Failure("EISDIR");
    const [from, into] = [this.#asFile(source), this.#asFile(sink)];
    const bytes = from.data.slice(at, at + length);
    if (from === into && Math.abs(at - target) < bytes.length) throw new Failure("EINVAL");
    if (bytes.length > 0) this.write(into, target, bytes);
  }

  zero(path: string, offset: number, length: number, mayGrow: boolean): void {
    const file = this.file(path);
    const end = offset + length;
    if (mayGrow && end > file.data.length) this.truncate(file, end);
    if (offset >= file.data.length) return;
    file.data.fill(0, offset, end);
    file.mtime = this.now;
  }

  removexattr(path: string, name: string): void {
    if (!this.at(path).xattrs.delete(name)) throw new Failure("ENODATA");
  }

  file(path: string): ReferenceObject {
    return this.#asFile(this.at(path));
  }

  #asFile(file: ReferenceObject): ReferenceObject {
    if (file.type === "directory") throw new Failure("EISDIR");
    if (file.type !== "file") throw new Failure("EINVAL");
    return file;
  }

  #holds(directory: ReferenceObject, sought: ReferenceObject): boolean {
    if (directory === sought) return directory.type === "directory";
    for (const child of directory.children.values()) {
      if (child.type === "directory" && this.#holds(child, sought)) return true;
    }
    return false;
  }
}
