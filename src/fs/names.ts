/**
 * The system calls that change names and nothing else, as operations over an overlay, like those of system-calls.ts.
 * Loaded when the first one is asked for.
 */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import type { OverlayFiles } from "../overlay/files.ts";
import type { Inode } from "../overlay/inode.ts";
import { type Context, make } from "../overlay/make.ts";
import * as namespace from "../overlay/namespace.ts";
import { find, isSpecial, locate, lookupIfAny, type Place, Walk } from "./path.ts";

export function* mkdir(
  overlay: OverlayFiles,
  path: string,
  mode: number,
  context: Context,
): Operation<void> {
  const place = yield* locate(overlay, path);
  if (isSpecial(place)) throw new FsError("EEXIST");
  yield* makeDirectory(overlay, place.parent, place.name, mode, context);
}

/** Makes `path` and what is missing on the way to it; returns the first directory it made, if any. */
export function* mkdirs(
  overlay: OverlayFiles,
  path: string,
  mode: number,
  context: Context,
): Operation<string | undefined> {
  const names = path.split("/").filter((name) => name !== "");
  if (path === "") throw new FsError("ENOENT");
  const walk = new Walk(overlay);
  let first: string | undefined;
  for (let at = 0; at < names.length; ) {
    const name = names[at] as string;
    if (yield* isMissing(overlay, walk.inode, name)) {
      try {
        walk.step(name, yield* makeDirectory(overlay, walk.inode, name, mode, context));
      } catch (error) {
        // Somebody else made it meanwhile: look again.
        if (error instanceof FsError && error.code === "EEXIST") continue;
        throw error;
      }
      first ??= `/${names.slice(0, at + 1).join("/")}`;
    } else {
      const reached = yield* walk.go(name, true);
      const isLast = at === names.length - 1;
      if (reached.type !== "directory") throw new FsError(isLast ? "EEXIST" : "ENOTDIR");
    }
    at += 1;
  }
  return first;
}

function makeDirectory(
  { layers }: OverlayFiles,
  parent: Inode,
  name: string,
  mode: number,
  context: Context,
): Operation<Inode> {
  return make(layers, parent, name, { type: "directory", mode }, context);
}

function* isMissing(overlay: OverlayFiles, parent: Inode, name: string): Operation<boolean> {
  if (name === "." || name === "..") return false;
  return (yield* lookupIfAny(overlay, parent, name)) === undefined;
}

/** Makes a directory called `prefix` and six letters more; returns its path. */
export function* mkdtemp(
  overlay: OverlayFiles,
  prefix: string,
  context: Context,
): Operation<string> {
  for (;;) {
    const path = prefix + randomLetters(6);
    try {
      yield* mkdir(overlay, path, 0o700, context);
      return path;
    } catch (error) {
      if (!(error instanceof FsError && error.code === "EEXIST")) throw error;
    }
  }
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function randomLetters(count: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => letters.charAt(byte % letters.length)).join("");
}

export function* unlink(overlay: OverlayFiles, path: string): Operation<void> {
  const place = yield* locate(overlay, path);
  if (isSpecial(place)) throw new FsError("EISDIR");
  if (place.slash) {
    const inode = yield* overlay.lookup(place.parent, place.name);
    throw new FsError(inode.type === "directory" ? "EISDIR" : "ENOTDIR");
  }
  yield* namespace.unlink(overlay.layers, place.parent, place.name);
}

export function* rmdir(overlay: OverlayFiles, path: string): Operation<void> {
  const place = yield* locate(overlay, path);
  if (place.name === "") throw new FsError("EBUSY");
  if (place.name === ".") throw new FsError("EINVAL");
  if (place.name === "..") throw new FsError("ENOTEMPTY");
  yield* namespace.rmdir(overlay.layers, place.parent, place.name);
}

export function* rename(overlay: OverlayFiles, from: string, to: string): Operation<void> {
  const source = yield* locate(overlay, from);
  const target = yield* locate(overlay, to);
  if (isSpecial(source) || isSpecial(target)) throw new FsError("EBUSY");
  if (source.slash || target.slash) {
    const inode = yield* overlay.lookup(source.parent, source.name);
    if (inode.type !== "directory") throw new FsError("ENOTDIR");
  }
  yield* namespace.rename(
    overlay.layers,
    source.parent,
    source.name,
    target.parent,
    target.name,
    {},
  );
}

export function* link(overlay: OverlayFiles, from: string, to: string): Operation<void> {
  const inode = yield* find(overlay, from, false);
  const place = yield* locateNew(overlay, to);
  if (inode.type === "directory") throw new FsError("EPERM");
  yield* namespace.link(overlay.layers, inode, place.parent, place.name);
}

export function* symlink(
  overlay: OverlayFiles,
  target: string,
  path: string,
  context: Context,
): Operation<void> {
  if (target === "") throw new FsError("ENOENT");
  const place = yield* locateNew(overlay, path);
  yield* namespace.symlink(overlay.layers, place.parent, place.name, target, context);
}

/** Where something that is no directory can be made. */
function* locateNew(overlay: OverlayFiles, path: string): Operation<Place> {
  const place = yield* locate(overlay, path);
  if (isSpecial(place)) throw new FsError("EEXIST");
  if (yield* lookupIfAny(overlay, place.parent, place.name)) throw new FsError("EEXIST");
  if (place.slash) throw new FsError("ENOENT");
  return place;
}
