/**
 * Many tabs on one storage, in both kinds of ownership. A tab is a connection of its own here; where it matters it has a
 * worker of its own, which can be killed or stopped. Real tabs are in
 * test/e2e/workbench.e2e.test.ts, and crash in test/e2e/tabs.e2e.test.ts.
 */
import { afterEach, describe, expect, test } from "vitest";
import { openOverlayWith } from "../../web/client.ts";
import {
  deleteIndexedDbStorage,
  OverlayChangeEvent,
  openOverlay,
  type PageOverlay,
} from "../../web/index.ts";
import { baseUrl, undeletedStorage, unusedStorage } from "./opened.ts";

const open = new Set<PageOverlay>();
const workers = new Set<Worker>();

/** A heart that beats when it is told to. */
class Heart {
  #tick: () => void = () => {};
  readonly heartbeat = (tick: () => void) => {
    this.#tick = tick;
    return () => {};
  };

  /** Beats until `promise` settles, each time leaving room for an answer, also of an owner on a busy machine. */
  async beatUntil<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    for (let beats = 0; !settled && beats < 200; beats += 1) {
      this.#tick();
      await Promise.race([
        watched.catch(() => {}),
        new Promise((resolve) => setTimeout(resolve, 250)),
      ]);
    }
    if (!settled) throw new Error("200 heartbeats changed nothing");
    return watched;
  }
}

type Ownership = "shared" | "tab";

async function tab(storage: string, ownership: Ownership, heart = new Heart()) {
  const options = { base: baseUrl("site"), storage, ownership };
  const overlay = await openOverlayWith(options, heart.heartbeat);
  open.add(overlay);
  return overlay;
}

/** A tab whose worker can be killed. */
async function mortalTab(storage: string, heart = new Heart()) {
  const worker = new Worker(new URL("../../web/worker.ts", import.meta.url), { type: "module" });
  workers.add(worker);
  const options = { base: baseUrl("site"), storage, worker };
  const overlay = await openOverlayWith(options, heart.heartbeat);
  open.add(overlay);
  return { overlay, fs: overlay.fs.promises, kill: () => worker.terminate() };
}

async function close(overlay: PageOverlay): Promise<void> {
  open.delete(overlay);
  await overlay.close();
}

afterEach(async () => {
  await Promise.all([...open].map(close));
  for (const worker of workers) worker.terminate();
  workers.clear();
});

const kinds: readonly Ownership[] = "SharedWorker" in globalThis ? ["shared", "tab"] : ["tab"];

