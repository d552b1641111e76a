/**
 * A tree in memory out of a flat list of entries, as archives and lists of URLs have them: untrusted names are checked,
 * directories that no entry tells of are made up, what cannot be is left out and counted. Where the contents lie
 * is the driver's matter; the tree carries it along.
 */
import type { FileType, Time } from "../attributes.ts";
import { FsError } from "../errno.ts";
import { type BaseEntry, type BaseNode, parentOfBasePath, pathIdentity } from "./base.ts";
import { maxEntries } from "./manifest/format.ts";
import { flawOfName } from "./manifest/names.ts";

/** One object as its archive tells it; `content` is what the driver needs to read it. */
export interface TreeEntry<Content> {
  /** Base path, not checked yet. */
  readonly path: string;
  readonly type: FileType;
  /** Permission bits; absent: 0644, 0755, 0777 for files, directories, symlinks. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly rdev?: number;
  readonly mtime: Time;
  /** Bytes; that of a symlink counts until its target is known. */
  readonly size: number;
  readonly target?: string;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /** The path of the entry whose object this is another name of. */
  readonly linkTo?: string;
  /** See `BaseNode.signature`. */
  readonly signature: string;
  readonly content: Content;
}

interface Place<Content> {
  readonly entry: TreeEntry<Content>;
  /** Names in it; of a directory only. */
  readonly children: Map<string, string> | undefined;
}

/**
 * The longest path that is taken, as the kernel takes none longer: every directory on the way has a place of its own, so
 * that a path of a million names would cost the square of that.
 */
export const maxPathLength = 4096;

const start: Time = { seconds: 0, nanoseconds: 0 };

/** See the head of this file. */
export class EntryTree<Content> {
  readonly #places = new Map<string, Place<Content>>();
  readonly #groups = new Map<string, string[]>();
  readonly #most: number;
  #omitted: number;

  /**
   * Of two entries with one path the later counts, as when an archive is extracted; `omitted` were left out before.
   * @throws EFBIG more than `most` entries, or so many with the directories that are made up
   */
  constructor(entries: Iterable<TreeEntry<Content>>, omitted = 0, most = maxEntries) {
    this.#most = most;
    this.#omitted = omitted;
    const byPath = new Map<string, TreeEntry<Content>>();
    for (const entry of entries) {
      if (!isPath(entry.path)) this.#omitted += 1;
      else {
        if (byPath.delete(entry.path) && entry.type !== "directory") this.#omitted += 1;
        byPath.set(entry.path, entry);
      }
      this.#refuseAbove(byPath.size);
    }
    this.#places.set("", placeOf(byPath.get("") ?? directoryAt("")));
    for (const entry of byPath.values()) this.#put(entry);
    for (const entry of byPath.values()) this.#link(entry);
  }

  /** Entries that have no place in the tree: bad names, names below a file, all but the last with one path. */
  get omitted(): number {
    return this.#omitted;
  }

