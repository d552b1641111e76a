/** The table of mounts as text. */
import { expect, test } from "vitest";
import { escaped, isMounted, mountAt, mountTable } from "../../../node/mount/mount-table.ts";

const text = `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
42 27 0:39 / /mnt/a\\040b\\134c rw,nosuid - fuse.minifo http://127.0.0.1/x\\040y rw,user_id=0
43 27 0:40 / /mnt/twice rw - tmpfs tmpfs rw
44 43 0:41 / /mnt/twice rw - fuse.minifo /base rw
`;
const table = mountTable(text);

test("a mountpoint with blanks and backslashes is found", () => {
  const mountpoint = "/mnt/a b\\c";
  expect(mountAt(mountpoint, table)).toEqual({
    device: "0:39",
    mountpoint,
    type: "fuse.minifo",
    source: "http://127.0.0.1/x y",
  });
  expect(text).toContain(` ${escaped(mountpoint)} `);
});

test("of several mounts at one place the last one counts", () => {
  expect(mountAt("/mnt/twice", table)?.device).toBe("0:41");
});

test("only ours count as ours", () => {
  expect([isMounted("0:41", table), isMounted("0:40", table)]).toEqual([true, false]);
});
