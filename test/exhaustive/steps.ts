/**
 * Every operation over a tiny set of names, as steps that the overlay and the naive reference take alike. The base has a
 * file of a few chunks, a directory with one child, a symlink and a pair of hard links; `n` and `d/n` are free.
 */
import type { MemoryTree } from "../../src/base/memory.ts";
import { type Handle, run } from "../../src/index.ts";
import { object } from "../model/reference.ts";
import { type Fixture, context as ordinary } from "../overlay/fixture.ts";
import type { Mirror } from "./mirror.ts";

/** The smallest chunk there is, so that edges are met with little data. */
export const chunkSize = 4096;

const encoder = new TextEncoder();

const long = new Uint8Array(3 * chunkSize + 100).map((_, i) => (i % 250) + 1);

/** The base. */
export const tree: MemoryTree = {
  f: { content: long, xattrs: { "user.base": "f" } },
  d: { type: "directory", xattrs: { "user.base": "d" } },
  "d/c": { content: "child" },
  l: { target: "f" },
  g: { content: "grouped", link: "group" },
  h: { content: "grouped", link: "group" },
};

/** Puts the base's objects into a mirror. */
export function populate(mirror: Mirror): void {
  const file = (data: Uint8Array) => {
    const made = object("file", 0o644);
    made.data = data.slice();
    return made;
  };
  const grouped = file(encoder.encode("grouped"));
  mirror.place("f", file(long));
  mirror.place("d", object("directory", 0o755));
  mirror.place("d/c", file(encoder.encode("child")));
  mirror.place("l", object("symlink", 0o777, "f"));
  mirror.place("g", grouped);
  mirror.place("h", grouped);
  for (const path of ["f", "d"]) mirror.setxattr(path, "user.base", path);
}

/** What a step acts on. */
export interface Subject {
  f: Fixture;
  /** Open files without a name, to be released at the end; a crash forgets them. */
  held: Handle[];
}

/** One operation, known by a name that tells it. */
export interface Step {
  readonly name: string;
  readonly isRevert: boolean;
  /** Takes the name of a file that is open, and then writes into it: more than one operation. */
  readonly isSeveral: boolean;
  onOverlay(subject: Subject): Promise<unknown>;
  onMirror(mirror: Mirror): void;
}

function step(
  name: string,
  onMirror: (mirror: Mirror) => void,
  onOverlay: (f: Fixture, subject: Subject) => Promise<unknown>,
): Step {
  return {
    name,
    isRevert: false,
    isSeveral: name.includes("unlinked"),
    onMirror,
    onOverlay: (subject) => onOverlay(subject.f, subject),
  };
}

const create = (path: string) =>
  step(
    `create ${path}`,
    (mirror) => mirror.make(path, "file", 0o644),
    async (f) => {
      const [parent, name] = await f.placeOf(path);
      const flags = { write: true };
      const made = await run(f.overlay.create(parent, name, 0o644, flags, ordinary));
      await run(f.overlay.release(made));
    },
  );

const mkdir = (path: string) =>
  step(
    `mkdir ${path}`,
    (mirror) => mirror.make(path, "directory", 0o755),
    (f) => f.mkdir(path),
  );

const symlink = (path: string) =>
  step(
    `symlink ${path}`,
    (mirror) => mirror.make(path, "symlink", 0o777, "elsewhere"),
    async (f) => run(f.overlay.symlink(...(await f.placeOf(path)), "elsewhere", ordinary)),
  );

const link = (from: string, to: string) =>
  step(
    `link ${from} ${to}`,
    (mirror) => mirror.link(from, to),
    (f) => f.link(from, to),
  );

const unlink = (path: string) =>
  step(
    `unlink ${path}`,
    (mirror) => mirror.unlink(path),
    (f) => f.unlink(path),
  );

const rmdir = (path: string) =>
  step(
    `rmdir ${path}`,
    (mirror) => mirror.rmdir(path),
    (f) => f.rmdir(path),
  );

const rename = (from: string, to: string, flags: { noReplace?: boolean; exchange?: boolean }) =>
  step(
    `rename ${[...Object.keys(flags), from, to].join(" ")}`,
    (mirror) => mirror.rename(from, to, flags),
    (f) => f.rename(from, to, flags),
  );

const write = (path: string, offset: number, length: number) =>
  step(
    `write ${path} ${offset}+${length}`,
    (mirror) => mirror.write(path, offset, pattern(length)),
    async (f) => {
      const handle = await run(f.overlay.open(await f.at(path), { write: true }));
      try {
        await run(f.overlay.write(handle, offset, pattern(length)));
      } finally {
        await run(f.overlay.release(handle));
      }
    },
  );

