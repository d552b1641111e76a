/**
 * The three engines as people start them, on a profile that lasts and with one URL to open, killed as an accident would:
 * the browser and every process of its group, with SIGKILL. Nothing here controls them; a page may say by itself how it
 * goes, and Chromium tells on stderr where who wants to control it can.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, firefox, miniBrowser } from "./programs.ts";
import { startScreen } from "./screen.ts";

/** The engines that can be started so. */
export type Engine = "chromium" | "firefox" | "webkit";

/** A browser that runs. */
export interface RunningEngine {
  /** The browser's own process, which began the others. Its stderr is there for who asked for it, and must be read then. */
  readonly process: ChildProcess;
  /** Kills it and every process it has; resolves when it is gone. */
  kill(): Promise<void>;
}

/** What Firefox must not do: ask, fetch updates, talk to anybody. */
const firefoxPreferences = {
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.aboutwelcome.enabled": false,
  "browser.sessionstore.resume_from_crash": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.startup.max_resumed_crashes": -1,
  "app.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.enabled": false,
};

/** How each is started on the profile in a directory. */
const commands: Readonly<
  Record<
    Engine,
    (profile: string, url: string) => { program: string; args: string[]; env?: object }
  >
> = {
  chromium: (profile, url) => ({
    program: chromium,
    args: [
      `--user-data-dir=${profile}`,
      "--headless=new",
      "--no-sandbox",
      "--no-first-run",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--password-store=basic",
      "--window-size=1440,900",
      // Nothing else keeps it alive: without a remote control it would print the page and end.
      "--remote-debugging-port=0",
      url,
    ],
  }),
  firefox: (profile, url) => {
    const lines = Object.entries(firefoxPreferences).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, "user.js"), lines.join(""));
    return { program: firefox, args: ["--headless", "--no-remote", "--profile", profile, url] };
  },
  webkit: (profile, url) => ({
    program: miniBrowser(),
    args: [url],
    env: { XDG_DATA_HOME: profile, XDG_CACHE_HOME: profile, XDG_CONFIG_HOME: profile },
  }),
};

/** Starts `engine` on the profile in the directory `profile`, which it creates if there is none, at `url`. */
export async function startEngine(
  engine: Engine,
  profile: string,
  url: string,
  stderr: "ignore" | "pipe" = "ignore",
): Promise<RunningEngine> {
  // What it leaves behind when it is killed lies in the profile too, and goes with it.
  const temporary = join(profile, "tmp");
  mkdirSync(temporary, { recursive: true });
  const screen = engine === "webkit" ? await startScreen() : undefined;
  const { program, args, env } = commands[engine](profile, url);
  const child = spawn(program, args, {
    detached: true,
    env: {
      ...process.env,
      TMPDIR: temporary,
      ...(screen && { DISPLAY: screen.display }),
      ...env,
    },
    stdio: ["ignore", "ignore", stderr],
  });
  const kill = async (): Promise<void> => {
    process.off("exit", killAtOnce);
    if (killAtOnce()) await once(child, "exit");
    screen?.child.kill();
  };
  const killAtOnce = (): boolean => killGroup(child);
  process.on("exit", killAtOnce);
  return { process: child, kill };
}

/** Whether there was something to be killed. */
function killGroup(child: ChildProcess): boolean {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
  process.kill(-child.pid, "SIGKILL");
  return true;
}
