/**
 * A program that takes drawn steps on a disk storage and records everything its content files and its database undergo,
 * in order. It ends without closing, so that the storage belongs to nobody who lives.
 * Arguments: the storage's directory, the seed, the number of steps, the file for the record. An odd seed has its files
 * made safe in place, an even one as a mount does: by other threads, while this one only waits.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { relative } from "node:path";
import { serialize } from "node:v8";
import { toPlainError } from "../../node/control/errors.ts";
import { RemoteSafeguard } from "../../node/fuse/remote-safeguard.ts";
import { openDiskStorage } from "../../node/storage/disk.ts";
import { safeguardAside } from "../../node/storage/safeguard.ts";
import { run } from "../../src/index.ts";
import { Fixture } from "../overlay/fixture.ts";
import { draw, type Effect, pageSize } from "./cut-run.ts";
import { Clock } from "./mirror.ts";
import { chunkSize, tree } from "./steps.ts";

const [, , directory, seed, length, record] = process.argv;
if (!directory || !record) throw new Error("usage: cut-program DIRECTORY SEED LENGTH RECORD");

const original = { ...fs };
const effects: Effect[] = [];
const paths = new Map<number, string>();
let pages: Buffer = Buffer.alloc(0);

/** Notes an effect, and before it what LMDB did since the last. */
function note(effect: Effect): void {
  const now = original.readFileSync(`${directory}/records.mdb`);
  const changed: [number, Uint8Array][] = [];
  for (let at = 0; at < now.length; at += pageSize) {
    const page = now.subarray(at, at + pageSize);
    if (!page.equals(pages.subarray(at, at + pageSize))) changed.push([at / pageSize, page]);
  }
  pages = now;
  if (changed.length > 0) effects.push({ kind: "records", pages: changed });
  effects.push(effect);
}

/** The path of a content file or a directory of theirs, relative to the storage. */
function contentPathOf(path: unknown): string | undefined {
  const within = relative(directory as string, String(path));
  return /^content(\/|$)/.test(within) ? within : undefined;
}

Object.assign(fs, {
  openSync(path: string, flags: string, mode: number) {
    const file = original.openSync(path, flags, mode);
    const content = contentPathOf(path);
    if (content !== undefined) {
      paths.set(file, content);
      if (flags.startsWith("w")) note({ kind: "create", path: content });
    } else paths.delete(file);
    return file;
  },
  writeSync(file: number, bytes: Uint8Array, from: number, count: number, position: number) {
    const written = original.writeSync(file, bytes, from, count, position);
    const path = paths.get(file);
    const copy = bytes.slice(from, from + written);
    if (path !== undefined) note({ kind: "write", path, position, bytes: copy });
    return written;
  },
  ftruncateSync(file: number, to: number) {
    original.ftruncateSync(file, to);
    const path = paths.get(file);
    if (path !== undefined) note({ kind: "truncate", path, length: to });
  },
  fdatasyncSync(file: number) {
    original.fdatasyncSync(file);
    const path = paths.get(file);
    if (path !== undefined) note({ kind: "sync", path });
  },
  fdatasync(file: number, done: (error: Error | null) => void) {
    original.fdatasync(file, (error) => {
      const path = paths.get(file);
      if (path !== undefined) note({ kind: "sync", path });
      done(error);
    });
  },
  fsyncSync(file: number) {
    original.fsyncSync(file);
    const path = paths.get(file);
    if (path !== undefined) note({ kind: "syncDirectory", path });
  },
  unlinkSync(path: string) {
    original.unlinkSync(path);
    const content = contentPathOf(path);
    if (content !== undefined) note({ kind: "unlink", path: content });
  },
});
syncBuiltinESMExports();

const remote = new RemoteSafeguard((id, files) => {
  safeguardAside(files).then(
    () => remote.done(id),
    (error) => remote.fail(id, toPlainError(error)),
  );
});
const aside = { safeguard: (files: readonly number[]) => remote.makeSafe(files) };
const options = Number(seed) % 2 === 0 ? aside : {};

const clock = new Clock();
const f = await Fixture.open(tree, {
  chunkSize,
  now: clock.now,
  openStorage: () => openDiskStorage(directory, options),
});
note({ kind: "safe", steps: 0 });
for (const [index, { step, isSynced }] of draw(Number(seed), Number(length)).drawn.entries()) {
  clock.seconds += 1;
  note({ kind: "step", begun: index + 1 });
  await step.onOverlay({ f, held: [] });
  if (!isSynced) continue;
  await run(f.overlay.commit("strict"));
  note({ kind: "safe", steps: index + 1 });
}
original.writeFileSync(record, serialize(effects));
process.exit();
