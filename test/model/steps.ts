/** The steps of the model test: each is drawn at random and taken by the reference and by the overlay alike. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Time } from "../../src/attributes.ts";
import { FsError } from "../../src/errno.ts";
import {
  type AllocationMode,
  type Handle,
  type Inode,
  type Overlay,
  run,
} from "../../src/index.ts";
import { context, type Fixture } from "../overlay/fixture.ts";
import { object, Reference, type ReferenceObject } from "./reference.ts";
import { chunkSize, families, paths } from "./tree.ts";

const offset = fc.oneof(
  fc.nat(3 * chunkSize),
  fc.constantFrom(0, chunkSize - 1, chunkSize, 2 * chunkSize),
);
const written = {
  offset,
  length: fc.integer({ min: 1, max: 2 * chunkSize }),
  byte: fc.integer({ min: 1, max: 255 }),
};
/** So many files are open at once. */
const slots = 3;
const slot = fc.nat(slots - 1);
const xattr = fc.constantFrom("user.base", "user.own", "__proto__");

/** The kinds of steps that change names, at one of `paths`. */
function nameStepsAt(paths: readonly string[]) {
  const path = fc.constantFrom(...paths);
  const flags = fc.constantFrom({}, {}, {}, { noReplace: true }, { exchange: true });
  return [
    ...["create", "mkdir", "unlink", "rmdir", "symlink"].map((op) =>
      fc.record({ op: fc.constant(op), path }),
    ),
    fc.record({ op: fc.constant("link"), path, to: path }),
    fc.record({ op: fc.constant("rename"), path, to: path, flags }),
  ] as const;
}

/** All other kinds. */
function otherStepsAt(paths: readonly string[]) {
  const path = fc.constantFrom(...paths);
  return [
    fc.record({ op: fc.constant("revert"), path, pick: fc.array(fc.nat(), { maxLength: 2 }) }),
    fc.record({ op: fc.constant("write"), path, ...written }),
    fc.record({ op: fc.constant("truncate"), path, size: offset }),
    fc.record({ op: fc.constant("copy"), path, to: path, offset, size: offset, length: offset }),
    fc.record({ op: fc.constantFrom("zero", "punch"), path, offset, length: written.length }),
    fc.record({ op: fc.constant("chmod"), path, mode: fc.constantFrom(0o600, 0o644, 0o755) }),
    fc.record({ op: fc.constantFrom("setxattr", "removexattr"), path, xattr }),
    fc.record({ op: fc.constant("open"), path, slot }),
    fc.record({
      op: fc.constantFrom("writeOpen", "truncateOpen", "close"),
      path: fc.constant(""),
      slot,
      size: offset,
      ...written,
    }),
    fc.record({ op: fc.constantFrom("remount", "crash", "commit"), path: fc.constant("") }),
  ] as const;
}

/** Any step at one of `paths`; a third of them change names. */
function stepAt(paths: readonly string[]) {
  const names = fc.oneof(...nameStepsAt(paths));
  return fc.oneof(
    { weight: 1, arbitrary: names },
    { weight: 2, arbitrary: fc.oneof(...otherStepsAt(paths)) },
  );
}

const steps = { minLength: 1, maxLength: 40, size: "max" } as const;

/** A directory of the base with what is in it, and a few other paths: there steps meet each other again and again. */
const neighbourhood = fc
  .tuple(fc.constantFrom(...families), fc.shuffledSubarray(paths, { minLength: 1, maxLength: 3 }))
  .map((parts) => parts.flat());

/** A sequence of steps: all over the tree, or around one directory; there of all kinds, or of names only. */
export const sequence = fc.oneof(
  { weight: 2, arbitrary: fc.array(stepAt(paths), steps) },
  { weight: 1, arbitrary: neighbourhood.chain((near) => fc.array(stepAt(near), steps)) },
  {
    weight: 1,
    arbitrary: neighbourhood.chain((near) => fc.array(fc.oneof(...nameStepsAt(near)), steps)),
  },
);

export type Step = ReturnType<typeof stepAt> extends fc.Arbitrary<infer T> ? T : never;

