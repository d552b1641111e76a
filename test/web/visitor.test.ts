/** One page at a host, without a browser: what is left of it when it has gone in the middle of something. */
import { expect, test } from "vitest";
import { MemoryBase } from "../../src/base/memory.ts";
import { type FileHandle, type FsPromises, fsOf, OverlayFiles, run } from "../../src/index.ts";
import { openMemoryStorage } from "../../src/storage/memory.ts";
import { protocolVersion } from "../../web/gathering.ts";
import type { WorkerCalls } from "../../web/protocol.ts";
import { Visit } from "../../web/visit.ts";
import { type Host, type OpenCore, Visitor } from "../../web/visitor.ts";

/** A page that has just come to a host, whose core does its work once `open` has been called. */
async function visit() {
  const base = new MemoryBase({ "f.txt": "text" });
  const storage = openMemoryStorage();
  const overlay = await run(OverlayFiles.open({ base, storage }));
  const { promises } = fsOf(overlay);
  let open = (): void => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  const opened: FileHandle[] = [];
  let batches = 0;
  const fs: FsPromises = Object.create(promises, {
    open: {
      value: async (...values: Parameters<FsPromises["open"]>) => {
        const file = await promises.open(...values);
        opened.push(file);
        await isOpen;
        return file;
      },
    },
    batch: {
      value: () => {
        batches += 1;
      },
    },
  });
  const core: OpenCore = {
    base,
    superblock: overlay.superblock,
    url: "http://base/",
    traffic: { requests: 0, bytes: 0 },
    run: async (work) => {
      await Promise.resolve();
      return work();
    },
    read: (read) => read(fs),
    whole: async () => ({ overlay, fs, storage, visit: (at) => new Visit(at, { fs, overlay }) }),
  };
  const host: Host = {
    name: "host",
    become: async () => core,
    ownCore: () => core,
    takeOver: async () => {},
    enter: () => {},
    left: async () => {},
  };
  // Another tab's: the worker is not this page's to end, and goes on opening databases for other tests.
  const visitor = new Visitor("host", () => host, false);
  await visitor.attach({
    protocol: protocolVersion,
    page: "page",
    base: core.url,
    storage: "storage",
    overlayId: undefined,
  });
  const calls = visitor as unknown as WorkerCalls;
  return { visitor: calls, opened, open, batches: () => batches };
}

test("a file that opens after its page has left is closed at once", async () => {
  const { visitor, opened, open } = await visit();
  const opening = visitor.openFile(undefined, ["/f.txt", "r"]);
  await expect.poll(() => opened.length).toBe(1);
  await visitor.leave();
  open();
  await expect(opening).rejects.toMatchObject({ name: "Moved" });
  await expect(opened[0]?.stat()).rejects.toMatchObject({ code: "EBADF" });
});

test("a page that has left begins neither a batch nor a prefetch", async () => {
  const { visitor, batches } = await visit();
  const begun = [visitor.beginBatch(), visitor.beginPrefetch([""])];
  await visitor.leave();
  for (const one of begun) await expect(one).rejects.toMatchObject({ name: "Moved" });
  expect(batches()).toBe(0);
});
