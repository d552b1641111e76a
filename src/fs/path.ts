/**
 * Paths, walked as the kernel walks them (path_resolution(7)): name by name, through symlinks, with ".." meaning the
 * directory one came from. A path that does not begin with "/" is taken from the root.
 */
import { joinBasePath, walkingBase } from "../base/base.ts";
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { Inode } from "../overlay/inode.ts";
import type { ReadableOverlay } from "../overlay/readable.ts";

/** More symlinks than this on one way are a loop. */
const maxLinks = 40;

/** Bytes of the longest path, with the NUL that would end it. */
const maxPathLength = 4096;

/** The last name of a path, and the directory it is or would be in. */
export interface Place {
  readonly parent: Inode;
  /** The name; "." and ".." if the path ends so, "" for the root itself. */
  readonly name: string;
  /** The path ended in a slash, so that only a directory will do. */
  readonly slash: boolean;
}

/** Whether `place` is no name that could be made or removed: the root, "." or "..". */
export function isSpecial(place: Place): boolean {
  return place.name === "" || place.name === "." || place.name === "..";
}

/** A way from the root on, taken step by step. After an error it leads nowhere and is of no more use. */
export class Walk {
  readonly #overlay: ReadableOverlay;
  /** The directories on the way, the root first, and what was reached last. */
  readonly #steps: { readonly name: string; readonly inode: Inode }[];
  #links = 0;

  constructor(overlay: ReadableOverlay) {
    this.#overlay = overlay;
    this.#steps = [{ name: "", inode: overlay.root }];
  }

  /** What has been reached. */
  get inode(): Inode {
    return this.#last().inode;
  }

  /** The absolute path of what has been reached, without symlinks, "." and "..". */
  get path(): string {
    return this.#steps.length === 1 ? "/" : this.#steps.map((step) => step.name).join("/");
  }

  /**
   * Goes along `path` from here, or from the root where it begins with "/". A symlink at its end is followed if `follow`
   * says so, or if a slash comes after it.
   * @throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EILSEQ, EIO
   */
  *go(path: string, follow: boolean): Operation<Inode> {
    const names = this.#namesOf(path);
    if (path.endsWith("/")) names.push(".");
    return yield* this.#along(names, follow);
  }

  /** Goes along `path` up to the directory its last name is in; that name itself is not looked up. */
  *goToParent(path: string): Operation<Place> {
    const names = this.#namesOf(path);
    const name = names.pop() ?? "";
    const parent = yield* this.#along([...names, "."], true);
    return { parent, name, slash: path.endsWith("/") };
  }

  /** Whatever must be a directory has to be followed by one more name, "." at least. */
  *#along(names: readonly string[], follow: boolean): Operation<Inode> {
    yield* this.#fetchWay(names);
    // What is still to come, the next name last.
    const ahead = names.toReversed();
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      const { inode: directory } = this.#last();
      if (directory.type !== "directory") throw new FsError("ENOTDIR");
      if (name === ".") continue;
      if (name === "..") {
        if (this.#steps.length > 1) this.#steps.pop();
        continue;
      }
      const inode = yield* this.#overlay.lookup(directory, name);
      if (inode.type === "symlink" && (follow || ahead.length > 0)) {
        const target = yield* this.readlink(inode);
        if (target.endsWith("/")) ahead.push(".");
        ahead.push(...this.#namesOf(target).reverse());
      } else {
        this.#steps.push({ name, inode });
      }
    }
    return this.inode;
  }

  /** Lets a base that is far away fetch all of the way at once, where it is the base's and plain. */
  *#fetchWay(names: readonly string[]): Operation<void> {
    const base = walkingBase(this.#overlay.base);
    const { origin, names: recorded } = this.#last().inode;
    const special = names.findIndex((name) => name === "." || name === "..");
    const way = special < 0 ? names : names.slice(0, special);
    const [first] = way;
    if (!base || origin === undefined || first === undefined || way.length < 2) return;
    if (recorded?.has(first)) return;
    try {
      yield* base.walk(joinBasePath(origin, way.join("/")));
    } catch (error) {
      // What of it is really needed is asked for again, and then the error is told.
      if (!(error instanceof FsError)) throw error;
    }
  }

  /** Steps into `inode`, which is called `name` here. */
  step(name: string, inode: Inode): void {
    this.#steps.push({ name, inode });
  }

  /**
   * The target of the symlink `inode`, counted as one link followed on this way.
   * @throws ELOOP there were too many
   */
  *readlink(inode: Inode): Operation<string> {
    this.#links += 1;
    if (this.#links > maxLinks) throw new FsError("ELOOP");
    return yield* this.#overlay.readlink(inode);
  }

  /** The names in `path`; where it begins with "/", the way begins again at the root. */
  #namesOf(path: string): string[] {
    if (path === "") throw new FsError("ENOENT");
    if (isTooLong(path)) throw new FsError("ENAMETOOLONG");
    if (path.startsWith("/")) this.#steps.length = 1;
    return path.split("/").filter((name) => name !== "");
  }

  #last() {
    const step = this.#steps.at(-1);
    if (!step) throw new Error("bug: a walk lost its root");
    return step;
  }
}

/** What `path` leads to. */
export function* find(overlay: ReadableOverlay, path: string, follow: boolean): Operation<Inode> {
  return yield* new Walk(overlay).go(path, follow);
}

/** Where the last name of `path` is or would be. */
export function* locate(overlay: ReadableOverlay, path: string): Operation<Place> {
  return yield* new Walk(overlay).goToParent(path);
}

/** What `name` in `parent` means, or undefined if it means nothing. */
export function* lookupIfAny(
  overlay: ReadableOverlay,
  parent: Inode,
  name: string,
): Operation<Inode | undefined> {
  try {
    return yield* overlay.lookup(parent, name);
  } catch (error) {
    if (error instanceof FsError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** `name` in the directory `path`, as a path. */
export function join(path: string, name: string): string {
  return path.endsWith("/") ? path + name : `${path}/${name}`;
}

function isTooLong(path: string): boolean {
  // One UTF-16 unit is at most three bytes of UTF-8.
  if (path.length * 3 < maxPathLength) return false;
  return new TextEncoder().encode(path).length >= maxPathLength;
}
