/**
 * Runs browser suites in WebKitGTK's MiniBrowser: WebKitWebDriver for control, Xvfb for a screen. Every program that is
 * started here is ended by `close`, and by the end of this process at the latest.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { defineBrowserProvider } from "@vitest/browser";
import type { BrowserProvider, BrowserProviderOption } from "vitest/node";
import { miniBrowser, webKitWebDriver } from "./programs.ts";
import { startScreen } from "./screen.ts";

/** Milliseconds until a driver that does not listen is given up. */
const startDeadline_ms = 30_000;

class WebKitOverDriver implements BrowserProvider {
  readonly name = "webkitgtk";
  readonly supportsParallelism = false;
  readonly #children: ChildProcess[] = [];
  #driver = "";
  #session: Promise<string> | undefined;

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(_sessionId: string, url: string): Promise<void> {
    this.#session ??= this.#start();
    await this.#call("POST", `${await this.#session}/url`, { url });
  }

  async close(): Promise<void> {
    try {
      if (this.#session) await this.#call("DELETE", await this.#session);
    } finally {
      process.off("exit", this.#endChildren);
      this.#endChildren();
    }
  }

  /** Starts screen, driver and browser; returns the path of the session. */
  async #start(): Promise<string> {
    process.on("exit", this.#endChildren);
    const { child, display } = await startScreen();
    this.#children.push(child);
    const port = await freePort();
    this.#children.push(
      spawn(webKitWebDriver, [`--port=${port}`, "--host=127.0.0.1"], {
        env: { ...process.env, DISPLAY: display },
        stdio: "ignore",
      }),
    );
    this.#driver = `http://127.0.0.1:${port}`;
    await this.#listening();
    const browserOptions = { binary: miniBrowser(), args: ["--automation"] };
    const session = await this.#call("POST", "/session", {
      capabilities: {
        alwaysMatch: { "webkitgtk:browserOptions": browserOptions },
      },
    });
    return `/session/${(session as { sessionId: string }).sessionId}`;
  }

  async #listening(): Promise<void> {
    const deadline = Date.now() + startDeadline_ms;
    for (;;) {
      try {
        await fetch(`${this.#driver}/status`);
        return;
      } catch (error) {
        if (Date.now() > deadline)
          throw new Error("WebKitWebDriver does not listen", { cause: error });
        await pause(50);
      }
    }
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.#driver + path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    const { value } = (await response.json()) as {
      value: { error?: string; message?: string } | null;
    };
    if (value?.error)
      throw new Error(`WebKitWebDriver: ${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  readonly #endChildren = (): void => {
    for (const child of this.#children.splice(0).reverse()) child.kill();
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("bug: a TCP server without a port");
  server.close();
  await once(server, "close");
  return address.port;
}

/** The vitest provider that runs suites in WebKitGTK. */
export function webKitOverDriver(): BrowserProviderOption {
  return defineBrowserProvider({
    name: "webkitgtk",
    supportedBrowser: ["webkit"],
    options: {},
    providerFactory: () => new WebKitOverDriver(),
  });
}
