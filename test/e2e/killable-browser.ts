/**
 * A Chromium with a profile that lasts, which a test can kill as an accident would: with SIGKILL, at once, without a
 * word to its pages. Playwright drives it over the DevTools protocol; the process is ours.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium } from "playwright";
import { chromium as executable } from "../rig/programs.ts";

/** A running browser. */
export interface KillableBrowser {
  readonly context: BrowserContext;
  /** Where its DevTools protocol is, for who wants to ask what Playwright has no words for. */
  readonly endpoint: string;
  /** Kills the browser and every process it has; resolves when it is gone. */
  kill(): Promise<void>;
}

const options = [
  "--headless=new",
  "--no-sandbox",
  "--no-first-run",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--password-store=basic",
  "--remote-debugging-port=0",
  "--window-size=1440,900",
  "about:blank",
];

/** Starts Chromium on the profile in the directory `profile`, which it creates if there is none. */
export async function startBrowser(profile: string): Promise<KillableBrowser> {
  // What it leaves behind when it is killed lies in the profile too, and goes with it.
  const temporary = join(profile, "tmp");
  mkdirSync(temporary, { recursive: true });
  const child = spawn(executable, [`--user-data-dir=${profile}`, ...options], {
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exited;
  };
  let browser: Browser;
  let endpoint: string;
  try {
    endpoint = await endpointOf(child);
    browser = await chromium.connectOverCDP(endpoint);
  } catch (error) {
    await kill();
    throw error;
  }
  const [context] = browser.contexts();
  if (!context) throw new Error("bug: a browser without its default context");
  return { context, endpoint, kill };
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