/** What a step needs beyond its kind, whichever kind it is. */
export interface AnyStep {
  readonly op: string;
  readonly path: string;
  readonly to?: string;
  readonly flags?: { noReplace?: boolean; exchange?: boolean };
  readonly offset?: number;
  readonly length?: number;
  readonly byte?: number;
  readonly size?: number;
  readonly mode?: number;
  readonly slot?: number;
  readonly xattr?: string;
  /** Of a revert: which of the paths that differ, and of those they lie in or came from; none of them: `path`. */
  readonly pick?: readonly number[];
}

/** A step with all it may need. */
function filled(step: Step) {
  const none = { to: "", flags: {}, offset: 0, length: 0, byte: 0, size: 0, mode: 0 };
  const more: AnyStep = step;
  return { ...none, slot: 0, xattr: "", ...more };
}

/** Takes a step on the reference; returns the code it fails with. */
export function takeOnReference(reference: Reference, step: Step): string | undefined {
  const { op, path, to, flags, offset, length, byte, size, mode, slot, xattr } = filled(step);
  const bytes = new Uint8Array(length).fill(byte);
  return reference.code(() => {
    if (op === "create") reference.make(path, object("file", 0o644));
    if (op === "mkdir") reference.make(path, object("directory", 0o755));
    if (op === "symlink") reference.make(path, object("symlink", 0o777, "to"));
    if (op === "unlink") reference.unlink(path);
    if (op === "rmdir") reference.rmdir(path);
    if (op === "link") reference.link(path, to);
    if (op === "rename") reference.rename(path, to, flags);
    if (op === "write") reference.write(reference.file(path), offset, bytes);
    if (op === "truncate") reference.truncate(reference.file(path), size);
    if (op === "copy") reference.copy(path, offset, to, size, length);
    if (op === "zero") reference.zero(path, offset, length, true);
    if (op === "punch") reference.zero(path, offset, length, false);
    if (op === "chmod") reference.at(path).mode = mode;
    if (op === "setxattr") reference.at(path).xattrs.set(xattr, `${path} ${mode}`);
    if (op === "removexattr") reference.removexattr(path, xattr);
    if (op === "open") reference.open.set(slot, reference.file(path));
    if (op === "close") reference.open.delete(slot);
    const open = reference.open.get(slot);
    if (op === "writeOpen" && open) reference.write(open, offset, bytes);
    if (op === "truncateOpen" && open) reference.truncate(open, size);
    if (op === "remount" || op === "crash") reference.open.clear();
  });
}

/** An overlay with the files that are open in it. */
export class Subject {
  readonly f: Fixture;
  readonly open = new Map<number, Handle>();

  constructor(f: Fixture) {
    this.f = f;
  }

  get overlay(): Overlay {
    return this.f.overlay;
  }

  /** Takes a step; returns the code it fails with. */
  async take(step: Step): Promise<string | undefined> {
    try {
      await this.#take(step);
      return undefined;
    } catch (error) {
      if (error instanceof FsError) return error.code;
      throw error;
    }
  }