const truncate = (path: string, size: number) =>
  step(
    `truncate ${path} ${size}`,
    (mirror) => mirror.truncate(path, size),
    async (f) => run(f.overlay.setattr(await f.at(path), { size })),
  );

const chmod = (path: string) =>
  step(
    `chmod ${path}`,
    (mirror) => mirror.chmod(path, 0o700),
    async (f) => run(f.overlay.setattr(await f.at(path), { mode: 0o700 })),
  );

const utimens = (path: string) =>
  step(
    `utimens ${path}`,
    (mirror) => mirror.utimens(path, 12_345),
    async (f) => {
      const mtime = { seconds: 12_345, nanoseconds: 0 };
      await run(f.overlay.setattr(await f.at(path), { mtime }));
    },
  );

const setxattr = (path: string, name: string) =>
  step(
    `setxattr ${path} ${name}`,
    (mirror) => mirror.setxattr(path, name, "ours"),
    async (f) => run(f.overlay.setxattr(await f.at(path), name, encoder.encode("ours"))),
  );

const removexattr = (path: string, name: string) =>
  step(
    `removexattr ${path} ${name}`,
    (mirror) => mirror.removexattr(path, name),
    async (f) => run(f.overlay.removexattr(await f.at(path), name)),
  );

/** Takes a file's name while it is open, writes into it and reads it back; releases it at once or at the end. */
const writeUnlinked = (path: string, isHeld: boolean) => {
  const [offset, bytes] = [3, pattern(7)];
  // What the file has to read as is kept here from the mirror's turn, which comes first, to the overlay's.
  let expected = new Uint8Array(0);
  return step(
    `${isHeld ? "hold-unlinked" : "write-unlinked"} ${path}`,
    (mirror) => {
      const file = mirror.at(path);
      mirror.unlink(path);
      expected = new Uint8Array(Math.max(file.data.length, offset + bytes.length));
      expected.set(file.data);
      expected.set(bytes, offset);
      if (file.type !== "file") return;
      file.data = expected;
      mirror.touch(file);
    },
    async (f, subject) => {
      const inode = await f.at(path);
      const handle = await run(
        f.overlay.open(inode, { read: true, write: inode.type !== "directory" }),
      );
      try {
        await f.unlink(path);
        if (inode.type !== "file") return;
        await run(f.overlay.write(handle, offset, bytes));
        const into = new Uint8Array(expected.length + 1);
        const length = await run(f.overlay.read(handle, 0, into));
        if (Buffer.compare(into.subarray(0, length), expected) !== 0) {
          throw new Error(`${path} without a name does not read as what was written`);
        }
      } finally {
        if (isHeld) subject.held.push(handle);
        else await run(f.overlay.release(handle));
      }
    },
  );
};

/** Reverts everything. That there was nothing to revert is no failure here. */
const revert: Step = {
  name: "revert everything",
  isRevert: true,
  isSeveral: false,
  onMirror: (mirror) => mirror.reset(),
  onOverlay: async ({ f }) => {
    try {
      await run(f.overlay.revert([""]));
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    }
  },
};

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 255 - (i % 97));
}

const names = ["f", "d", "d/c", "l", "g", "h", "n", "d/n"];
const kinds = [{}, { noReplace: true }, { exchange: true }];

/** All of them. */
export const steps: readonly Step[] = [
  ...names.flatMap((path) => [create(path), mkdir(path), symlink(path), unlink(path), rmdir(path)]),
  ...["f", "d", "l", "g", "n"].flatMap((from) => names.map((to) => link(from, to))),
  ...names.flatMap((from) => names.flatMap((to) => kinds.map((flags) => rename(from, to, flags)))),
  ...["f", "g", "n"].flatMap((path) => [
    write(path, 5, 10),
    write(path, chunkSize - 6, 12),
    write(path, chunkSize, chunkSize),
    write(path, 2 * chunkSize, 10),
    write(path, 5 * chunkSize + 3, 10),
    truncate(path, 0),
    truncate(path, 3),
    truncate(path, chunkSize),
    truncate(path, 2 * chunkSize + 50),
    truncate(path, 4 * chunkSize + 7),
  ]),
  ...["", "f", "d", "l", "h", "n"].flatMap((path) => [chmod(path), utimens(path)]),
  ...["f", "d", "g", "n"].flatMap((path) => [
    setxattr(path, "user.base"),
    setxattr(path, "user.own"),
    removexattr(path, "user.base"),
  ]),
  ...["f", "d/c", "g", "n", "l"].flatMap((path) => [
    writeUnlinked(path, false),
    writeUnlinked(path, true),
  ]),
  revert,
];

/** The step of this name. */
export function stepNamed(name: string): Step {
  const found = steps.find((step) => step.name === name);
  if (!found) throw new Error(`there is no step "${name}"`);
  return found;
}