  /** The object at `path`, or null. */
  node(path: string): BaseNode | null {
    const place = this.#places.get(path);
    if (!place) return null;
    const { entry, children } = this.#objectOf(place);
    const { type, mode, uid, gid, rdev, mtime, size, target, xattrs, signature } = entry;
    const group = this.#groups.get(entry.path);
    const isLinked = group !== undefined && group.length > 1;
    return {
      path,
      type,
      mode: mode ?? (type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      ...(rdev !== undefined && { rdev }),
      mtime,
      size: type === "directory" ? 0 : size,
      nlink: children ? 2 + this.#subdirectories(children) : (group?.length ?? 1),
      ...(target !== undefined && { target }),
      ...(xattrs !== undefined && { xattrs }),
      identity: isLinked ? `link:${entry.path}` : pathIdentity(path),
      signature,
    };
  }

  /**
   * What is in the directory at `path`.
   * @throws ENOENT, ENOTDIR there is no such directory
   */
  list(path: string): BaseEntry[] {
    const place = this.#places.get(path);
    if (!place?.children) {
      throw new FsError(place ? "ENOTDIR" : "ENOENT", { syscall: "scandir", path });
    }
    return [...place.children].map(([name, at]) => ({ name, node: this.node(at) as BaseNode }));
  }

  /** The entry behind the object at `path`: of a hard link, the one it names. */
  entry(path: string): TreeEntry<Content> | undefined {
    const place = this.#places.get(path);
    return place && this.#objectOf(place).entry;
  }

  /** Every path there is but the root's. */
  *paths(): Generator<string> {
    for (const path of this.#places.keys()) if (path !== "") yield path;
  }

  #refuseAbove(count: number): void {
    if (count <= this.#most) return;
    throw new FsError("EFBIG", {
      syscall: "open",
      reason: `it has more than ${this.#most} entries, which is more than a base can have`,
    });
  }

  #put(entry: TreeEntry<Content>): void {
    const { path } = entry;
    const known = this.#places.get(path);
    if (path === "") return;
    // A directory that was made up for what is below it, told of only now; a file cannot take its place.
    if (known) {
      if (entry.type === "directory") this.#places.set(path, { ...known, entry });
      else this.#omitted += 1;
      return;
    }
    const parent = parentOfBasePath(path) as string;
    const directory = this.#directory(parent);
    if (!directory) {
      this.#omitted += 1;
      return;
    }
    directory.set(path.slice(parent === "" ? 0 : parent.length + 1), path);
    this.#places.set(path, placeOf(entry));
    this.#refuseAbove(this.#places.size - 1);
  }

  /** The names of the directory at `path`, which is made up where nothing is; undefined where a file is. */
  #directory(path: string): Map<string, string> | undefined {
    const missing: string[] = [];
    let at = path;
    let place = this.#places.get(at);
    while (!place) {
      missing.push(at);
      at = parentOfBasePath(at) as string;
      place = this.#places.get(at);
    }
    for (const next of missing.reverse()) {
      if (!place.children) return undefined;
      place.children.set(next.slice(at === "" ? 0 : at.length + 1), next);
      place = placeOf(directoryAt<Content>(next));
      this.#places.set(next, place);
      this.#refuseAbove(this.#places.size - 1);
      at = next;
    }
    return place.children;
  }

  #link(entry: TreeEntry<Content>): void {
    const { path, linkTo } = entry;
    // One that was left out has no place; a directory that was made up may be there instead.
    if (linkTo === undefined || this.#places.get(path)?.entry !== entry) return;
    const first = this.#places.get(linkTo);
    if (!first || first.children || first.entry.linkTo !== undefined || linkTo === path) {
      this.#remove(path);
      return;
    }
    const group = this.#groups.get(linkTo);
    if (group) group.push(path);
    else this.#groups.set(linkTo, [linkTo, path]);
  }

  #remove(path: string): void {
    const parent = parentOfBasePath(path) as string;
    this.#places.get(parent)?.children?.delete(path.slice(parent === "" ? 0 : parent.length + 1));
    this.#places.delete(path);
    this.#omitted += 1;
  }

  #objectOf(place: Place<Content>): Place<Content> {
    const { linkTo } = place.entry;
    return linkTo === undefined ? place : (this.#places.get(linkTo) as Place<Content>);
  }

  #subdirectories(children: ReadonlyMap<string, string>): number {
    let count = 0;
    for (const path of children.values()) if (this.#places.get(path)?.children) count += 1;
    return count;
  }
}

/** Takes `./`, double slashes and a slash at the end out of a path, as archives have them. */
export function plainPath(path: string): string {
  return path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/");
}

/** Whether `path` is one: the root, or legal names with a slash between each two. */
function isPath(path: string): boolean {
  if (path.length > maxPathLength) return false;
  return path === "" || path.split("/").every((name) => flawOfName(name) === undefined);
}

function placeOf<Content>(entry: TreeEntry<Content>): Place<Content> {
  return { entry, children: entry.type === "directory" ? new Map() : undefined };
}

/** A directory no entry tells of. */
function directoryAt<Content>(path: string): TreeEntry<Content> {
  // Nobody reads a directory's content.
  const content = undefined as Content;
  return { path, type: "directory", mtime: start, size: 0, signature: "", content };
}
