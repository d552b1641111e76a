/**
 * A zip on an HTTP server as base, read by ranges: the central directory opens it, with one request or two, and each
 * member costs one more, which brings its packed bytes and nothing else. Members that are stored and larger than
 * 1 MiB are read in chunks; all others come whole and are held to their CRC-32.
 */
import { FsError } from "../../errno.ts";
import { all, type Operation, waitFor } from "../../operation.ts";
import type { Base, BaseCapabilities, BaseEntry, BaseNode } from "../base.ts";
import { ObjectCache } from "../cache.ts";
import { EntryTree, plainPath, type TreeEntry } from "../entry-tree.ts";
import type { FetchedObject, Fetcher, Packing } from "../fetcher.ts";
import { chunkBytes } from "../manifest/format.ts";
import { flawOfTarget } from "../manifest/names.ts";
import { maxWhole, type Resource, ResourceReader } from "../resource.ts";
import { versionOf } from "../resource-version.ts";
import { localHeaderBytes, zipMemberStart } from "../unpack.ts";
import {
  findDirectory,
  longestEnd,
  readDirectory,
  ZipFlaw,
  type ZipMember,
} from "./central-directory.ts";

/** The most bytes of a central directory that are read: two million members fill some 200 MiB. */
const maxDirectoryBytes = 256 * chunkBytes;
/** The most bytes a deflated member may have: it is inflated whole, in memory. */
const maxInflatedBytes = 512 * chunkBytes;
/** The longest name and extra field that a local header can have together. */
const longestLocalFields = 2 * 0xffff;

export interface ZipBaseOptions {
  /** The URL of the zip. */
  readonly url: string;
  /** Belongs to the base from now on, which closes it in the end. */
  readonly fetcher: Fetcher;
  /** The file's first bytes, where somebody fetched them already to see what it is. */
  readonly start?: FetchedObject;
  /** Bytes of contents kept in memory; default 64 MiB. One member is always kept, however large. */
  readonly cacheBytes?: number;
}

/** A member with what is behind it. */
interface Content {
  readonly member: ZipMember;
  /** Where the next member or the central directory begins. */
  readonly end: number;
}

/** Bytes of the beginning that are fetched to see what a file is, and that may be all of it. */
export const startBytes = 64 * 1024;

/**
 * Opens the zip at `url`.
 * @throws EPROTO it is no zip, or a damaged one; the reason says how
 * @throws EFBIG it has more members than a base can have
 * @throws ENOENT, EACCES, EIO, ESTALE as `Fetcher.get`
 */
export function* openZipBase(options: ZipBaseOptions): Operation<Base> {
  const { url, fetcher, cacheBytes = 64 * chunkBytes } = options;
  const start =
    options.start ?? (yield* waitFor(fetcher.get({ url, part: "start", maxBytes: startBytes })));
  const { size } = start;
  if (size === undefined) {
    throw badZip(url, "cannot be read by ranges: its server does not tell how long it is");
  }
  const resource: Resource = { url, size, version: versionOf(start) };
  const reader = new ResourceReader(fetcher, new ObjectCache(cacheBytes));
  const range = function* (offset: number, length: number): Operation<FetchedObject> {
    if (offset + length <= start.bytes.length) {
      return { ...start, bytes: start.bytes.slice(offset, offset + length) };
    }
    return yield* waitFor(
      fetcher.get({
        url,
        range: { offset, length, size },
        maxBytes: Math.max(length, Math.min(size, maxWhole)),
        version: resource.version,
        ofArchive: true,
      }),
    );
  };
  try {
    // A directory takes some 100 bytes for a member of a few KiB: so it mostly lies in the last part that is asked for.
    const tailBytes = Math.min(size, Math.max(longestEnd, Math.min(chunkBytes, size >> 5)));
    const tail = yield* range(size - tailBytes, tailBytes);
    const place = findDirectory(tail.bytes, size);
    if (place.length > maxDirectoryBytes) throw new ZipFlaw("its central directory is too large");
    let directory = tail;
    let at = place.offset - (size - tailBytes);
    if (at < 0) {
      directory = yield* range(place.offset, place.length);
      at = 0;
    }
    const { members, unnamed } = readDirectory(
      directory.bytes.subarray(at, at + place.length),
      place,
    );
    const tree = new EntryTree(entriesOf(members, place.offset), unnamed);
    const identity = `zip:${size}:${tail.sha256}${directory === tail ? "" : `:${directory.sha256}`}`;
    return new ZipBase(resource, identity, tree, reader, fetcher);
  } catch (error) {
    if (!(error instanceof ZipFlaw)) throw error;
    throw badZip(url, `is refused: ${error.message}`, error);
  }
}

function badZip(url: string, flaw: string, cause?: unknown): FsError {
  return new FsError("EPROTO", { syscall: "open", reason: `the zip ${url} ${flaw}`, cause });
}

function* entriesOf(members: readonly ZipMember[], end: number): Generator<TreeEntry<Content>> {
  const offsets = [...members.map(({ offset }) => offset), end].sort((a, b) => a - b);
  const next = new Map<number, number>();
  offsets.forEach((offset, index) => {
    const behind = offsets[index + 1];
    if (behind !== undefined) next.set(offset, behind);
  });
  for (const member of members) {
    const { name, type, mode, mtime, size, crc32 } = member;
    yield {
      // An absolute path keeps its empty first name, which no tree takes.
      path: name.startsWith("/") ? name : plainPath(name),
      type,
      ...(mode !== undefined && { mode }),
      mtime,
      size,
      signature: `${size}:${mtime.seconds}.${mtime.nanoseconds}:${crc32}`,
      content: { member, end: next.get(member.offset) ?? end },
    };
  }
}

