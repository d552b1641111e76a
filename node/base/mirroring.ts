/**
 * Copies a base into a directory that is empty or not there: files, directories, symlinks, hard links, with their times and
 * permissions. What it writes is not trusted: every name is checked, nothing is written through a symlink, and
 * permissions that would lend a file its owner's or group's rights are dropped. What a directory cannot take is left out.
 */
import {
  chmodSync,
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import {
  type Base,
  type BaseNode,
  chunkBytes,
  FsError,
  flawOfName,
  isErrorCode,
  maxEntries,
  run,
} from "../../src/index.ts";
import { type IndexProgress, isOfIndex } from "./indexing.ts";
import { type LeftOut, placeAt } from "./tree-walk.ts";

/** The longest path that is followed, as of the kernel's. */
const maxPathLength = 4096;
/** Files that are fetched at a time: as many as connections are made. */
const atOnce = 6;

/**
 * Writes all of `base` into `directory`, and returns what had to be left out.
 * @throws EEXIST, ENOTDIR there is something at `directory` already
 * @throws EIO, ESTALE, ENOSPC … the base cannot be read, or the directory not written; what was written stays
 */
export async function mirrorTree(
  base: Base,
  directory: string,
  progress?: (progress: IndexProgress) => void,
): Promise<readonly LeftOut[]> {
  try {
    mkdirSync(directory, { recursive: true });
    if (readdirSync(directory).length > 0) {
      const reason = "it is not empty; give a directory that is, or that does not exist";
      throw new FsError("EEXIST", { syscall: "index", path: directory, reason });
    }
    const { nodes, leftOut } = await treeOf(base);
    const directories = nodes.filter(({ type }) => type === "directory");
    for (const { path } of directories) if (path !== "") mkdirSync(placeAt(directory, path));
    const links = await writeFiles(base, directory, nodes, progress);
    for (const [path, first] of links)
      linkSync(placeAt(directory, first), placeAt(directory, path));
    // Last, so that no name above leads through one of them.
    for (const node of nodes.filter(({ type }) => type === "symlink")) {
      symlinkSync(node.target ?? "", placeAt(directory, node.path));
      setTimes(placeAt(directory, node.path), node);
    }
    for (const node of directories.toReversed()) finish(placeAt(directory, node.path), node);
    return leftOut;
  } catch (error) {
    throw translated(error, directory);
  }
}

/** Everything in `base`, directories before what is in them. */
async function treeOf(base: Base): Promise<{ nodes: BaseNode[]; leftOut: LeftOut[] }> {
  const root = await run(base.lookup(""));
  if (!root) throw new FsError("ENOENT", { path: base.locator });
  const nodes = [root];
  const leftOut: LeftOut[] = [];
  for (const { type, path } of nodes) {
    if (type !== "directory") continue;
    if (path.length > maxPathLength) throw endless(base, path);
    for (const { name, node: listed } of await run(base.list(path))) {
      // The index that lies beside the files is not one of them; the copy gets one of its own.
      if (path === "" && isOfIndex(name)) continue;
      const flaw = flawOfName(name);
      if (flaw !== undefined) throw new FsError("EIO", { path: listed.path, reason: flaw });
      const isTold = base.capabilities.listing !== "names" || listed.type === "directory";
      const node = isTold ? listed : await run(base.lookup(listed.path));
      if (!node) leftOut.push({ path: listed.path, why: "it is listed, but not there" });
      else if (["file", "directory", "symlink"].includes(node.type)) nodes.push(node);
      else leftOut.push({ path: node.path, why: "it is a special file (fifo, socket or device)" });
    }
    if (nodes.length + leftOut.length > maxEntries) throw endless(base, path);
  }
  return { nodes, leftOut };
}

/** A server may make up directories in directories for as long as somebody asks. */
function endless(base: Base, path: string): FsError {
  const reason = `${base.locator} goes deeper, or has more entries, than a base can`;
  return new FsError("EFBIG", { syscall: "index", path, reason });
}

/** Writes the files, those with several names once; returns the other names, with the one that is written. */
async function writeFiles(
  base: Base,
  directory: string,
  nodes: readonly BaseNode[],
  progress: ((progress: IndexProgress) => void) | undefined,
): Promise<Map<string, string>> {
  const firsts = new Map<string, string>();
  const links = new Map<string, string>();
  const files = nodes.filter((node) => {
    if (node.type !== "file") return false;
    const first = firsts.get(node.identity);
    if (first === undefined) firsts.set(node.identity, node.path);
    else links.set(node.path, first);
    return first === undefined;
  });
  const bytesInAll = files.reduce((sum, { size }) => sum + size, 0);
  const done = { files: 0, bytes: 0 };
  const left = files.values();
  const writer = async (): Promise<void> => {
    for (const node of left) {
      done.bytes += await writeFile(base, node, placeAt(directory, node.path));
      done.files += 1;
      progress?.({ ...done, filesInAll: files.length, bytesInAll });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, writer));
  return links;
}

async function writeFile(base: Base, node: BaseNode, place: string): Promise<number> {
  const file = openSync(place, "wx");
  try {
    const into = new Uint8Array(Math.min(node.size, chunkBytes));
    for (let offset = 0; offset < node.size; ) {
      const wanted = into.subarray(0, Math.min(into.length, node.size - offset));
      const count = await run(base.read(node, offset, wanted));
      if (count === 0) throw new FsError("EIO", { path: node.path, reason: "it ends too early" });
      for (let written = 0; written < count; ) {
        written += writeSync(file, wanted, written, count - written, offset + written);
      }
      offset += count;
    }
  } finally {
    closeSync(file);
  }
  finish(place, node);
  return node.size;
}

function finish(place: string, node: BaseNode): void {
  chmodSync(place, node.mode & 0o777);
  setTimes(place, node);
}

function setTimes(place: string, { mtime }: BaseNode): void {
  // A Date, for Node takes a negative number for "now".
  const { seconds, nanoseconds } = mtime;
  const time = seconds < 0 ? new Date(seconds * 1000) : seconds + nanoseconds / 1e9;
  lutimesSync(place, time, time);
}

function translated(error: unknown, directory: string): unknown {
  if (error instanceof FsError || !(error instanceof Error)) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (!isErrorCode(code)) return error;
  return new FsError(code, { syscall: "index", path: path ?? directory, cause: error });
}
