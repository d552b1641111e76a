/**
 * Runs browser suites in Debian's Firefox ESR over WebDriver BiDi, which puppeteer-core speaks without geckodriver.
 * One browser for the whole run, one page per session, closed at the end.
 */
import { defineBrowserProvider } from "@vitest/browser";
import type { Browser, Page } from "puppeteer-core";
import type { BrowserProvider, BrowserProviderOption } from "vitest/node";

/** Milliseconds until a page that does not load is given up. */
const pageDeadline_ms = 60_000;

class FirefoxOverBidi implements BrowserProvider {
  readonly name = "firefox-bidi";
  readonly supportsParallelism = false;
  readonly #executablePath: string;
  #browser: Promise<Browser> | undefined;
  readonly #pages = new Map<string, Page>();

  constructor(executablePath: string) {
    this.#executablePath = executablePath;
  }

  getCommandsContext(sessionId: string): Record<string, unknown> {
    return { page: this.#pages.get(sessionId) };
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    this.#browser ??= this.#launch();
    const browser = await this.#browser;
    await this.#pages.get(sessionId)?.close();
    const page = await browser.newPage();
    this.#pages.set(sessionId, page);
    await page.goto(url, { timeout: pageDeadline_ms });
  }

  async close(): Promise<void> {
    if (!this.#browser) return;
    const browser = await this.#browser;
    await browser.close();
  }

  async #launch(): Promise<Browser> {
    const { launch } = await import("puppeteer-core");
    return launch({
      browser: "firefox",
      executablePath: this.#executablePath,
      headless: true,
      timeout: pageDeadline_ms,
    });
  }
}

/** The vitest provider that runs suites in the Firefox at `executablePath`. */
export function firefoxOverBidi(executablePath: string): BrowserProviderOption {
  return defineBrowserProvider({
    name: "firefox-bidi",
    supportedBrowser: ["firefox"],
    options: {},
    providerFactory: () => new FirefoxOverBidi(executablePath),
  });
}
