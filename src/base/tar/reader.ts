/**
 * A tar on an HTTP server as base. A plain one is walked once, from header to header, and its files are read by ranges
 * ever after; a gzipped one (an OCI layer, a .tgz) has no places to jump to, so it is fetched and inflated whole, in
 * memory. What was fetched for that may be kept for the next opening, which is then the fetcher's matter. A layer is shown
 * as the archive that it is: whiteouts are files with their names.
 */
import { FsError } from "../../errno.ts";
import { type Operation, waitFor } from "../../operation.ts";
import type { Base, BaseCapabilities, BaseEntry, BaseNode } from "../base.ts";
import { ObjectCache } from "../cache.ts";
import { EntryTree, plainPath, type TreeEntry } from "../entry-tree.ts";
import type { FetchedObject, Fetcher, ResourceVersion } from "../fetcher.ts";
import { chunkBytes } from "../manifest/format.ts";
import { flawOfTarget } from "../manifest/names.ts";
import { type Resource, ResourceReader } from "../resource.ts";
import { nameOfVersion, versionOf } from "../resource-version.ts";
import { TarFlaw, type TarMember, TarScanner } from "./headers.ts";

/** The most bytes a gzipped tar may have, inflated: it is held in memory. */
const maxInflatedBytes = 512 * chunkBytes;

export interface TarBaseOptions {
  /** The URL of the tar. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  /** The file's first bytes, where somebody fetched them already to see what it is. */
  readonly start?: FetchedObject;
  /** Bytes of contents kept in memory; default 32 MiB. */
  readonly cacheBytes?: number;
}

/** Where the bytes of an archive come from. */
interface ArchiveBytes {
  readonly size: number;
  readonly identity: string;
  /** Fills `into` from byte `at` of the archive on. */
  read(at: number, into: Uint8Array): Operation<void>;
}

/**
 * Opens the tar at `url`.
 * @throws EPROTO it is no tar, or a damaged one; the reason says how
 * @throws EFBIG it has more members than a base can have, or is gzipped and too large to be held in memory
 * @throws ENOENT, EACCES, EIO, ESTALE as `Fetcher.get`
 */
export function* openTarBase(options: TarBaseOptions): Operation<Base> {
  const { url, fetcher } = options;
  const start =
    options.start ?? (yield* waitFor(fetcher.get({ url, part: "start", maxBytes: blockOfStart })));
  const isGzipped = start.bytes[0] === 0x1f && start.bytes[1] === 0x8b;
  const archive = isGzipped
    ? yield* inflatedArchive(url, versionOf(start), fetcher)
    : rangedArchive(
        url,
        start,
        new ResourceReader(fetcher, new ObjectCache(options.cacheBytes), { ofArchive: true }),
      );
  try {
    const scanner = new TarScanner(archive.size);
    yield* scan(scanner, archive);
    const { members, unnamed } = scanner;
    const legal = members.filter(({ target }) => target === undefined || !flawOfTarget(target));
    const tree = new EntryTree(entriesOf(legal), unnamed + members.length - legal.length);
    const { etag, lastModified } = versionOf(start);
    const isPinned = isGzipped || etag !== undefined || lastModified !== undefined;
    return new TarBase(url, archive, tree, isPinned, fetcher);
  } catch (error) {
    if (!(error instanceof TarFlaw)) throw error;
    const reason = `the tar ${url} is refused: ${error.message}`;
    throw new FsError("EPROTO", { syscall: "open", reason, cause: error });
  }
}

/** Bytes that show whether it is gzipped, and how large it is. */
const blockOfStart = 512;

function* inflatedArchive(
  url: string,
  version: ResourceVersion,
  fetcher: Fetcher,
): Operation<ArchiveBytes> {
  const packing = { method: "gzip", size: maxInflatedBytes } as const;
  const { bytes, sha256 } = yield* waitFor(
    fetcher.get({ url, maxBytes: maxInflatedBytes, packing, version, ofArchive: true }),
  );
  return {
    size: bytes.length,
    identity: `tar:${sha256}`,
    *read(at, into) {
      into.set(bytes.subarray(at, at + into.length));
    },
  };
}

