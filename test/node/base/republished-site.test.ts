/** An overlay over a real site that is published again: what counts as new content, and what its past completes. */
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { indexTree } from "../../../node/base/indexing.ts";
import { packTree } from "../../../node/base/packing.ts";
import { serveDirectory } from "../../../node/static-server.ts";
import {
  fsOf,
  httpFetcher,
  MemoryDisk,
  Overlay,
  openManifestBase,
  openMemoryStorage,
  pollingBase,
  run,
} from "../../../src/index.ts";
import { temporaryDirectory, treeOnDisk } from "./tree-on-disk.ts";

const long = (letter: string) => letter.repeat(300_000);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A site that is published in one layout, and an overlay that lies over it with one storage. */
class Site {
  readonly tree = treeOnDisk({ long: { content: long("o") }, short: { content: "short" } });
  readonly #disk = new MemoryDisk();
  readonly out: string;
  readonly #layout: "tree" | "packed";
  overlay!: Overlay;
  #url = "";

  constructor(layout: "tree" | "packed") {
    this.#layout = layout;
    this.out = layout === "tree" ? this.tree : join(temporaryDirectory(), "image");
  }

  static async of(layout: "tree" | "packed"): Promise<Site> {
    const site = new Site(layout);
    await site.publish(0);
    const server = await serveDirectory(site.out);
    onTestFinished(() => server.close());
    site.#url = server.url;
    await site.open();
    return site;
  }

  async publish(keep: number): Promise<void> {
    if (this.#layout === "tree") await indexTree(this.tree);
    else await packTree(this.tree, this.out, { keep, prune: true });
  }

  async open(): Promise<void> {
    const base = await run(openManifestBase({ url: this.#url, fetcher: httpFetcher() }));
    const storage = openMemoryStorage(this.#disk);
    this.overlay = await run(Overlay.open({ base, storage }));
  }

  async reopen(): Promise<void> {
    await run(this.overlay.close());
    await this.open();
  }

  get fs() {
    return fsOf(this.overlay).promises;
  }

  async writeAt(path: string, position: number, words: string): Promise<void> {
    const file = await this.fs.open(path, "r+");
    await file.write(new TextEncoder().encode(words), 0, words.length, position);
    await file.close();
  }

  async told(): Promise<string[]> {
    const changes = await run(this.overlay.changes());
    return changes.map(({ path, state, base }) => `${path} ${state}: ${base ?? "-"}`);
  }

  /** Gives all files other times, with the bytes they had. */
  touch(): void {
    for (const name of ["long", "short"]) utimesSync(join(this.tree, name), 1_234_567, 7_654_321);
  }
}

describe.each(["tree", "packed"] as const)(
  "a site in the %s layout that is published again",
  (layout) => {
    test("with new times but the same bytes has not changed under what is ours in part", async () => {
      const site = await Site.of(layout);
      await site.writeAt("long", 0, "OURS");
      await site.fs.chmod("short", 0o600);
      site.touch();
      await site.publish(0);
      await site.reopen();
      expect(text(await site.fs.readFile("long"))).toBe(`OURS${long("o").slice(4)}`);
      expect((await site.fs.stat("short")).mtime.getTime()).toBe(7_654_321_000);
      // A short file's place in a pack vouches for it, which is not said in its record.
      const behind = layout === "packed" ? "behind" : "-";
      expect(await site.told()).toEqual(["long modified: -", `short attributes: ${behind}`]);
    });

    test("with other bytes of the size and time they had has changed under what is ours of it", async () => {
      const site = await Site.of(layout);
      site.touch();
      await site.publish(0);
      await site.reopen();
      await site.fs.chmod("short", 0o600);
      writeFileSync(join(site.tree, "short"), "other");
      site.touch();
      await site.publish(0);
      await site.reopen();
      expect(await site.told()).toEqual(["short attributes: behind"]);
      expect(text(await site.fs.readFile("short"))).toBe("other");
    });

    test("with a new time shows it, though nothing of the file was recorded", async () => {
      const site = await Site.of(layout);
      expect((await site.fs.stat("long")).mtime.getTime()).not.toBe(7_654_321_000);
      site.touch();
      await site.publish(0);
      await site.reopen();
      expect((await site.fs.stat("long")).mtime.getTime()).toBe(7_654_321_000);
    });

    test("is asked whether it moved, and says so without moving itself", async () => {
      const site = await Site.of(layout);
      const { base } = site.overlay;
      const polling = pollingBase(base);
      if (!polling) throw new Error("it cannot be asked");
      expect(await run(polling.poll())).toBeNull();
      const before = base.identity;
      writeFileSync(join(site.tree, "new"), "new");
      await site.publish(1);
      const moved = await run(polling.poll());
      expect(moved).toMatch(/^sha256:/);
      expect(moved).not.toBe(before);
      expect(base.identity).toBe(before);
      await expect(site.fs.stat("new")).rejects.toMatchObject({ code: "ENOENT" });
      await site.reopen();
      expect(site.overlay.base.identity).toBe(moved);
      expect(text(await site.fs.readFile("new"))).toBe("new");
      // What is no manifest is no newer one.
      const now = pollingBase(site.overlay.base);
      const manifest = join(layout === "tree" ? site.tree : site.out, "minifo.json");
      writeFileSync(manifest, "<html>");
      await expect(run(now?.poll() ?? never())).rejects.toMatchObject({ code: "EPROTO" });
      rmSync(manifest);
      await expect(run(now?.poll() ?? never())).rejects.toMatchObject({ code: "ENOENT" });
    });
  },
);

describe("a packed site with new content", () => {
  /** Changes a part of a long file, has other bytes published as often as `keeps` says, and opens it again. */
  async function moved(...keeps: readonly number[]): Promise<Site> {
    const site = await Site.of("packed");
    await site.writeAt("long", 0, "OURS");
    for (const [at, keep] of keeps.entries()) {
      writeFileSync(join(site.tree, "long"), long("nmp".charAt(at)));
      await site.publish(keep);
    }
    await site.reopen();
    return site;
  }

  test("and the generation before it completes what is ours in part from that", async () => {
    const site = await moved(1);
    expect(await site.told()).toEqual(["long modified: conflict"]);
    expect(text(await site.fs.readFile("long"))).toBe(`OURS${long("o").slice(4)}`);
    await site.writeAt("long", 200_000, "MORE");
    await site.reopen();
    expect(text((await site.fs.readFile("long")).subarray(199_999, 200_005))).toBe("oMOREo");
  });

  test("and two generations before it does so from the older one", async () => {
    const site = await moved(2, 2);
    expect(await site.told()).toEqual(["long modified: conflict"]);
    expect(text(await site.fs.readFile("long"))).toBe(`OURS${long("o").slice(4)}`);
  });

  test.each([
    ["nothing before it", [0]],
    ["another generation before it", [1, 1]],
  ])("and %s leaves that broken, and mixes nothing", async (_, keeps) => {
    const site = await moved(...keeps);
    expect(await site.told()).toEqual(["long modified: broken"]);
    const file = await site.fs.open("long", "r");
    const into = new Uint8Array(6);
    await file.read(into, 0, 6, 0);
    expect(text(into)).toBe("OURSoo");
    await expect(file.read(into, 0, 6, 200_000)).rejects.toMatchObject({ code: "ESTALE" });
    await file.close();
  });
});

function never(): never {
  throw new Error("it cannot be asked");
}
