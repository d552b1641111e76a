/** The table of cases on Node's own API: a case that fails here is a bad case. */
import * as native from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { conformanceSuite } from "../conformance/suite.ts";
import { plant } from "../conformance/table.ts";

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "minifo-conformance-"));
});
afterAll(() => rm(scratch, { recursive: true }));

conformanceSuite({
  name: "node:fs/promises",
  isRoot: process.getuid?.() === 0,
  begin: async ({ given = {} }, index) => {
    // Its types say Buffer where ours say Uint8Array; a Buffer is one.
    const fs = native as unknown as FsPromises;
    const root = join(scratch, String(index));
    await fs.mkdir(root);
    await plant(fs, root, given);
    return { fs, root };
  },
});