describe.each(kinds)("ownership: %s", (ownership) => {
  test("two tabs opened at the same instant see each other's changes at once", async () => {
    const storage = unusedStorage();
    const [a, b] = await Promise.all([tab(storage, ownership), tab(storage, ownership)]);
    await a.fs.promises.writeFile("/from-a", "a");
    expect(await b.fs.promises.readFile("/from-a", "utf8")).toBe("a");
    await b.fs.promises.rename("/from-a", "/from-b");
    expect(await a.fs.promises.readdir("/")).toContain("from-b");
    expect(await a.status()).toEqual(await b.status());
    expect(a.id).toBe(b.id);
  });

  test("the tab that was first closes, and the other one goes on where it was", async () => {
    const storage = unusedStorage();
    const first = await tab(storage, ownership);
    const second = await tab(storage, ownership);
    await first.fs.promises.writeFile("/kept", "by the first");
    const underWay = second.fs.promises.writeFile("/under-way", "by the second");
    await close(first);
    await underWay;
    expect(await second.fs.promises.readFile("/kept", "utf8")).toBe("by the first");
    expect(await second.fs.promises.readFile("/under-way", "utf8")).toBe("by the second");
  });

  test("ten tabs write side by side, close one after the other, and nothing is lost", async () => {
    const storage = unusedStorage();
    const tabs = await Promise.all(Array.from({ length: 10 }, () => tab(storage, ownership)));
    const written: string[] = [];
    await Promise.all(
      tabs.map(async (overlay, number) => {
        for (let i = 0; i < 4; i += 1) {
          await overlay.fs.promises.writeFile(`/${number}-${i}`, `${number}`);
          written.push(`${number}-${i}`);
        }
        if (number < 9) await close(overlay);
      }),
    );
    const last = tabs[9] as PageOverlay;
    expect(await last.fs.promises.readdir("/")).toEqual(expect.arrayContaining(written));
    await close(last);
    const again = await tab(storage, ownership);
    expect(await again.fs.promises.readdir("/")).toEqual(expect.arrayContaining(written));
  });

  test("a change is told to every tab: as an event, and to its watchers", async () => {
    const storage = unusedStorage();
    const a = await tab(storage, ownership);
    const b = await tab(storage, ownership);
    const heard = [a, b].map(
      (overlay) =>
        new Promise<OverlayChangeEvent>((resolve) => overlay.addEventListener("change", resolve)),
    );
    const watching = b.fs.promises.watch("/notes");
    const seen = watching.next();
    await a.fs.promises.writeFile("/notes/new", "text");
    for (const event of await Promise.all(heard)) {
      expect(event).toBeInstanceOf(OverlayChangeEvent);
      expect(event.changes).toContainEqual({ path: "/notes/new", kind: "change" });
    }
    expect(await seen).toEqual({
      done: false,
      value: { eventType: "rename", filename: "new" },
    });
    await watching.return?.();
  });

  test("a deleted storage is told to every tab, and is not silently begun anew", async () => {
    const storage = unusedStorage();
    const tabs = await Promise.all([tab(storage, ownership), tab(storage, ownership)]);
    await tabs[0].fs.promises.writeFile("/f", "gone with the rest");
    const told = tabs.map(
      (overlay) => new Promise((resolve) => overlay.addEventListener("lost", resolve)),
    );
    await deleteIndexedDbStorage(storage);
    await Promise.all(told);
    for (const overlay of tabs) {
      await expect(overlay.fs.promises.readdir("/")).rejects.toMatchObject({ code: "ENODEV" });
      await expect(overlay.fs.promises.writeFile("/g", "")).rejects.toMatchObject({
        code: "ENODEV",
      });
    }
  });

  test("another base in the same storage is refused while it is open", async () => {
    const storage = unusedStorage();
    await tab(storage, ownership);
    const other = openOverlay({ base: baseUrl("empty"), storage, ownership });
    await expect(other).rejects.toMatchObject({ code: "EINVAL" });
    await expect(other).rejects.toThrow(/another base/);
  });
});

describe("a worker that dies before its first answer", () => {
  test("keeps nobody waiting where another tab's has the storage", async () => {
    const storage = unusedStorage();
    const owner = await tab(storage, "tab");
    await owner.fs.promises.writeFile("/f", "text");
    const worker = new Worker(new URL("../../web/worker.ts", import.meta.url), { type: "module" });
    worker.terminate();
    const options = { base: baseUrl("site"), storage, worker };
    const overlay = await openOverlayWith(options, new Heart().heartbeat);
    expect(await overlay.fs.promises.readFile("/f", "utf8")).toBe("text");
    await overlay.close();
  });

  test("and is a shared one, is replaced after eight heartbeats, whoever else answers", async () => {
    const storage = unusedStorage();
    const owner = await tab(storage, "tab");
    await owner.fs.promises.writeFile("/f", "text");
    const worker = { port: new MessageChannel().port1, addEventListener: () => {} };
    const heart = new Heart();
    const options = { base: baseUrl("site"), storage, worker };
    const overlay = await heart.beatUntil(openOverlayWith(options, heart.heartbeat));
    open.add(overlay);
    expect(await overlay.fs.promises.readFile("/f", "utf8")).toBe("text");
    await close(owner);
    await overlay.fs.promises.writeFile("/f", "changed");
  });
});

