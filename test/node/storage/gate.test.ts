import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeAtGate, openAtGate } from "../../../node/storage/gate.ts";
import { tokenOfThisProcess } from "../../../node/storage/ownership.ts";

describe("the gate before a database", () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "minifo-gate-"));
    path = join(directory, "records.mdb");
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  /** As if a process of this name did so. */
  function say(deed: "opening" | "closing", token = tokenOfThisProcess()): string {
    const file = `${path}-${deed}-7.1-${token}`;
    writeFileSync(file, "");
    return file;
  }

  it("keeps out who opens while a living process closes, and names it", () => {
    const said = say("closing");
    expect(() => openAtGate(path, () => expect.fail("it was opened"), 5)).toThrow(
      `process ${process.pid} is closing the storage`,
    );
    rmSync(said);
    expect(openAtGate(path, () => "open")).toBe("open");
    expect(readdirSync(directory)).toEqual([]);
  });

  it("lets several open at once", () => {
    say("opening");
    expect(openAtGate(path, () => openAtGate(path, () => "open"))).toBe("open");
  });

  it("tells those who look while somebody opens or closes", () => {
    openAtGate(path, () => expect(readdirSync(directory)[0]).toMatch(/^records.mdb-opening-/));
    closeAtGate(path, () => expect(readdirSync(directory)[0]).toMatch(/^records.mdb-closing-/));
  });

  it("closes in the end beside a process that is stopped while it opens", () => {
    say("opening");
    let isClosed = false;
    closeAtGate(path, () => (isClosed = true), 5);
    expect(isClosed).toBe(true);
  });

  it("clears what a process said that has died since, though its number is used again", () => {
    const [pid, started, boot] = tokenOfThisProcess().split(".");
    say("closing", `${pid}.${started}0.${boot}`);
    say("opening", `${pid}.${started}.00000000`);
    expect(openAtGate(path, () => "open", 5)).toBe("open");
    closeAtGate(path, () => {}, 5);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("stands open where nothing can be written", () => {
    const nowhere = join(directory, "missing", "records.mdb");
    expect(openAtGate(nowhere, () => "open")).toBe("open");
  });
});
