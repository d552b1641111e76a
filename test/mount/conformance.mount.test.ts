/** The table of cases through the kernel: Node's own API on a mount over an empty base, in each of its profiles. */
import * as native from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { conformanceSuite } from "../conformance/suite.ts";
import { plant } from "../conformance/table.ts";
import { describeMount, Scratch } from "./fixture.ts";

for (const words of ["rw", "stable,noopen", "writeback"])
  describeMount(`through a mount, ${words}`, inMount(words));

function inMount(words: string): () => void {
  return () => {
    let scratch: Scratch;
    beforeAll(async () => {
      scratch = await Scratch.forFile({});
      await scratch.mount(scratch.base, "-o", words);
    });
    afterAll(async () => {
      await scratch.unmount();
      await scratch.clear();
    });

    conformanceSuite({
      name: "node:fs/promises",
      begin: async ({ given = {} }, index) => {
        const fs = native as unknown as FsPromises;
        const root = join(scratch.mountpoint, String(index));
        await mkdir(root);
        await plant(fs, root, given);
        return { fs, root };
      },
    });
  };
}