  async #take(step: Step): Promise<void> {
    const { op, path, to, flags, offset, length, byte, size, mode, slot, xattr } = filled(step);
    const { f, overlay } = this;
    const bytes = new Uint8Array(length).fill(byte);
    if (op === "create") await f.create(path);
    if (op === "mkdir") await f.mkdir(path);
    if (op === "symlink") await run(overlay.symlink(...(await f.placeOf(path)), "to", context));
    if (op === "unlink") await f.unlink(path);
    if (op === "rmdir") await f.rmdir(path);
    if (op === "link") await f.link(path, to);
    if (op === "rename") await f.rename(path, to, flags);
    if (op === "write") await f.writeAt(path, offset, bytes);
    if (op === "truncate") await run(overlay.setattr(await f.at(path), { size }));
    if (op === "copy") await this.#copyRange(path, offset, to, size, length);
    if (op === "zero") await this.#allocate(path, offset, length, { zeroRange: true });
    if (op === "punch") {
      await this.#allocate(path, offset, length, { punchHole: true, keepSize: true });
    }
    if (op === "chmod") await run(overlay.setattr(await f.at(path), { mode }));
    if (op === "setxattr") {
      const value = new TextEncoder().encode(`${path} ${mode}`);
      await run(overlay.setxattr(await f.at(path), xattr, value));
    }
    if (op === "removexattr") await run(overlay.removexattr(await f.at(path), xattr));
    if (op === "open") await this.#open(path, slot);
    if (op === "close") await this.#close(slot);
    const open = this.open.get(slot);
    if (op === "writeOpen" && open) await run(overlay.write(open, offset, bytes));
    if (op === "truncateOpen" && open) await run(overlay.setattr(open.inode, { size }));
    if (op === "commit") await run(overlay.commit("strict"));
    if (op === "remount") {
      this.open.clear();
      await f.remount();
    }
    if (op === "crash") {
      this.open.clear();
      await run(overlay.commit("relaxed"));
      await f.crash();
    }
  }

  async #copyRange(path: string, at: number, to: string, target: number, length: number) {
    const [source, sink] = [await this.f.at(path), await this.f.at(to)];
    const { overlay } = this;
    const reading = await run(overlay.open(source, { read: true }));
    try {
      const writing = await run(overlay.open(sink, { write: true }));
      try {
        await run(overlay.copyRange(reading, at, writing, target, length));
      } finally {
        await run(overlay.release(writing));
      }
    } finally {
      await run(overlay.release(reading));
    }
  }

  async #allocate(path: string, at: number, length: number, mode: AllocationMode): Promise<void> {
    const handle = await run(this.overlay.open(await this.f.at(path), { write: true }));
    await run(this.overlay.fallocate(handle, at, length, mode)).finally(() =>
      run(this.overlay.release(handle)),
    );
  }

  async #open(path: string, slot: number): Promise<void> {
    const inode = await this.f.at(path);
    if (inode.isDirectory) throw new FsError("EISDIR");
    if (inode.type !== "file") throw new FsError("EINVAL");
    const handle = await run(this.overlay.open(inode, { read: true, write: true }));
    await this.#close(slot);
    this.open.set(slot, handle);
  }

  async #close(slot: number): Promise<void> {
    const handle = this.open.get(slot);
    this.open.delete(slot);
    if (handle) await run(this.overlay.release(handle));
  }

  async closeAll(): Promise<void> {
    for (const slot of [...this.open.keys()]) await this.#close(slot);
  }

  /** What is read through the open files. */
  async linesOfOpen(): Promise<string[]> {
    const lines: string[] = [];
    for (const [slot, handle] of this.open) {
      const { size, nlink, mtime } = await run(this.overlay.getattr(handle.inode));
      const into = new Uint8Array(size + 1);
      const length = await run(this.overlay.read(handle, 0, into));
      lines.push(lineOfOpen(slot, nlink, timeOf(mtime), into.subarray(0, length)));
    }
    return lines.sort();
  }

  /** The overlay's tree as a reference of its own: its objects are told apart by their inode numbers alone. */
  async toReference(): Promise<Reference> {
    const reference = new Reference("");
    const objects = new Map<number, ReferenceObject>();
    await this.#copy("", reference, objects);
    for (const [slot, { inode }] of this.open) {
      const copy = objects.get(inode.ino) ?? (await this.#objectOf(inode));
      objects.set(inode.ino, copy);
      reference.open.set(slot, copy);
    }
    return reference;
  }

  async #copy(at: string, to: Reference, objects: Map<number, ReferenceObject>): Promise<void> {
    for (const name of await this.f.names(at)) {
      const path = at === "" ? name : `${at}/${name}`;
      const inode = await this.f.at(path);
      const known = objects.get(inode.ino);
      const copy = known ?? (await this.#objectOf(inode));
      objects.set(inode.ino, copy);
      const { mtime } = copy;
      to.make(path, copy);
      if (inode.isDirectory) await this.#copy(path, to, objects);
      // Names of a directory that were made in the copy are no change of it.
      copy.mtime = mtime;
    }
  }

  async #objectOf(inode: Inode): Promise<ReferenceObject> {
    const { overlay } = this;
    const { type, mode, size, mtime, ino } = await run(overlay.getattr(inode));
    const target = type === "symlink" ? await run(overlay.readlink(inode)) : "";
    const copy = object(type as ReferenceObject["type"], mode & 0o7777, target);
    copy.mtime = timeOf(mtime);
    copy.ino = ino;
    if (type === "file") {
      const handle = await run(overlay.open(inode, { read: true }));
      copy.data = new Uint8Array(size);
      await run(overlay.read(handle, 0, copy.data));
      await run(overlay.release(handle));
    }
    for (const [name, value] of await xattrsOf(overlay, inode)) copy.xattrs.set(name, value);
    return copy;
  }
}

