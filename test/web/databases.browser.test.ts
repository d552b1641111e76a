/** What a worker that was ended in good order leaves of its databases: nothing that holds them, in any engine. */
import { expect, test } from "vitest";
import type { SharedWorkerLike } from "../../web/host-worker.ts";
import { settled } from "../../web/stored-records.ts";

/** A frame's window, whose shared workers end with it. */
interface FrameWindow {
  readonly SharedWorker: new (
    url: URL,
    options: { readonly type: "module"; readonly name: string },
  ) => SharedWorkerLike;
}

type Order = { readonly name: string; readonly at: string };

/** Has `endpoint`'s worker carry out `order`; resolves once it says that it may be ended. */
function carriedOut(endpoint: Worker | MessagePort, order: Order): Promise<void> {
  return new Promise((resolve) => {
    endpoint.onmessage = () => resolve();
    endpoint.postMessage(order);
  });
}

async function endOwnWorker(order: Order): Promise<void> {
  const worker = new Worker(new URL("ended-worker.ts", import.meta.url), { type: "module" });
  await carriedOut(worker, order);
  worker.terminate();
}

async function endSharedWorker(order: Order): Promise<void> {
  const frame = document.createElement("iframe");
  frame.srcdoc = "<!doctype html>";
  const isLoaded = new Promise((resolve) => {
    frame.onload = resolve;
  });
  document.body.append(frame);
  await isLoaded;
  const { SharedWorker } = frame.contentWindow as unknown as FrameWindow;
  const name = crypto.randomUUID();
  const url = new URL("ended-worker.ts", import.meta.url);
  await carriedOut(new SharedWorker(url, { type: "module", name }).port, order);
  frame.remove();
}

test.each([
  ["own", "opening"],
  ["own", "reading"],
  ["own", "writing"],
  ["shared", "opening"],
  ["shared", "reading"],
  ["shared", "writing"],
] as const)(
  "a page's %s worker that was ended after %s holds no store and no deletion up",
  async (kind, at) => {
    for (let i = 0; i < 3; i += 1) {
      const name = `ended-${kind}-${at}-${Date.now()}-${i}`;
      const endWorker = kind === "own" ? endOwnWorker : endSharedWorker;
      await Promise.all([endWorker({ name, at }), endWorker({ name, at })]);
      const database = await settled(indexedDB.open(name));
      const store = database.transaction("store", "readwrite").objectStore("store");
      await settled(store.put("last", 1));
      database.close();
      await settled(indexedDB.deleteDatabase(name));
      const databases = await indexedDB.databases();
      expect(databases.map((known) => known.name)).not.toContain(name);
    }
  },
);
