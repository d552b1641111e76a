/**
 * The two stages in which a page gets its overlay, in three engines: what opens and reads is there at once, what changes
 * things is asked for right after it. Firefox never asks again for a module that it could not load, so that there a page
 * that wants to change something then has to be loaded anew.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Engine, type RunningEngine, startEngine } from "../rig/killable-engines.ts";
import { baseFiles } from "./lab/churn.ts";
import { LabServer } from "./lab/lab.ts";

/** What is loaded in the second stage: by the worker, and by the page. */
const ofWorker = /^app\/.*whole-core/;
const ofPage = /^app\/.*remote-file/;
const secondStage = /^app\/.*(whole-core|remote-file)/;
/** All that a page needs a network for; its orders come another way. */
const everything = /^(app|base)\//;

const [path = "", text = ""] = Object.entries(baseFiles)[0] ?? [];

let scratch: string;
let lab: LabServer;
let running: RunningEngine | undefined;

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), "minifo-stages-"));
  lab = await LabServer.start(scratch);
});

afterEach(async () => {
  await kill();
  await lab.close();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

async function start(engine: Engine): Promise<void> {
  running = await startEngine(engine, join(scratch, "profile"), lab.url({ orders: true }));
  await lab.order("open");
}

async function kill(): Promise<void> {
  await running?.kill();
  running = undefined;
  lab.forget();
}

describe.each<Engine>(["chromium", "firefox", "webkit"])("%s", (engine) => {
  test("opens and reads by the first stage alone, fails to change without losing anything while the second cannot be loaded, and changes without a network once it is there", async () => {
    lab.treat(secondStage, "held");
    await start(engine);
    const first = await lab.order("look", `/${path}`);
    expect(first).toMatchObject({ text, size: text.length });
    expect(first.names).toContain(path.split("/")[0]);
    // Nobody has asked for a change.
    await lab.untilAsked(ofWorker);
    await lab.untilAsked(ofPage);

    lab.treat(secondStage, "cut");
    const error = await lab.order("tryToWrite", "/kept", "text");
    expect(error).toMatch(
      /^EIO: .*, writeFile '\/kept': .*could not be loaded.*nothing was changed/,
    );
    expect(await lab.order("look", `/${path}`)).toEqual(first);

    lab.treat(secondStage, "at once");
    if (engine === "firefox") {
      await kill();
      await start(engine);
    }
    expect(await lab.order("countChanges", `/${path}`)).toBe(0);
    expect(await lab.order("look", `/${path}`)).toEqual(first);
    lab.treat(everything, "cut");
    expect(await lab.order("tryToWrite", "/kept", "text")).toBe("");
    await lab.order("changeAll", `/${path}`);
    const paths = [
      "/kept",
      "/made/renamed",
      "/made/symlink",
      "/made/copy",
      "/made/short",
      `/${path}`,
    ];
    const more = `${text} and more`;
    expect(await lab.order("texts", paths)).toEqual(["text", more, more, more, "ENOENT", "ENOENT"]);
  });
});
