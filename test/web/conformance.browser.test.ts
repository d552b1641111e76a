/** The table of POSIX cases through the worker, in every engine: one overlay, a directory for each case. */
import { afterAll, beforeAll } from "vitest";
import type { FsPromises } from "../../src/fs/promises.ts";
import { deleteIndexedDbStorage, openOverlay, type PageOverlay } from "../../web/index.ts";
import { conformanceSuite } from "../conformance/suite.ts";
import { plant } from "../conformance/table.ts";

const storage = `conformance-${Date.now()}`;
let overlay: PageOverlay;

beforeAll(async () => {
  overlay = await openOverlay({ base: new URL("/bases/empty/", location.href).href, storage });
});

afterAll(async () => {
  await overlay.close();
  await deleteIndexedDbStorage(storage);
});

conformanceSuite({
  name: "an overlay through its worker",
  begin: async ({ given = {} }, index) => {
    // The page's API is the same but for its classes of open files and directories.
    const fs = overlay.fs.promises as unknown as FsPromises;
    const root = `/case-${index}`;
    await fs.mkdir(root);
    await plant(fs, root, given);
    return { fs, root };
  },
});
