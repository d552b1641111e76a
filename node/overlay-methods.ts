/**
 * What can be asked of an overlay from outside, by name and with plain data: the command line asks its owner over the
 * control socket while it is mounted, and calls the same functions itself when it is not.
 */
import {
  type Change,
  type FileType,
  FsError,
  type Inode,
  type KeptPart,
  keptPart,
  type Operation,
  type Overlay,
  parentOfBasePath,
  type Superblock,
} from "../src/index.ts";

/** Files larger than this are told apart by size and bytes only, and not shown. In bytes. */
const largestShown = 4 * 1024 * 1024;

/** One side of a path: what the base has there, or what the overlay has. */
export interface Side {
  /** Where it is: a path of the base, or of the overlay. */
  readonly path: string;
  readonly type: FileType;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of a file. */
  readonly size: number;
  /** Target of a symlink. */
  readonly target?: string;
  /** Bytes of a file of at most `largestShown`, in base64. */
  readonly data?: string;
}

/** Both sides of a change. */
export interface Sides {
  readonly before?: Side;
  readonly after?: Side;
}

/** What lies over what. */
export interface OwnerInfo {
  readonly base: {
    readonly locator: string;
    readonly identity: string;
    /** The identity when the storage was open last, if it was another one. */
    readonly was?: string;
    /** There was no network when it was opened. */
    readonly kept?: KeptPart;
    /** The identity of what is published there by now, where somebody asks and it is another one. */
    readonly newer?: string;
  };
  readonly superblock: Superblock;
  readonly readOnly: boolean;
}

/** What lies over what in `overlay`. */
export function infoOf({ base, baseWas: was, superblock, readOnly }: Overlay): OwnerInfo {
  const { locator, identity } = base;
  const kept = keptPart(base);
  return {
    base: { locator, identity, ...(was !== undefined && { was }), ...(kept && { kept }) },
    superblock,
    readOnly,
  };
}

/** What to tell of a base besides where it is: sentences without a full stop. */
export function notesOn({ locator, kept, newer }: OwnerInfo["base"]): string[] {
  const notes: string[] = [];
  if (kept) {
    const since = new Date(kept.fetched_ms).toISOString();
    notes.push(
      `offline: ${locator} is as it was fetched last, at ${since}, for ${kept.reason}; ` +
        "what was read before, or fetched by `minifo prefetch`, can be read",
    );
  }
  if (newer !== undefined) notes.push(`the base ${locator} has moved; remount to follow it`);
  return notes;
}

/** What differs from the base. */
export interface Status {
  readonly base: string;
  /** What else is to be told of the base. */
  readonly notes: readonly string[];
  readonly changes: readonly Change[];
}

/** What differs from the base, and where that is. */
export function* status(overlay: Overlay): Operation<Status> {
  const { base } = infoOf(overlay);
  return { base: base.locator, notes: notesOn(base), changes: yield* overlay.changes() };
}

/**
 * Both sides of a change.
 * @throws EIO the base's side cannot be read
 */
export function* sides(overlay: Overlay, change: Change): Operation<Sides> {
  const before = yield* baseSide(overlay, change);
  const after = change.state === "deleted" ? undefined : yield* overlaySide(overlay, change.path);
  return { ...(before && { before }), ...(after && { after }) };
}

function* baseSide(overlay: Overlay, change: Change): Operation<Side | undefined> {
  const { state, from, path, linkTo } = change;
  if (state === "created" && linkTo === undefined) return undefined;
  const node = yield* overlay.base.lookup(from ?? linkTo ?? (yield* originOf(overlay, path)));
  if (!node) return undefined;
  const { path: origin, type, mode, size, target } = node;
  const side = { path: origin, type, mode, size, ...(target !== undefined && { target }) };
  if (type !== "file" || size > largestShown) return side;
  const bytes = new Uint8Array(size);
  const length = yield* overlay.base.read(node, 0, bytes);
  return { ...side, data: base64(bytes.subarray(0, length)) };
}

/** Where the base has what stands at `path` unmoved: under its directory's origin. */
function* originOf(overlay: Overlay, path: string): Operation<string> {
  const directory = parentOfBasePath(path);
  if (directory === undefined) return "";
  const { origin } = yield* find(overlay, directory);
  const name = directory === "" ? path : path.slice(directory.length + 1);
  return origin === undefined || origin === "" ? name : `${origin}/${name}`;
}

function* overlaySide(overlay: Overlay, path: string): Operation<Side> {
  const inode = yield* find(overlay, path);
  const { type, mode, size } = yield* overlay.getattr(inode);
  const side = { path, type, mode: mode & 0o7777, size };
  if (type === "symlink") return { ...side, target: yield* overlay.readlink(inode) };
  if (type !== "file" || size > largestShown) return side;
  const handle = yield* overlay.open(inode, { read: true });
  try {
    const bytes = new Uint8Array(size);
    const length = yield* overlay.read(handle, 0, bytes);
    return { ...side, data: base64(bytes.subarray(0, length)) };
  } finally {
    yield* overlay.release(handle);
  }
}

/** The inode at an overlay path; symlinks are not followed. */
function* find(overlay: Overlay, path: string): Operation<Inode> {
  let inode = overlay.root;
  try {
    for (const name of path === "" ? [] : path.split("/")) {
      inode = yield* overlay.lookup(inode, name);
    }
  } catch (error) {
    throw error instanceof FsError ? error.at({ path }) : error;
  }
  return inode;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
