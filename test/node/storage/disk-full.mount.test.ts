import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDiskStorage } from "../../../node/storage/disk.ts";
import { runSync } from "../../../src/operation.ts";
import type { Batch, Storage } from "../../../src/storage/storage.ts";
import {
  batchWith,
  chunkSize,
  fileNode,
  freshWrite,
  patterned,
  superblockWith,
} from "../../storage/contract.ts";

const mayMount = process.getuid?.() === 0;

describe.skipIf(!mayMount)(
  "disk storage on a full disk (needs root to mount a small tmpfs)",
  () => {
    let volume: string;
    let directory: string;
    let storage: Storage;

    beforeEach(() => {
      volume = mkdtempSync(join(tmpdir(), "minifo-full-"));
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", volume]);
      directory = join(volume, "storage");
      storage = openDiskStorage(directory);
      commit({ nodes: new Map([[2, fileNode(2)]]), data: [freshWrite(1, 0, patterned(10, 1))] });
    });

    afterEach(() => {
      runSync(storage.close());
      execFileSync("umount", [volume]);
      rmdirSync(volume);
    });

    let generation = 0;

    function commit(changes: Partial<Batch>): void {
      generation += 1;
      const epoch = runSync(storage.superblock())?.epoch ?? 1;
      const superblock = superblockWith({ generation, epoch });
      runSync(storage.commit(batchWith({ superblock, ...changes }), "strict"));
    }

    /** Fills the volume up with a file of somebody else's but for `left` bytes. */
    function fill(left: number): void {
      const { bavail, bsize } = statfsSync(volume);
      writeFileSync(join(volume, "ballast"), new Uint8Array(bavail * bsize - left));
    }

    it.each([
      ["among the records", 0, 3000],
      ["in files", 1, 3 * chunkSize],
    ])(
      "data %s that does not fit is ENOSPC, costs nothing, and fits once there is room",
      (_, chunk, left) => {
        fill(left);
        const before = runSync(storage.superblock());
        const batch = {
          nodes: new Map([[3, fileNode(3)]]),
          data: Array.from({ length: 40 }, (__, index) =>
            freshWrite(index + 2, chunk, patterned(chunkSize, index)),
          ),
          droppedContents: [1],
        };
        for (const attempt of [1, 2, 3]) {
          expect(() => commit(batch), `attempt ${attempt}`).toThrow(/ENOSPC.*free some space/);
        }
        expect(runSync(storage.superblock())).toEqual(before);
        expect(runSync(storage.node(3))).toBeUndefined();
        expect(bytesOf(1, 0, 10)).toEqual(patterned(10, 1));
        if (chunk > 0) expect(statfsSync(volume).bavail * statfsSync(volume).bsize).toBe(left);
        rmSync(join(volume, "ballast"));
        commit(batch);
        expect(runSync(storage.node(3))).toEqual(fileNode(3));
        expect(bytesOf(41, chunk * chunkSize, chunkSize)).toEqual(patterned(chunkSize, 39));
      },
    );

    it("what was there can be read and closed while the disk is full, and opened again", () => {
      fill(0);
      const small = freshWrite(2, 0, patterned(chunkSize, 1));
      expect(() => commit({ data: [small, freshWrite(3, 1, patterned(9, 1))] })).toThrow(/ENOSPC/);
      runSync(storage.close());
      const reader = openDiskStorage(directory, { readOnly: true });
      expect(runSync(reader.node(2))).toEqual(fileNode(2));
      runSync(reader.close());
      rmSync(join(volume, "ballast"));
      storage = openDiskStorage(directory);
      expect(bytesOf(1, 0, 10)).toEqual(patterned(10, 1));
      commit({ data: [small] });
    });

    it("a disk that is full from the start is told as such", () => {
      fill(0);
      const other = join(volume, "other");
      expect(() => openDiskStorage(other)).toThrow(/ENOSPC/);
      rmSync(join(volume, "ballast"));
      runSync(openDiskStorage(other).close());
      expect(existsSync(join(other, "records.mdb"))).toBe(true);
    });

    function bytesOf(content: number, offset: number, length: number): Uint8Array {
      const into = new Uint8Array(length);
      runSync(storage.readData(content, offset, into));
      return into;
    }
  },
);
