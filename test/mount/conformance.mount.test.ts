/** The table of cases through the kernel: Node's own API on a mount over an empty base. */
import * as native from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { conformanceSuite } from "../conformance/suite.ts";
import { plant } from "../conformance/table.ts";
import { describeMount, Scratch } from "./fixture.ts";

describeMount("through a mount", () => {
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = await Scratch.forFile({});
    await scratch.mount(scratch.base);
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
});
