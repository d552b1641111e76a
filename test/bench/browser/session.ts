/**
 * One contender's round: a Chromium with a new profile does all the work in its order, is killed right behind the awaited
 * overwrites and again behind the last writes, and what it left is looked at each time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright";
import { type KillableBrowser, startBrowser } from "../../e2e/killable-browser.ts";
import { isOtherDatabaseThere } from "../../e2e/other-database.ts";
import { BrowserMemory } from "../../rig/browser-memory.ts";
import type { PageName } from "./bundle.ts";
import type { Quantity } from "./rows.ts";
import type { TreeServer } from "./server.ts";
import type { Look, Step } from "./subject.ts";

/** Who does the work. */
export interface Contender {
  readonly page: PageName;
  /** Path of its base from the server's root. */
  readonly base: string;
}

/** What one round gave. */
export interface Round {
  /** By step: its quantities, or what stands in their place. */
  readonly steps: ReadonlyMap<Step, Partial<Record<Quantity, number>> | { instead: string }>;
  /** By look: what was wrong. */
  readonly wrong: ReadonlyMap<Look, string>;
}

const mebibyte = 2 ** 20;
/** Thrown by a kill after which a database that is nobody's here is gone, too. */
const dropped = new Error("the browser dropped every database of the origin");

export class Session {
  readonly #contender: Contender;
  readonly #server: TreeServer;
  readonly #profile = mkdtempSync(join(tmpdir(), "minifo-bench-profile-"));
  readonly #steps = new Map<Step, Partial<Record<Quantity, number>> | { instead: string }>();
  readonly #wrong = new Map<Look, string>();
  readonly #progress: (step: string) => void;
  #browser: KillableBrowser | undefined;
  #page: Page | undefined;

  constructor(contender: Contender, server: TreeServer, progress: (step: string) => void) {
    this.#contender = contender;
    this.#server = server;
    this.#progress = progress;
  }

  /**
   * Does all of it once. Undefined if the browser, when it was killed, dropped the databases of everybody: then what is left
   * says nothing of the contender.
   */
  async round(): Promise<Round | undefined> {
    try {
      await this.#start();
      await this.#asked(isOtherDatabaseThere);
      await this.#openAndRead();
      await this.#step("overwrite");
      await this.#restart();
      await this.#open();
      await this.#look("append", "a kill");
      await this.#look("overwrite", "a kill");
      await this.#step("overwrite at once");
      await this.#step("delete");
      await this.#step("rename");
      await this.#load();
      await this.#step("open again");
      for (const look of ["overwrite at once", "delete", "rename"] as const) {
        await this.#look(look, "a reload");
      }
      await this.#survive();
      return { steps: this.#steps, wrong: this.#wrong };
    } catch (error) {
      if (error === dropped) return undefined;
      throw error;
    } finally {
      await this.#browser?.kill();
      rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  async #openAndRead(): Promise<void> {
    const { endpoint } = this.#browser as KillableBrowser;
    const memory = await BrowserMemory.at(endpoint, this.#server.url);
    const before = await memory.held(true);
    await this.#step("open");
    await this.#step("stat");
    await this.#step("stat root");
    await this.#step("walk", async () => ({
      heap: ((await memory.held(true)) - before) / mebibyte,
    }));
    await memory.close();
    for (const step of ["read", "read again", "read at once", "middle", "chunk"] as const) {
      await this.#step(step);
    }
    const stored = await this.#stored();
    await this.#step("append", async () => ({ stored: ((await this.#stored()) - stored) / 1024 }));
  }

  async #survive(): Promise<void> {
    await this.#step("write");
    await this.#restart();
    const survivors = await this.#asked(() => bench.countSurvivors());
    const write = this.#steps.get("write");
    if (write && !("instead" in write)) write.survivors = survivors;
  }

  /** Does a step and keeps what it took, with what `more` tells after it. */
  async #step(step: Step, more?: () => Promise<Partial<Record<Quantity, number>>>): Promise<void> {
    this.#progress(step);
    this.#server.takeFetched();
    try {
      const { time_ms, wrong } = await this.#asked((name) => bench.run(name), step);
      const fetched = this.#server.takeFetched().bytes / 1024;
      if (wrong !== undefined) {
        this.#steps.set(step, { instead: `wrong result: ${wrong}` });
        return;
      }
      this.#steps.set(step, { time: time_ms, fetched, ...(await more?.()) });
    } catch (error) {
      this.#steps.set(step, { instead: `cannot: ${firstLine(error)}` });
    }
  }

  async #look(look: Look, after: string): Promise<void> {
    this.#progress(`looking at ${look}`);
    const wrong = await this.#asked((name) => bench.look(name), look).catch(firstLine);
    if (wrong !== undefined) this.#wrong.set(look, `${wrong} after ${after}`);
  }

  #stored(): Promise<number> {
    return this.#asked(() => bench.stored());
  }

  /** Opens the file system once more, unmeasured: after a restart. */
  async #open(): Promise<void> {
    await this.#asked(async () => {
      await bench.run("open");
    });
  }

  #asked<T, A>(ask: (value: A) => Promise<T>, value?: A): Promise<T> {
    if (!this.#page) throw new Error("bug: asked before the page was there");
    return this.#page.evaluate(ask as never, value) as Promise<T>;
  }

  async #restart(): Promise<void> {
    await this.#browser?.kill();
    await this.#start();
    if (!(await this.#asked(isOtherDatabaseThere))) throw dropped;
  }

  async #start(): Promise<void> {
    this.#browser = await startBrowser(this.#profile);
    this.#page = await this.#browser.context.newPage();
    await this.#load();
  }

  async #load(): Promise<void> {
    const { page, base } = this.#contender;
    const url = new URL(`app/${page}.html?${new URLSearchParams({ base })}`, this.#server.url);
    await this.#page?.goto(url.href);
    await this.#page?.waitForFunction(() => "bench" in globalThis);
  }
}

function firstLine(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return words.split("\n")[0]?.replace(/^page\.evaluate: (Error: )?/, "") ?? "";
}
