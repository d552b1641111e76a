/**
 * A host whose pages come and go while it opens a base that answers slowly. IndexedDB and Web Locks are simulated here; the
 * real ones are in ownership.browser.test.ts, where nobody can say when an opening is under way.
 */
import "fake-indexeddb/auto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { indexTree } from "../../node/base/indexing.ts";
import { hostOf } from "../../web/host.ts";
import { treeOnDisk } from "../node/base/tree-on-disk.ts";

/** Exclusive locks, granted in turn; nobody here steals one or asks whether it is free. */
class SimulatedLocks {
  readonly #last = new Map<string, Promise<unknown>>();

  async request(name: string, ...rest: unknown[]): Promise<unknown> {
    const act = rest.at(-1) as () => Promise<unknown>;
    const { signal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal };
    const before = this.#last.get(name);
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    const acting = Promise.race([before?.catch(() => {}), aborted]).then(act);
    this.#last.set(name, Promise.allSettled([before, acting]));
    return acting;
  }
}

beforeAll(() => {
  vi.stubGlobal("navigator", { locks: new SimulatedLocks() });
  vi.stubGlobal("self", { location: new URL("http://page.localhost/") });
  return () => vi.unstubAllGlobals();
});

/** A site whose answers are held back until they are let go. */
async function slowSite() {
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  let letGo = (): void => {};
  const isLetGo = new Promise<void>((resolve) => (letGo = resolve));
  const tree = treeOnDisk({ "f.txt": "text" });
  await indexTree(tree);
  const manifest = readFileSync(join(tree, "minifo.json"));
  const server = createServer(async (_request, response) => {
    asked();
    await isLetGo;
    response.end(manifest);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    letGo();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, isAsked, letGo };
}

test("a page that leaves while its host opens a base ends that, and one that comes meanwhile tries again", async () => {
  const site = await slowSite();
  const host = hostOf("left-while-opening");
  const [first, second] = [{}, {}];
  host.enter(first);
  const opening = host.become(site.url);
  await site.isAsked;
  const left = host.left(first);
  host.enter(second);
  const meanwhile = host.become(site.url);
  await expect(opening).rejects.toMatchObject({ name: "Moved" });
  await expect(meanwhile).rejects.toMatchObject({ name: "Moved" });
  await left;
  const again = host.become(site.url);
  site.letGo();
  const core = await again;
  expect(host.ownCore()).toBe(core);
  await host.left(second);
  expect(() => host.ownCore()).toThrow();
});
