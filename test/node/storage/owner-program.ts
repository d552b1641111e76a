/**
 * A program that owns a storage on disk, for tests that need another process: built and started by
 * `startOwner`. `hold` keeps the storage until a line arrives; `write` commits one batch after the other until it is
 * killed, and prints each generation once it is committed; `read` prints what a reader sees; `reopen` and `look` open
 * and close it many times, to write and to see who has it, and print how often that failed and how.
 */
import { readSync, writeSync } from "node:fs";
import { holderOf, openDiskStorage } from "../../../node/storage/disk.ts";
import type { Batch, Superblock } from "../../../src/index.ts";
import { runSync } from "../../../src/index.ts";

const [, , task, directory] = process.argv;
if (directory === undefined)
  throw new Error("usage: owner-program hold|write|read|reopen|look DIRECTORY");

const chunkSize = 4096;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function awaitLine(): void {
  readSync(0, Buffer.alloc(256));
}

/** A batch in which everything tells `generation`: a record, a small content, a large one that replaces the last. */
function batchOf(generation: number, before: Superblock | undefined): Batch {
  const superblock: Superblock = {
    version: 1,
    incompatible: [],
    compatible: [],
    overlayId: "00",
    base: { locator: "", identity: "" },
    chunkSize,
    nextIno: 4,
    nextContent: generation * 2 + 2,
    generation,
    epoch: before?.epoch ?? 1,
  };
  const [small, large] = [generation * 2, generation * 2 + 1];
  const node = (ino: number, id: number, chunks: readonly number[]) =>
    ({
      ino,
      type: "file",
      nlink: 1,
      uid: generation,
      content: { id, size: chunkSize * 3, baseLength: 0, chunks },
    }) as const;
  const write = (content: number, chunk: number, length: number) => ({
    content,
    chunk,
    bytes: new Uint8Array(length).fill(generation),
    from: 0,
    to: length,
    fresh: true,
  });
  return {
    superblock,
    nodes: new Map([
      [2, node(2, small, [0, 1])],
      [3, node(3, large, [0, 3])],
    ]),
    names: [{ parent: 1, name: `g${generation}`, record: { whiteout: true } }],
    aliases: new Map(),
    orphans: new Map(),
    data: [write(small, 0, 100), write(large, 0, chunkSize), write(large, 2, chunkSize)],
    droppedChunks: [],
    droppedContents: generation > 1 ? [small - 2, large - 2] : [],
  };
}

if (task === "reopen" || task === "look") {
  const failures: unknown[] = [];
  for (let time = 0; time < 400; time += 1) {
    try {
      if (task === "look") holderOf(directory);
      else runSync(openDiskStorage(directory).close());
    } catch (error) {
      failures.push(error);
    }
  }
  say(`${failures.length} failures ${failures[0] ?? ""}`.trim());
  process.exit();
}

if (task === "read") {
  const reader = openDiskStorage(directory, { readOnly: true });
  for (;;) {
    say(`${runSync(reader.superblock())?.generation}`);
    awaitLine();
  }
}

const storage = openDiskStorage(directory, { holder: "held by a test" });
const before = runSync(storage.superblock());
if (task === "hold") {
  say("open");
  awaitLine();
  storage.announceClosing();
  say("closing");
  awaitLine();
  runSync(storage.close());
  say("closed");
} else {
  // Never back to the event loop, as in the thread that serves a mount.
  for (let generation = (before?.generation ?? 0) + 1; ; generation += 1) {
    runSync(storage.commit(batchOf(generation, before), "strict"));
    say(String(generation));
  }
}
