/** The words after -o. */
import { expect, test } from "vitest";
import { parseMountWords } from "../../../node/mount/options.ts";

test("a mount is writable, and trusts neither setuid programs nor devices of its base", () => {
  expect(parseMountWords([])).toMatchObject({ readOnly: false, flags: ["rw", "nodev", "nosuid"] });
});

test("of two words that exclude each other the last one counts", () => {
  const { readOnly, flags } = parseMountWords(["ro,suid", "rw,nosuid,ro,noatime,exec"]);
  expect(readOnly).toBe(true);
  expect(flags).toEqual(["ro", "nodev", "nosuid", "noatime", "exec"]);
});

test("uid= and gid= are decimal, umask= is octal", () => {
  expect(parseMountWords(["uid=1000,gid=1001,umask=027,allow_other"])).toMatchObject({
    owner: { uid: 1000, gid: 1001 },
    umask: 0o27,
  });
});

test.each(["qwerty", "uid=me", "umask=9", "uid", "uid=-1", "ro=1", "toString=1"])(
  "%s is refused with the list of what there is",
  (word) => {
    expect(() => parseMountWords([word])).toThrow(/EINVAL.*means nothing here; there are: ro rw/);
  },
);
