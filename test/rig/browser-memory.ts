/**
 * What the pages of a Chromium and their workers hold: JavaScript's heap, the engine's own objects beside it, and the
 * buffers of typed arrays, summed over every page, worker and shared worker of one origin. What the browser process
 * keeps for them (IndexedDB, HTTP cache) is not among it.
 */
import puppeteer, { type Browser, type CDPSession } from "puppeteer-core";

/** What CDP's Runtime.getHeapUsage tells. */
interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

/** See the head of this file. */
export class BrowserMemory {
  readonly #browser: Browser;
  readonly #origin: string;
  readonly #sessions = new Map<object, Promise<CDPSession>>();

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  /** Over the DevTools protocol at `endpoint`, for what runs below the URL `origin`. */
  static async at(endpoint: string, origin: string): Promise<BrowserMemory> {
    const browser = await puppeteer.connect({
      browserWSEndpoint: endpoint,
      defaultViewport: null,
    });
    return new BrowserMemory(browser, origin);
  }

  /** Bytes held now; with `collected`, garbage apart. */
  async held(collected: boolean): Promise<number> {
    const usages = (await this.#all()).map((session) => usedIn(session, collected));
    return (await Promise.all(usages)).reduce((sum, bytes) => sum + bytes, 0);
  }

  async close(): Promise<void> {
    await this.#browser.disconnect();
  }

  /** A session with each page and worker there is. */
  async #all(): Promise<CDPSession[]> {
    const found: Promise<CDPSession>[] = [];
    for (const target of this.#browser.targets()) {
      if (!target.url().startsWith(this.#origin)) continue;
      const type = target.type();
      if (type !== "page" && type !== "shared_worker" && type !== "service_worker") continue;
      let session = this.#sessions.get(target);
      if (!session) {
        session = target.createCDPSession();
        this.#sessions.set(target, session);
      }
      found.push(session);
      if (type !== "page") continue;
      const page = await target.page();
      for (const worker of page?.workers() ?? []) found.push(Promise.resolve(worker.client));
    }
    return Promise.all(found);
  }
}

async function usedIn(session: CDPSession, collected: boolean): Promise<number> {
  try {
    if (collected) await session.send("HeapProfiler.collectGarbage");
    const usage = (await session.send("Runtime.getHeapUsage")) as HeapUsage;
    return usage.usedSize + (usage.embedderHeapUsedSize ?? 0) + (usage.backingStorageSize ?? 0);
  } catch (error) {
    // What has ended meanwhile holds nothing.
    if (error instanceof Error && /closed|detached|not found/i.test(error.message)) return 0;
    throw error;
  }
}
