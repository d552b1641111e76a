/**
 * A Chromium with a profile that lasts, which a test can kill as an accident would, and which Playwright drives over the
 * DevTools protocol; the process is ours.
 */
import type { ChildProcess } from "node:child_process";
import { type Browser, type BrowserContext, chromium } from "playwright";
import { startEngine } from "../rig/killable-engines.ts";

/** A running browser. */
export interface KillableBrowser {
  readonly context: BrowserContext;
  /** Where its DevTools protocol is, for who wants to ask what Playwright has no words for. */
  readonly endpoint: string;
  /** Kills the browser and every process it has; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts Chromium on the profile in the directory `profile`, which it creates if there is none. */
export async function startBrowser(profile: string): Promise<KillableBrowser> {
  const engine = await startEngine("chromium", profile, "about:blank", "pipe");
  let browser: Browser;
  let endpoint: string;
  try {
    endpoint = await endpointOf(engine.process);
    browser = await chromium.connectOverCDP(endpoint);
  } catch (error) {
    await engine.kill();
    throw error;
  }
  const [context] = browser.contexts();
  if (!context) throw new Error("bug: a browser without its default context");
  return { context, endpoint, kill: engine.kill };
}

/** Chromium tells on stderr where it listens. */
function endpointOf(child: ChildProcess): Promise<string> {
  let told = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (text) => {
      told += text;
      const endpoint = /DevTools listening on (ws:\S+)/.exec(told)?.[1];
      if (endpoint) resolve(endpoint);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${told}`)));
  });
}
