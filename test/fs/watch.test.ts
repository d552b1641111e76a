/** `watch`: which changes are told under which name, when, and how it ends. */
import { beforeEach, expect, test } from "vitest";
import { MemoryBase } from "../../src/base/memory.ts";
import { ChangeFeed, changesOf } from "../../src/fs/change-feed.ts";
import { type FsPromises, fsOf } from "../../src/fs/promises.ts";
import { type WatchEvent, watch } from "../../src/fs/watch.ts";
import { run } from "../../src/operation.ts";
import { Overlay } from "../../src/overlay/overlay.ts";
import { MemoryDisk, openMemoryStorage } from "../../src/storage/memory.ts";

let overlay: Overlay;
let fs: FsPromises;

beforeEach(async () => {
  const base = new MemoryBase({});
  overlay = await run(Overlay.open({ base, storage: openMemoryStorage(new MemoryDisk()) }));
  fs = fsOf(overlay).promises;
});

/** What `watching` has heard once `work` is done, as "eventType filename". */
async function heard(
  watching: AsyncIterableIterator<WatchEvent>,
  work: (events: readonly string[]) => Promise<unknown>,
) {
  const events: string[] = [];
  const reading = (async () => {
    for await (const { eventType, filename } of watching) events.push(`${eventType} ${filename}`);
  })();
  await work(events);
  // All that was told by now has been read when the event loop has gone round.
  await new Promise(setImmediate);
  await watching.return?.();
  await reading;
  return events;
}

test("a directory's watcher hears of names that come, change and go in it, and not of those below", async () => {
  await fs.mkdir("/d/sub", { recursive: true });
  const events = await heard(fs.watch("/d"), async () => {
    await fs.writeFile("/d/a", "1");
    await fs.rename("d/./a", "/b");
    await fs.writeFile("/d/sub/deep", "2");
    await fs.chmod("/d/sub", 0o700);
    await fs.unlink("/b");
  });
  expect(events).toEqual(["rename a", "change a", "rename a", "change sub"]);
});

test("a recursive watcher hears of everything below, relative to its directory", async () => {
  await fs.mkdir("/d/sub", { recursive: true });
  const events = await heard(fs.watch("/d", { recursive: true }), async () => {
    await fs.symlink("x", "/d/sub/link");
    await fs.rm("/d/sub", { recursive: true });
    await fs.writeFile("/dd", "elsewhere");
  });
  expect(events).toEqual(["rename sub/link", "rename sub"]);
});

test("a file's watcher hears what is written through a handle, under the file's own name", async () => {
  await fs.writeFile("/f", "before");
  const handle = await fs.open("/f", "r+");
  const events = await heard(fs.watch("/f"), async () => {
    await handle.write("after");
    await handle.truncate(1);
    await handle.close();
  });
  expect(events).toEqual(["change f", "change f"]);
});

test("what fails changes nothing and is not told", async () => {
  const events = await heard(fs.watch("/"), async () => {
    await expect(fs.unlink("/none")).rejects.toThrow("ENOENT");
    await expect(fs.readFile("/none")).rejects.toThrow("ENOENT");
  });
  expect(events).toEqual([]);
});

test("a batch is told of when it is committed", async () => {
  const events = await heard(fs.watch("/"), (events) =>
    fs.batch(async (inner) => {
      await inner.writeFile("/a", "");
      await inner.mkdir("/b");
      await new Promise(setImmediate);
      expect(events).toEqual([]);
    }),
  );
  expect(events).toEqual(["rename a", "change a", "rename b"]);
});

test("two APIs on one overlay hear of each other's changes", async () => {
  const other = fsOf(overlay).promises;
  expect(await heard(fs.watch("/"), () => other.mkdir("/x"))).toEqual(["rename x"]);
});

test("a signal ends it with an AbortError", async () => {
  const stop = new AbortController();
  const watching = fs.watch("/", { signal: stop.signal });
  const next = watching.next();
  stop.abort();
  await expect(next).rejects.toMatchObject({ name: "AbortError" });
});

test("events nobody reads become one that says anything may have changed", async () => {
  const feed = new ChangeFeed();
  const watching = watch(feed.subscribe, "/");
  for (let i = 0; i < 3000; i += 1) {
    feed.publish(changesOf({ syscall: "mkdir", path: `/${i}` }, undefined));
  }
  expect(await watching.next()).toEqual({
    done: false,
    value: { eventType: "rename", filename: null },
  });
});