async function xattrsOf(overlay: Overlay, inode: Inode): Promise<Map<string, string>> {
  const xattrs = new Map<string, string>();
  for (const name of await run(overlay.listxattr(inode))) {
    xattrs.set(name, new TextDecoder().decode(await run(overlay.getxattr(inode, name))));
  }
  return xattrs;
}

/** What is read through the reference's open files. */
export function linesOfOpenReference({ open }: Reference): string[] {
  return [...open]
    .map(([slot, { nlink, mtime, data }]) => lineOfOpen(slot, nlink, mtime, data))
    .sort();
}

/** The whole tree as lines: path, type, mode, target or data, xattrs, links, mtime. */
export function linesOfReference(directory: ReferenceObject, at = ""): string[] {
  const lines: string[] = [];
  for (const [name, child] of directory.children) {
    const path = at === "" ? name : `${at}/${name}`;
    const { type, mode, nlink, mtime, target, data, xattrs } = child;
    lines.push(line(path, type, mode, nlink, mtime, target, data, xattrs));
    if (child.type === "directory") lines.push(...linesOfReference(child, path));
  }
  return at === "" ? lines.sort() : lines;
}

/** The same of the overlay. */
export async function linesOfOverlay(f: Fixture, at = ""): Promise<string[]> {
  const lines: string[] = [];
  for (const name of await f.names(at)) {
    const path = at === "" ? name : `${at}/${name}`;
    const inode = await f.at(path);
    const { type, mode, nlink, size, mtime } = await run(f.overlay.getattr(inode));
    const target = type === "symlink" ? await run(f.overlay.readlink(inode)) : "";
    const data = type === "file" ? await f.readAt(path, 0, size + 1) : new Uint8Array(0);
    const xattrs = await xattrsOf(f.overlay, inode);
    const time = timeOf(mtime);
    lines.push(line(path, type, mode & 0o7777, nlink, time, target, data, xattrs));
    if (type === "directory") lines.push(...(await linesOfOverlay(f, path)));
  }
  return at === "" ? lines.sort() : lines;
}

function line(
  path: string,
  type: string,
  mode: number,
  nlink: number,
  mtime: string,
  target: string,
  data: Uint8Array,
  xattrs: ReadonlyMap<string, string>,
): string {
  const extended = JSON.stringify([...xattrs].sort());
  const content = `${type} ${mode.toString(8)} ${target} ${told(data)} ${extended}`;
  return `${path}\t${content}\tlinks ${nlink}, changed ${mtime}`;
}

function lineOfOpen(slot: number, nlink: number, mtime: string, data: Uint8Array): string {
  return `${slot} links ${nlink}, changed ${mtime}, ${told(data)}`;
}

/** The lines without the times of directories. */
export function untimed(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.includes("\tdirectory ") ? line.slice(0, line.lastIndexOf(", changed")) : line,
  );
}

/** A time as the reference says it. */
export function timeOf({ seconds, nanoseconds }: Time): string {
  return `${seconds}.${nanoseconds}`;
}

/** Checks that every object has the number it was first seen with, and notes it where it had not been seen. */
export async function expectSameNumbers(
  f: Fixture,
  directory: ReferenceObject,
  at = "",
): Promise<void> {
  for (const [name, child] of directory.children) {
    const path = at === "" ? name : `${at}/${name}`;
    const { ino } = await run(f.overlay.getattr(await f.at(path)));
    child.ino ??= ino;
    expect([path, ino]).toEqual([path, child.ino]);
    if (child.type === "directory") await expectSameNumbers(f, child, path);
  }
}

function told(data: Uint8Array): string {
  let sum = 0;
  for (const byte of data) sum = (sum * 31 + byte) % 4_294_967_291;
  return `${data.length} bytes, sum ${sum}`;
}
