/**
 * The reference of test/model with what it leaves out, times of change; and the whole tree as lines, of the mirror and of
 * an overlay, so that two states can be compared.
 */
import type { Time } from "../../src/attributes.ts";
import { run } from "../../src/index.ts";
import { object, Reference, type ReferenceObject } from "../model/reference.ts";
import type { Fixture } from "../overlay/fixture.ts";

/** What the base says of all its objects. */
const baseTime = 1_000_000_000;

/** Stands still during a step, so that the reference knows every time the overlay writes down. */
export class Clock {
  seconds = 2_000_000_000;

  readonly now = (): Time => ({ seconds: this.seconds, nanoseconds: 0 });
}

/** A tree with the rules of POSIX and nothing of layers in it. */
export class Mirror {
  readonly #clock: Clock;
  readonly #populate: (mirror: Mirror) => void;
  #reference = new Reference("");
  readonly #times = new Map<ReferenceObject, number>();

  /** `populate` puts the base's objects into it with `place`. */
  constructor(clock: Clock, populate: (mirror: Mirror) => void) {
    this.#clock = clock;
    this.#populate = populate;
    populate(this);
  }

  /** Shows the base again. */
  reset(): void {
    this.#reference = new Reference("");
    this.#times.clear();
    this.#populate(this);
  }

  /** Runs `step` and returns the code it failed with, if it did. */
  code(step: () => void): string | undefined {
    return this.#reference.code(step);
  }

  at(path: string): ReferenceObject {
    return this.#reference.at(path);
  }

  make(path: string, type: ReferenceObject["type"], mode: number, target = ""): void {
    this.#reference.make(path, object(type, mode, target));
    this.touch(this.at(path));
    this.#touchNames(path);
  }

  link(from: string, to: string): void {
    this.#reference.link(from, to);
    this.#touchNames(to);
  }

  unlink(path: string): void {
    this.#reference.unlink(path);
    this.#touchNames(path);
  }

  rmdir(path: string): void {
    this.#reference.rmdir(path);
    this.#touchNames(path);
  }

  rename(from: string, to: string, flags: { noReplace?: boolean; exchange?: boolean }): void {
    const { parent, child } = this.#reference.place(from);
    const { parent: newParent, child: target } = this.#reference.place(to);
    this.#reference.rename(from, to, flags);
    if (child === target) return;
    this.touch(parent);
    this.touch(newParent);
  }

  write(path: string, offset: number, bytes: Uint8Array): void {
    this.#reference.write(this.#reference.file(path), offset, bytes);
    this.touch(this.at(path));
  }

  truncate(path: string, size: number): void {
    this.#reference.truncate(this.#reference.file(path), size);
    this.touch(this.at(path));
  }

  chmod(path: string, mode: number): void {
    this.at(path).mode = mode;
  }

  utimens(path: string, seconds: number): void {
    this.#times.set(this.at(path), seconds);
  }

  setxattr(path: string, name: string, value: string): void {
    this.at(path).xattrs.set(name, value);
  }

  removexattr(path: string, name: string): void {
    this.#reference.removexattr(path, name);
  }

  /** The data of `made` changed at this moment. */
  touch(made: ReferenceObject): void {
    this.#times.set(made, this.#clock.seconds);
  }