function rangedArchive(url: string, start: FetchedObject, reader: ResourceReader): ArchiveBytes {
  const { size } = start;
  if (size === undefined) {
    const reason = `the tar ${url} cannot be read by ranges: its server does not tell how long it is`;
    throw new FsError("EPROTO", { syscall: "open", reason });
  }
  const resource: Resource = { url, size, version: versionOf(start) };
  return {
    size,
    identity: `tar:${start.sha256}:${nameOfVersion(resource.version)}`,
    *read(at, into) {
      yield* reader.read(resource, at, into);
    },
  };
}

/** Walks from header to header; contents are stepped over. */
function* scan(scanner: TarScanner, archive: ArchiveBytes): Operation<void> {
  for (let need = scanner.need; need; need = scanner.need) {
    const bytes = new Uint8Array(Math.min(need.length, archive.size - need.at));
    yield* archive.read(need.at, bytes);
    scanner.take(bytes);
  }
}

function* entriesOf(members: readonly TarMember[]): Generator<TreeEntry<TarMember>> {
  /** What each name that is a link means in the end. */
  const ends = new Map<string, string>();
  for (const member of members) {
    const { name, linkTo, uid, gid, rdev, mtime, size, target, xattrs } = member;
    const path = name.startsWith("/") ? name : plainPath(name);
    const linked = linkTo === undefined ? undefined : plainPath(linkTo);
    const end = linked === undefined ? undefined : (ends.get(linked) ?? linked);
    if (end === undefined) ends.delete(path);
    else ends.set(path, end);
    yield {
      path,
      type: member.type,
      mode: member.mode,
      uid,
      gid,
      ...(rdev !== undefined && { rdev }),
      mtime,
      size: target === undefined ? size : new TextEncoder().encode(target).length,
      ...(target !== undefined && { target }),
      ...(xattrs !== undefined && { xattrs }),
      ...(end !== undefined && { linkTo: end }),
      signature: `${size}:${mtime.seconds}.${mtime.nanoseconds}`,
      content: member,
    };
  }
}

class TarBase implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities;
  readonly omitted: number;
  readonly #archive: ArchiveBytes;
  readonly #tree: EntryTree<TarMember>;
  readonly #fetcher: Fetcher;

  constructor(
    url: string,
    archive: ArchiveBytes,
    tree: EntryTree<TarMember>,
    isPinned: boolean,
    fetcher: Fetcher,
  ) {
    this.locator = url;
    this.identity = archive.identity;
    this.capabilities = { integrity: isPinned ? "etag" : "none", snapshot: true };
    this.omitted = tree.omitted;
    this.#archive = archive;
    this.#tree = tree;
    this.#fetcher = fetcher;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    return this.#tree.node(path);
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    return this.#tree.list(path);
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path } = node;
    const entry = this.#tree.entry(path);
    if (entry?.type !== "file" || entry.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    const { offset: start, size, isSparse } = entry.content;
    if (isSparse) {
      const reason =
        "it is stored as a sparse file, which minifo does not read; unpack the tar and use `minifo index`";
      throw new FsError("EOPNOTSUPP", { syscall: "read", path, reason });
    }
    const length = Math.max(0, Math.min(into.length, size - offset));
    if (length === 0) return 0;
    try {
      yield* this.#archive.read(start + offset, into.subarray(0, length));
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      // The archive was there when it was opened: without it its files are not gone but changed under us.
      const code = error.code === "ENOENT" ? "ESTALE" : error.code;
      throw new FsError(code, { ...error.details(), syscall: "read", path, cause: error });
    }
    return length;
  }

  *close(): Operation<void> {
    this.#fetcher.close();
  }
}
