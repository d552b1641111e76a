/**
 * The read-only side: the interface of what an overlay lies over. Drivers stack: HTTP → verify → cache → manifest, or a
 * local directory, or memory. A driver knows paths and bytes; it knows nothing of the overlay.
 * Base paths are relative, with `/` between names and none at the ends; "" is the root.
 */
import type { FileType, Time } from "../attributes.ts";
import type { Operation } from "../operation.ts";
import type { KeptPart, ObjectRequest } from "./fetcher.ts";

/** An object of the base, as the base tells it. */
export interface BaseNode {
  /** The path by which it was found. */
  readonly path: string;
  readonly type: FileType;
  /** Permission bits, without the type. */
  readonly mode: number;
  /** Owners, where the base states them. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime: Time;
  /** Bytes of a file, length of a symlink's target, anything for other types. */
  readonly size: number;
  /** Names of this object in the base; 2 + subdirectories for a directory. */
  readonly nlink: number;
  readonly rdev?: number;
  /** Target of a symlink. */
  readonly target?: string;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /**
   * Equal for names of the same object, different for different objects, stable over a republished base:
   * `path:` and the base path, or `link:` and the link group for objects with several names.
   */
  readonly identity: string;
  /** Changes whenever the content may have changed: made of size, mtime, content hash, whatever there is. */
  readonly signature: string;
}

/** A name in a directory of the base with the object it means. */
export interface BaseEntry {
  readonly name: string;
  readonly node: BaseNode;
}

/** What a base can promise. */
export interface BaseCapabilities {
  /** What every byte is checked against before it is used. */
  readonly integrity: "sha256" | "etag" | "none";
  /** Whether the whole tree is of one moment (true), or files may change one by one while it is used. */
  readonly snapshot: boolean;
  /**
   * What `list` is certain of: `"whole"`, all that `lookup` tells; `"names"`, names, types and identities only, because
   * everything else costs a request for each object. Absent: `"whole"`.
   */
  readonly listing?: "whole" | "names";
}

/** A read-only tree. */
export interface Base {
  /** Where it is: a URL, or the absolute path of a directory. */
  readonly locator: string;
  /** Names this version of this tree; another identity means the base moved. */
  readonly identity: string;
  readonly capabilities: BaseCapabilities;
  /** Names that had to be left out because they are no valid UTF-8 or otherwise illegal. */
  readonly omitted: number;
  /**
   * The object at `path`, or null: an authoritative "there is none". Symlinks are not followed.
   * @throws EIO it could not be found out
   */
  lookup(path: string): Operation<BaseNode | null>;
  /**
   * All entries of the directory at `path`, in no particular order.
   * @throws ENOENT, ENOTDIR there is no such directory
   * @throws EIO it could not be found out
   */
  list(path: string): Operation<readonly BaseEntry[]>;
  /**
   * Fills `into` with the bytes of the file `node` from `offset` on and returns how many there were: fewer than asked
   * for only at the end of the file. Bytes are verified as far as `capabilities` says, before they are given.
   * @throws EIO unreachable, or what came was wrong; nothing is remembered of the failure, the next call tries again
   * @throws ESTALE the file is no longer what `node.signature` says
   */
  read(node: BaseNode, offset: number, into: Uint8Array): Operation<number>;
  close(): Operation<void>;
}

/** A file as a base once had it: to be read from `base`, which may be another one. */
export interface PastFile {
  readonly base: Base;
  readonly node: BaseNode;
}

/** What a base can do beside that still has what it published before. */
export interface RememberingBase {
  /**
   * The file at `path` as it was when its signature was `signature`, or null if that is not to be had any more.
   * @throws EIO it could not be found out
   */
  past(path: string, signature: string): Operation<PastFile | null>;
}

/** The file of `base` at `path` as it was with `signature`, or null if the base does not have it any more. */
export function* pastFile(
  base: Base,
  path: string,
  signature: string | undefined,
): Operation<PastFile | null> {
  if (signature === undefined || !("past" in base)) return null;
  return yield* (base as RememberingBase & Base).past(path, signature);
}

/** What a base can do beside that is far away: fetch all of a way in one go. */
export interface WalkingBase {
  /**
   * The objects on the way to `path`, its first component first, as far as they exist; what they need is fetched side by
   * side, so that looking them up one after the other fetches nothing more.
   * @throws EIO it could not be found out
   */
  walk(path: string): Operation<readonly BaseNode[]>;
}

/** `base`, if it can walk; the others are as fast name by name. */
export function walkingBase(base: Base): WalkingBase | undefined {
  return "walk" in base && typeof base.walk === "function"
    ? (base as WalkingBase & Base)
    : undefined;
}

/** What a base can do beside that is published anew from time to time. */
export interface PollingBase {
  /**
   * Asks whether something else than this base is published there by now: its identity, or null if this still is. The base
   * itself stays what it is.
   * @throws EIO, EPROTO it could not be found out
   */
  poll(): Operation<string | null>;
}

/** `base`, if it can be asked. */
export function pollingBase(base: Base): PollingBase | undefined {
  return "poll" in base && typeof base.poll === "function"
    ? (base as PollingBase & Base)
    : undefined;
}

/** What a base can tell beside that may have been opened without a network. */
export interface KeptBase {
  /** Undefined: the network was there when it was opened. */
  readonly kept: KeptPart | undefined;
}

/** What `base` was opened from, if there was no network. */
export function keptPart(base: Base): KeptPart | undefined {
  return "kept" in base ? (base as KeptBase & Base).kept : undefined;
}

/** What a base can do beside whose contents are objects that digests vouch for: have them fetched to be kept. */
export interface ObjectBase {
  /**
   * What has to be fetched for all of the file `node`, each on its own; one object may serve many files.
   * @throws EIO it could not be found out
   */
  requestsOf(node: BaseNode): Operation<readonly ObjectRequest[]>;
  /** Sends one of these. @throws as `Fetcher.get` */
  fetch(request: ObjectRequest): Operation<void>;
}

/** `base`, if its contents are such objects. */
export function objectBase(base: Base): ObjectBase | undefined {
  return "requestsOf" in base && typeof base.requestsOf === "function"
    ? (base as ObjectBase & Base)
    : undefined;
}

/** The base path of `name` in the directory at base path `directory`. */
export function joinBasePath(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** The base path of the directory that `path` lies in; undefined for the root. */
export function parentOfBasePath(path: string): string | undefined {
  if (path === "") return undefined;
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The identity of an object that has one name in the base, and of every directory. See `BaseNode.identity`. */
export function pathIdentity(path: string): string {
  return `path:${path}`;
}
