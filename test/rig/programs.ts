/**
 * Where Debian's packages put the browsers that the suites drive. Nothing is downloaded: a browser that is missing is
 * named by `test/run` and its suite counted as skipped.
 */
import { accessSync, constants, readdirSync } from "node:fs";

/** Debian's chromium. */
export const chromium = "/usr/bin/chromium";

/** Debian's firefox-esr. */
export const firefox = "/usr/bin/firefox-esr";

/** The WebDriver of Debian's webkit2gtk-driver. */
export const webKitWebDriver = "/usr/bin/WebKitWebDriver";

/** The X server without a screen that WebKitGTK draws on. */
export const xvfb = "/usr/bin/Xvfb";

/** The browser WebKitWebDriver starts, which lies under a directory named after the machine's architecture. */
export function miniBrowser(): string {
  for (const architecture of readdirSync("/usr/lib")) {
    const path = `/usr/lib/${architecture}/webkit2gtk-4.1/MiniBrowser`;
    if (isProgram(path)) return path;
  }
  throw new Error("MiniBrowser is not there: install webkit2gtk-driver");
}

/** Whether `path` is there and may be run. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Absent and forbidden are the same answer here.
    return false;
  }
}
