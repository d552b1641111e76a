/**
 * Walks a local directory for `minifo index`: what there is, what it is, and what a manifest cannot hold. Only metadata;
 * no symlink is followed, and nothing of the contents is read.
 */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { flawOfName, flawOfTarget, joinBasePath } from "../../src/index.ts";

/** An object that goes into the manifest. */
export interface FoundObject {
  /** Base path. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly stat: BigIntStats;
  readonly target?: string;
}

/** Something that does not, and why. */
export interface LeftOut {
  /** Base path; bytes of a name that are no UTF-8 stand as U+FFFD. */
  readonly path: string;
  readonly why: string;
}

/**
 * What a walk found: the root, then what is in it, then what is in its first subdirectory, and so on, siblings by UTF-16
 * code units: the order in which a manifest holds them.
 */
export interface FoundTree {
  readonly objects: readonly FoundObject[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Everything at and below `root`, but for what `skip` says of the root's own names. Throws Node's error if the root
 * or a directory in it cannot be read.
 */
export function walkTree(root: string, skip: (name: string) => boolean): FoundTree {
  const objects: FoundObject[] = [];
  const leftOut: LeftOut[] = [];
  objects.push({ path: "", type: "directory", stat: lstatSync(root, { bigint: true }) });
  const toVisit = [""];
  for (let directory = toVisit.pop(); directory !== undefined; directory = toVisit.pop()) {
    const subdirectories: string[] = [];
    for (const { name, bytes } of namesIn(placeAt(root, directory))) {
      if (directory === "" && skip(name)) continue;
      const path = joinBasePath(directory, name);
      const flaw = Buffer.from(name).equals(bytes) ? flawOfName(name) : "its name is no UTF-8";
      if (flaw !== undefined) {
        leftOut.push({ path, why: flaw });
        continue;
      }
      const object = lookAt(root, path);
      if ("why" in object) leftOut.push(object);
      else {
        objects.push(object);
        if (object.type === "directory") subdirectories.push(path);
      }
    }
    for (const path of subdirectories.reverse()) toVisit.push(path);
  }
  return { objects, leftOut };
}

function namesIn(directory: string): { name: string; bytes: Buffer }[] {
  return readdirSync(directory, { encoding: "buffer" })
    .map((bytes) => ({ name: bytes.toString("utf8"), bytes }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Where the object at base path `path` lies on this machine. */
export function placeAt(root: string, path: string): string {
  return path === "" ? root : `${root}/${path}`;
}

function lookAt(root: string, path: string): FoundObject | LeftOut {
  const place = placeAt(root, path);
  const stat = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (!stat) return { path, why: "it vanished while the tree was walked" };
  if (stat.isFile()) return { path, type: "file", stat };
  if (stat.isDirectory()) return { path, type: "directory", stat };
  if (!stat.isSymbolicLink()) return { path, why: "it is a special file (fifo, socket or device)" };
  const bytes = readlinkSync(place, { encoding: "buffer" });
  const target = bytes.toString("utf8");
  const flaw = Buffer.from(target).equals(bytes) ? flawOfTarget(target) : "its target is no UTF-8";
  return flaw === undefined ? { path, type: "symlink", stat, target } : { path, why: flaw };
}
