/** The golden storage on disk: copied for each test, since opening one writes to it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { holderOf, openDiskStorage } from "../../../node/storage/disk.ts";
import { inspectDiskStorage } from "../../../node/storage/inspection.ts";
import { MemoryBase } from "../../../src/base/memory.ts";
import { check, Overlay, run } from "../../../src/index.ts";
import { goldenTree } from "../../fixtures/golden.ts";
import { goldenSuite } from "../../fixtures/golden-suite.ts";

const golden = fileURLToPath(new URL("../../fixtures/storage-1", import.meta.url));

/** Every file below `directory` with its bytes. */
function filesIn(directory: string): Map<string, Buffer> {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const files = paths.filter((path) => statSync(join(directory, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(directory, path))]));
}

const asItWas = filesIn(golden);

afterAll(() => {
  expect(filesIn(golden)).toEqual(asItWas);
});

function copied(): { readonly directory: string; cleanup(): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), "minifo-golden-"));
  cpSync(golden, directory, { recursive: true });
  return { directory, cleanup: async () => rmSync(directory, { recursive: true }) };
}

goldenSuite("on disk", async () => {
  const { directory, cleanup } = copied();
  return { open: (options) => openDiskStorage(directory, options), cleanup };
});

describe("the golden storage on disk", () => {
  it("is sound, as its dead owner left it and once it was taken over", async () => {
    const { directory, cleanup } = copied();
    const base = new MemoryBase(goldenTree);
    const findings = async () => {
      const storage = inspectDiskStorage(directory);
      const report = await run(check({ storage, base }));
      await run(storage.close());
      return report.findings;
    };
    expect(await findings()).toEqual([]);
    expect(holderOf(directory)).toBeUndefined();
    const before = [...filesIn(join(directory, "content")).keys()];
    const storage = openDiskStorage(directory);
    await run((await run(Overlay.open({ base, storage }))).close());
    expect(await findings()).toEqual([]);
    const after = [...filesIn(join(directory, "content")).keys()];
    expect(before.filter((path) => !after.includes(path))).toEqual(["26/294"]);
    await cleanup();
  });
});
