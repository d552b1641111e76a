import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { holderOf, openDiskStorage } from "../../../node/storage/disk.ts";
import { storageContract } from "../../storage/contract.ts";

storageContract({
  name: "disk",
  async make() {
    const directory = mkdtempSync(join(tmpdir(), "minifo-disk-"));
    return {
      open: async () => openDiskStorage(directory),
      cleanup: async () => rmSync(directory, { recursive: true }),
    };
  },
});