class ZipBase implements Base {
  readonly locator: string;
  readonly identity: string;
  readonly capabilities: BaseCapabilities;
  readonly omitted: number;
  readonly #resource: Resource;
  readonly #tree: EntryTree<Content>;
  readonly #reader: ResourceReader;
  readonly #fetcher: Fetcher;
  readonly #targets = new Map<string, string>();
  /** Where the bytes of large stored members begin, by the offset of their local header. */
  readonly #begins = new Map<number, number>();

  constructor(
    resource: Resource,
    identity: string,
    tree: EntryTree<Content>,
    reader: ResourceReader,
    fetcher: Fetcher,
  ) {
    const { etag, lastModified } = resource.version;
    const isPinned = etag !== undefined || lastModified !== undefined;
    this.locator = resource.url;
    this.identity = identity;
    this.capabilities = { integrity: isPinned ? "etag" : "none", snapshot: true };
    this.omitted = tree.omitted;
    this.#resource = resource;
    this.#tree = tree;
    this.#reader = reader;
    this.#fetcher = fetcher;
  }

  *lookup(path: string): Operation<BaseNode | null> {
    const node = this.#tree.node(path);
    return node && (yield* this.#whole(node));
  }

  *list(path: string): Operation<readonly BaseEntry[]> {
    const entries = this.#tree.list(path);
    if (entries.every(({ node }) => node.type !== "symlink")) return entries;
    const nodes = yield* all(entries.map(({ node }) => this.#whole(node)));
    return entries.map(({ name }, index) => ({ name, node: nodes[index] as BaseNode }));
  }

  *read(node: BaseNode, offset: number, into: Uint8Array): Operation<number> {
    const { path, size } = node;
    const entry = this.#tree.entry(path);
    if (entry?.type !== "file" || entry.signature !== node.signature) {
      throw new FsError("ESTALE", { syscall: "read", path });
    }
    const end = Math.min(size, offset + into.length);
    if (offset >= end) return 0;
    try {
      const { member } = entry.content;
      if (member.method === 0 && !member.isEncrypted && size > chunkBytes) {
        const start = yield* this.#beginOf(entry.content);
        const window = { start, length: size };
        return yield* this.#reader.read(this.#resource, offset, into, window);
      }
      const bytes = yield* this.#bytesOf(entry.content);
      into.set(bytes.subarray(offset, end));
      return end - offset;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      // The archive was there when it was opened: without it its files are not gone but changed under us.
      const code = error.code === "ENOENT" ? "ESTALE" : error.code;
      throw new FsError(code, { ...error.details(), syscall: "read", path, cause: error });
    }
  }

  *close(): Operation<void> {
    this.#fetcher.close();
  }

  /** `node` with its target, which is a symlink's content. */
  *#whole(node: BaseNode): Operation<BaseNode> {
    if (node.type !== "symlink") return node;
    let target = this.#targets.get(node.path);
    if (target === undefined) {
      const entry = this.#tree.entry(node.path) as TreeEntry<Content>;
      if (entry.size > 4095) throw badTarget(node.path, "a symlink's target is too long");
      target = new TextDecoder().decode(yield* this.#bytesOf(entry.content));
      const flaw = flawOfTarget(target);
      if (flaw !== undefined) throw badTarget(node.path, flaw);
      this.#targets.set(node.path, target);
    }
    return { ...node, target };
  }

  /** The unpacked bytes of a member, whole and checked. */
  *#bytesOf({ member, end }: Content): Operation<Uint8Array> {
    const { offset, packedSize, size, crc32 } = member;
    const packing: Packing = { method: methodOf(member), size, crc32, zipMemberBytes: packedSize };
    if (size > maxInflatedBytes) {
      throw new FsError("EFBIG", {
        reason: `a member of ${size} bytes is deflated, and would have to be inflated in memory; unpack the zip and use \`minifo index\``,
      });
    }
    if (size === 0) return new Uint8Array(0);
    const longest = offset + localHeaderBytes + longestLocalFields + packedSize;
    const length = Math.min(end, longest) - offset;
    return yield* this.#reader.bytes(this.#resource, offset, length, packing);
  }

  /** Where the bytes of a stored member begin. */
  *#beginOf({ member }: Content): Operation<number> {
    const { offset, packedSize, size } = member;
    const known = this.#begins.get(offset);
    if (known !== undefined) return known;
    if (packedSize !== size)
      throw new FsError("EIO", { reason: "its sizes contradict each other" });
    const header = yield* this.#reader.bytes(this.#resource, offset, localHeaderBytes);
    const length = zipMemberStart(header);
    if (length === undefined || offset + length + size > this.#resource.size) {
      throw new FsError("EIO", {
        reason: `${this.locator}: there is no member of the zip at byte ${offset}; the archive is damaged`,
      });
    }
    this.#begins.set(offset, offset + length);
    return offset + length;
  }
}

function methodOf({ method, isEncrypted }: ZipMember): Packing["method"] {
  if (isEncrypted) {
    throw new FsError("EOPNOTSUPP", {
      reason: "it is encrypted, and minifo does not decrypt zips; unpack it and use `minifo index`",
    });
  }
  if (method === 0) return "stored";
  if (method === 8) return "deflate-raw";
  throw new FsError("EOPNOTSUPP", {
    reason: `it is compressed by method ${method}, and minifo reads stored and deflated members only; unpack it and use \`minifo index\``,
  });
}

function badTarget(path: string, flaw: string): FsError {
  return new FsError("EIO", { syscall: "readlink", path, reason: flaw });
}
