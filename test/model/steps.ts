/** The steps of the model test: each is drawn at random and taken by the reference and by the overlay alike. */
import fc from "fast-check";
import { FsError } from "../../src/errno.ts";
import { run } from "../../src/index.ts";
import type { Fixture } from "../overlay/fixture.ts";
import { object, type Reference, type ReferenceObject } from "./reference.ts";

const directories = ["", "d", "d/e", "f", "d/e/d"];
const names = ["a", "b", "d", "e", "f", "__proto__"];
const path = fc
  .tuple(fc.constantFrom(...directories), fc.constantFrom(...names))
  .map(([directory, name]) => (directory === "" ? name : `${directory}/${name}`));

/** Chunks are 4 KiB in the model, so that edges are met often. */
export const chunkSize = 4096;
const offset = fc.oneof(
  fc.nat(3 * chunkSize),
  fc.constantFrom(0, chunkSize - 1, chunkSize, 2 * chunkSize),
);

export const step = fc.oneof(
  fc.record({
    op: fc.constantFrom("create", "mkdir", "unlink", "rmdir", "symlink", "revert"),
    path,
  }),
  fc.record({ op: fc.constant("link"), path, to: path }),
  fc.record({
    op: fc.constant("rename"),
    path,
    to: path,
    flags: fc.constantFrom({}, {}, {}, { noReplace: true }, { exchange: true }),
  }),
  fc.record({
    op: fc.constant("write"),
    path,
    offset,
    length: fc.integer({ min: 1, max: 2 * chunkSize }),
    byte: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ op: fc.constant("truncate"), path, size: offset }),
  fc.record({ op: fc.constant("chmod"), path, mode: fc.constantFrom(0o600, 0o644, 0o755) }),
  fc.record({ op: fc.constantFrom("remount", "crash", "commit"), path: fc.constant("") }),
);

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a step needs beyond its kind, whichever kind it is. */
interface AnyStep {
  readonly op: string;
  readonly path: string;
  readonly to?: string;
  readonly flags?: { noReplace?: boolean; exchange?: boolean };
  readonly offset?: number;
  readonly length?: number;
  readonly byte?: number;
  readonly size?: number;
  readonly mode?: number;
}

/** Takes a step on the reference; returns the code it fails with. */
export function takeOnReference(reference: Reference, step: Step): string | undefined {
  const {
    op,
    path,
    to = "",
    flags = {},
    offset = 0,
    length = 0,
    byte = 0,
    size = 0,
    mode = 0,
  }: AnyStep = step;
  return reference.code(() => {
    if (op === "create") reference.make(path, object("file", 0o644));
    if (op === "mkdir") reference.make(path, object("directory", 0o755));
    if (op === "symlink") reference.make(path, object("symlink", 0o777, "to"));
    if (op === "unlink") reference.unlink(path);
    if (op === "rmdir") reference.rmdir(path);
    if (op === "link") reference.link(path, to);
    if (op === "rename") reference.rename(path, to, flags);
    if (op === "write") reference.write(path, offset, new Uint8Array(length).fill(byte));
    if (op === "truncate") reference.truncate(path, size);
    if (op === "chmod") reference.chmod(path, mode);
  });
}

/** Takes a step on the overlay; returns the code it fails with. */
export async function takeOnOverlay(f: Fixture, step: Step): Promise<string | undefined> {
  const {
    op,
    path,
    to = "",
    flags = {},
    offset = 0,
    length = 0,
    byte = 0,
    size = 0,
    mode = 0,
  }: AnyStep = step;
  try {
    if (op === "create") await f.create(path);
    if (op === "mkdir") await f.mkdir(path);
    if (op === "symlink") {
      await run(f.overlay.symlink(...(await f.placeOf(path)), "to", { uid: 0, gid: 0, umask: 0 }));
    }
    if (op === "unlink") await f.unlink(path);
    if (op === "rmdir") await f.rmdir(path);
    if (op === "link") await f.link(path, to);
    if (op === "rename") await f.rename(path, to, flags);
    if (op === "write") await f.writeAt(path, offset, new Uint8Array(length).fill(byte));
    if (op === "truncate") await run(f.overlay.setattr(await f.at(path), { size }));
    if (op === "chmod") await run(f.overlay.setattr(await f.at(path), { mode }));
    if (op === "commit") await run(f.overlay.commit("strict"));
    if (op === "remount") await f.remount();
    if (op === "crash") {
      await run(f.overlay.commit("relaxed"));
      await f.mount();
    }
  } catch (error) {
    if (error instanceof FsError) return error.code;
    throw error;
  }
  return undefined;
}

/** The whole tree as lines: path, type, mode, links, target or data. */
export function linesOfReference(directory: ReferenceObject, at = ""): string[] {
  const lines: string[] = [];
  for (const [name, child] of directory.children) {
    const path = at === "" ? name : `${at}/${name}`;
    lines.push(line(path, child.type, child.mode, child.nlink, child.target, child.data));
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
    const { type, mode, nlink, size } = await run(f.overlay.getattr(inode));
    const target = type === "symlink" ? await run(f.overlay.readlink(inode)) : "";
    const data = type === "file" ? await f.readAt(path, 0, size + 1) : new Uint8Array(0);
    lines.push(line(path, type, mode & 0o7777, nlink, target, data));
    if (type === "directory") lines.push(...(await linesOfOverlay(f, path)));
  }
  return at === "" ? lines.sort() : lines;
}

function line(
  path: string,
  type: string,
  mode: number,
  nlink: number,
  target: string,
  data: Uint8Array,
): string {
  let sum = 0;
  for (const byte of data) sum = (sum * 31 + byte) % 4_294_967_291;
  return `${path} ${type} ${mode.toString(8)} links ${nlink} ${target} ${data.length} bytes, sum ${sum}`;
}
