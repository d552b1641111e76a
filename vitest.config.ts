/**
 * Test projects, told apart by suffix: quick and slow tests in Node, tests on a real mount, end-to-end tests, and the
 * browser suites, which the same files are in three real engines. `test/run` runs them all.
 */
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import type { BrowserProviderOption } from "vitest/node";
import { bases } from "./test/rig/bases.ts";
import { bundledWorker } from "./test/rig/bundled-worker.ts";
import { firefoxOverBidi } from "./test/rig/firefox.ts";
import { hostedSites } from "./test/rig/hosted-sites.ts";
import { chromium, firefox } from "./test/rig/programs.ts";
import { realImage } from "./test/rig/real-image.ts";
import { webKitOverDriver } from "./test/rig/webkit.ts";

const suffixed = ["slow", "mount", "e2e", "browser"].map((suffix) => `test/**/*.${suffix}.test.ts`);

/** What a test or a hook may take, in place of what is usual: for the soak, whose counts are a hundred times as large. */
const patience_ms = process.env.MINIFO_PATIENCE_MS
  ? Number(process.env.MINIFO_PATIENCE_MS)
  : undefined;

/** How long a condition is waited for: a busy machine may stand still for longer than the second that is usual. */
const expect = { poll: { timeout: 20_000 } };

/** A project of tests in Node, `workers` files at a time, or as many as there are processors. */
function inNode(name: string, include: string, timeout_ms: number, workers?: number) {
  return {
    extends: true as const,
    test: {
      name,
      expect,
      include: [include],
      setupFiles: ["test/rig/own-cache.ts"],
      exclude: suffixed.filter((pattern) => pattern !== include),
      testTimeout: patience_ms ?? timeout_ms,
      hookTimeout: patience_ms ?? timeout_ms,
      ...(workers !== undefined && { maxWorkers: workers }),
    },
  };
}

function inBrowser(browser: "chromium" | "firefox" | "webkit", provider: BrowserProviderOption) {
  return {
    extends: true as const,
    plugins: [bases(), bundledWorker(), realImage(), hostedSites()],
    // Each engine its own, or each would throw away what the one before prepared.
    cacheDir: `node_modules/.vite/${browser}`,
    test: {
      // A project may not be called like its only instance, and it is the instance that --project names.
      name: `in ${browser}`,
      expect,
      include: ["test/**/*.browser.test.ts"],
      testTimeout: patience_ms ?? 60_000,
      hookTimeout: patience_ms ?? 60_000,
      fileParallelism: false,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider,
        instances: [{ browser, name: browser }],
      },
    },
  };
}

export default defineConfig({
  // WebKit knows no `using`, no Symbol.asyncDispose.
  oxc: { target: "es2022" },
  // Found by the scan only once a suite runs, they would reload the page under it.
  optimizeDeps: {
    include: ["comlink", "fast-check", "htmlparser2", "idb", "@noble/hashes/sha2.js", "mrmime"],
  },
  test: {
    projects: [
      inNode("quick", "test/**/*.test.ts", 60_000),
      inNode("slow", "test/**/*.slow.test.ts", 120_000),
      // They wait for other processes most of the time.
      inNode("mount", "test/**/*.mount.test.ts", 120_000, 4),
      inNode("e2e", "test/**/*.e2e.test.ts", 180_000, 1),
      inBrowser(
        "chromium",
        playwright({
          launchOptions: {
            executablePath: chromium,
            args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
          },
        }),
      ),
      inBrowser("firefox", firefoxOverBidi(firefox)),
      inBrowser("webkit", webKitOverDriver()),
    ],
  },
});