describe("an owner that ends without a word", () => {
  test("killed in mid-write, is succeeded at once; nothing acknowledged is missing, the file is whole, empty or not there", async () => {
    const storage = undeletedStorage();
    const owner = await mortalTab(storage);
    const other = await tab(storage, "tab");
    for (let i = 0; i < 20; i += 1) await owner.fs.writeFile(`/acknowledged-${i}`, String(i));
    const large = new Uint8Array(300_000).fill(7);
    // The tab that is killed never hears of these.
    owner.fs.writeFile("/in-flight", large).catch(() => {});
    const fromOther = other.fs.promises.writeFile("/from-other", "retried");
    owner.kill();
    await fromOther;
    const { promises } = other.fs;
    for (let i = 0; i < 20; i += 1) {
      expect(await promises.readFile(`/acknowledged-${i}`, "utf8")).toBe(String(i));
    }
    expect(await promises.readFile("/from-other", "utf8")).toBe("retried");
    const names = await promises.readdir("/");
    if (names.includes("in-flight")) {
      const { size } = await promises.stat("/in-flight");
      expect([0, large.length]).toContain(size);
    }
  });

  test("leaves calls that cannot be made twice with an error that says so, and open files with ESTALE", async () => {
    const storage = undeletedStorage();
    const owner = await mortalTab(storage);
    const other = await tab(storage, "tab");
    const { promises } = other.fs;
    await promises.writeFile("/f", "text");
    const file = await promises.open("/f", "r+");
    const calls = Array.from({ length: 50 }, (_, i) =>
      promises.mkdir(`/d${i}`).then(
        () => "done",
        (error: Error) => error,
      ),
    );
    owner.kill();
    for (const result of await Promise.all(calls)) {
      if (typeof result === "string") continue;
      expect(result).toMatchObject({ code: "EIO" });
      expect(result.message).toContain("not known whether it was done");
    }
    await expect(file.read(new Uint8Array(1), 0, 1, 0)).rejects.toMatchObject({ code: "ESTALE" });
    expect(await promises.readFile("/f", "utf8")).toBe("text");
  });

  test("keeps no page from closing, neither its own nor another's", async () => {
    const storage = undeletedStorage();
    const owner = await mortalTab(storage);
    const other = await tab(storage, "tab");
    await other.fs.promises.writeFile("/f", "text");
    owner.kill();
    await Promise.all([close(owner.overlay), close(other)]);
    const next = await tab(storage, "tab");
    expect(await next.fs.promises.readFile("/f", "utf8")).toBe("text");
  });

  test("is succeeded by one of ten, and the others follow", async () => {
    const storage = undeletedStorage();
    const owner = await mortalTab(storage);
    const others = await Promise.all(Array.from({ length: 9 }, () => tab(storage, "tab")));
    await owner.fs.writeFile("/before", "before");
    owner.kill();
    await Promise.all(
      others.map((overlay, i) => overlay.fs.promises.writeFile(`/after-${i}`, `${i}`)),
    );
    for (const overlay of others) {
      const names = await overlay.fs.promises.readdir("/");
      expect(names).toContain("before");
      expect(names.filter((name) => name.startsWith("after-"))).toHaveLength(9);
    }
  });
});

/** WebKitGTK stops the page too while one of its workers waits for a synchronous request, so nothing can be stopped so. */
const cannotFreeze = /AppleWebKit/.test(navigator.userAgent) && !/Chrom/.test(navigator.userAgent);