  /** What there is to tell of each name, the root first. */
  tell(): Told[] {
    const all: Told[] = [];
    const walk = (path: string, made: ReferenceObject): void => {
      const { type, mode, nlink, target, xattrs, data } = made;
      all.push({
        identity: made,
        path,
        type,
        mode,
        nlink,
        seconds: this.#times.get(made) ?? baseTime,
        target,
        xattrs: [...xattrs].map(([name, value]) => `${name}=${value}`),
        data,
      });
      for (const name of [...made.children.keys()].sort()) {
        walk(path === "" ? name : `${path}/${name}`, made.children.get(name) as ReferenceObject);
      }
    };
    walk("", this.#reference.root);
    return all;
  }

  /** `linesOf` what there is to tell. */
  lines(directoryTimes: boolean): string[] {
    return linesOf(this.tell(), { directoryTimes });
  }

  #touchNames(path: string): void {
    this.touch(this.#reference.place(path).parent);
  }

  /** Puts an object of the base in its place; its parent's times do not move. */
  place(path: string, made: ReferenceObject): void {
    this.#reference.make(path, made);
  }
}

/** As `Mirror.tell`, of an overlay. */
export async function tellOverlay(f: Fixture): Promise<Told[]> {
  const { overlay } = f;
  const decoder = new TextDecoder();
  const all: Told[] = [];
  const walk = async (path: string, listedType: string): Promise<void> => {
    const inode = await f.at(path);
    const { ino, type, mode, nlink, size, mtime } = await run(overlay.getattr(inode));
    const xattrs: string[] = [];
    for (const name of await run(overlay.listxattr(inode))) {
      xattrs.push(`${name}=${decoder.decode(await run(overlay.getxattr(inode, name)))}`);
    }
    all.push({
      identity: ino,
      path,
      type: type === listedType ? type : `${type} listed as ${listedType}`,
      mode: mode & 0o7777,
      nlink,
      seconds: mtime.seconds,
      target: type === "symlink" ? await run(overlay.readlink(inode)) : "",
      xattrs,
      data: type === "file" ? await f.readAt(path, 0, size + 1) : new Uint8Array(0),
    });
    if (type !== "directory") return;
    const listing = await run(overlay.opendir(inode));
    const entries = Array.from({ length: listing.length }, (_, i) => listing.entry(i));
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      await walk(path === "" ? entry.name : `${path}/${entry.name}`, entry.type);
    }
  };
  await walk("", "directory");
  return all;
}

/** As `Mirror.lines`, of an overlay. */
export async function linesOfOverlay(f: Fixture, directoryTimes: boolean): Promise<string[]> {
  return linesOf(await tellOverlay(f), { directoryTimes });
}

/** The inode number of each path: it outlives remounts and crashes. */
export async function numbersOf(f: Fixture): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  const walk = async (path: string): Promise<void> => {
    const inode = await f.at(path);
    numbers.set(path, inode.ino);
    if (!inode.isDirectory) return;
    for (const name of await f.names(path)) await walk(path === "" ? name : `${path}/${name}`);
  };
  await walk("");
  return numbers;
}

/** What there is to tell of a name. */
export interface Told {
  /** The same for all names of an object, whatever it is. */
  readonly identity: unknown;
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly nlink: number;
  readonly seconds: number;
  readonly target: string;
  readonly xattrs: readonly string[];
  readonly data: Uint8Array;
}

/**
 * A line for each name. The times of directories can be left out: whether a revert takes them back where names came back
 * is nowhere said. So can the bytes of files, but not their number.
 */
export function linesOf(
  all: readonly Told[],
  { directoryTimes = true, bytes = true }: { directoryTimes?: boolean; bytes?: boolean } = {},
): string[] {
  const first = new Map<unknown, string>();
  return all.map(({ identity, path, type, mode, nlink, seconds, target, xattrs, data }) => {
    const same = first.get(identity);
    if (same === undefined) first.set(identity, path);
    return [
      `/${path}`,
      type,
      mode.toString(8),
      `links ${nlink}`,
      directoryTimes || type !== "directory" ? `mtime ${seconds}` : "",
      target && `to ${target}`,
      same === undefined ? "" : `same as /${same}`,
      [...xattrs].sort().join(" "),
      type === "file" ? `${data.length} bytes` : "",
      type === "file" && bytes ? `sum ${sumOf(data)}` : "",
    ]
      .filter(Boolean)
      .join(" · ");
  });
}

function sumOf(data: Uint8Array): number {
  let sum = 0;
  for (const byte of data) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum >>> 0;
}