describe.skipIf(cannotFreeze)("an owner that is frozen", () => {
  /** What the rig's server says to `question` about the worker `name`, asked until it is yes. */
  async function untilYes(name: string, question: "stopped" | "thawed"): Promise<void> {
    for (let tries = 0; tries < 500; tries += 1) {
      const answer = await fetch(`/frozen/${encodeURIComponent(name)}/${question}`);
      if ((await answer.text()) === "yes") return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("the worker never came to stand still");
  }

  /**
   * Stops the worker `name`, and returns once it stands still: a call sent earlier could overtake the order to stop and
   * be stopped inside an IndexedDB transaction, which nobody could then take the storage from.
   */
  async function freeze(name: string): Promise<void> {
    const channel = new BroadcastChannel(`freeze ${name}`);
    channel.postMessage("now");
    await untilYes(name, "stopped");
    channel.close();
  }

  test("is succeeded after eight heartbeats; when it wakes it harms nothing, and its own page goes on with the next", async () => {
    const storage = unusedStorage();
    const name = `worker of ${storage}`;
    const url = new URL("freezable-worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module", name });
    workers.add(worker);
    const options = { base: baseUrl("site"), storage };
    const owner = await openOverlayWith({ ...options, worker }, new Heart().heartbeat);
    open.add(owner);
    const heart = new Heart();
    const other = await tab(storage, "tab", heart);
    await owner.fs.promises.writeFile("/before", "before");
    await freeze(name);
    const late = owner.fs.promises.writeFile("/late", "late");
    await heart.beatUntil(other.fs.promises.writeFile("/meanwhile", "meanwhile"));
    expect(await other.fs.promises.readFile("/before", "utf8")).toBe("before");
    await untilYes(name, "thawed");
    await late;
    expect(await owner.fs.promises.readFile("/meanwhile", "utf8")).toBe("meanwhile");
    expect(await other.fs.promises.readFile("/late", "utf8")).toBe("late");
    expect(await owner.status()).toEqual(await other.status());
  });

  test.skipIf(!("SharedWorker" in globalThis))(
    "and shared by two tabs, is succeeded by the worker of one of them, which serves both",
    async () => {
      const storage = unusedStorage();
      const name = `shared worker of ${storage}`;
      const url = new URL("freezable-worker.ts", import.meta.url);
      const hearts = [new Heart(), new Heart()] as const;
      const [one, two] = await Promise.all(
        hearts.map(async ({ heartbeat }) => {
          const worker = new SharedWorker(url, { type: "module", name });
          const overlay = await openOverlayWith(
            { base: baseUrl("site"), storage, worker },
            heartbeat,
          );
          open.add(overlay);
          return overlay;
        }),
      );
      if (!one || !two) throw new Error("two tabs were opened");
      await one.fs.promises.writeFile("/before", "before");
      await freeze(name);
      const meanwhile = one.fs.promises.writeFile("/meanwhile", "meanwhile");
      const seen = two.fs.promises.readFile("/before", "utf8");
      expect(
        await Promise.all([hearts[0].beatUntil(meanwhile), hearts[1].beatUntil(seen)]),
      ).toEqual([undefined, "before"]);
      expect(await two.fs.promises.readFile("/meanwhile", "utf8")).toBe("meanwhile");
      await untilYes(name, "thawed");
      await two.fs.promises.writeFile("/after", "after");
      expect(await one.fs.promises.readFile("/after", "utf8")).toBe("after");
      expect(await one.status()).toEqual(await two.status());
    },
  );
});

describe("another version of the library", () => {
  test("that has the storage open is named, and left alone", async () => {
    const storage = unusedStorage();
    const other = new BroadcastChannel(`minifo:${storage}`);
    let held = () => {};
    const ready = new Promise<void>((resolve) => {
      navigator.locks.request(`minifo:${storage}`, () => {
        resolve();
        return new Promise<void>((end) => {
          held = end;
        });
      });
    });
    await ready;
    other.onmessage = () => other.postMessage({ protocol: 99, said: { say: "owner" } });
    const opening = openOverlay({ base: baseUrl("site"), storage, ownership: "tab" });
    await expect(opening).rejects.toMatchObject({ code: "EBUSY" });
    await expect(opening).rejects.toThrow(/another version of minifo/);
    held();
    other.close();
  });
});
