/** The words after -o. */
import { expect, test } from "vitest";
import { parseMountWords } from "../../../node/mount/options.ts";

test("a mount is writable, and trusts neither setuid programs nor devices of its base", () => {
  expect(parseMountWords([])).toMatchObject({
    readOnly: false,
    flags: ["rw", "nodev", "nosuid", "allow_other"],
  });
});

test("of two words that exclude each other the last one counts", () => {
  const { readOnly, flags } = parseMountWords(["ro,suid", "rw,nosuid,ro,noatime,exec"]);
  expect(readOnly).toBe(true);
  expect(flags).toEqual(["ro", "nodev", "nosuid", "noatime", "exec", "allow_other"]);
});

test("what is given up for speed is said, and is none of the kernel's words", () => {
  expect(parseMountWords([]).profile).toEqual({ stable: false, noOpen: false, writeback: false });
  const { profile, flags, given } = parseMountWords(["stable,noopen"]);
  expect(profile).toEqual({ stable: true, noOpen: true, writeback: false });
  expect(flags).toEqual(["rw", "nodev", "nosuid", "allow_other"]);
  expect(given).toEqual(["stable", "noopen"]);
  expect(parseMountWords(["noopen,open"]).profile.noOpen).toBe(false);
});

test("writeback takes a base that does not change, and files that are closed", () => {
  expect(parseMountWords(["writeback"]).profile).toEqual({
    stable: true,
    noOpen: false,
    writeback: true,
  });
  expect(parseMountWords(["writeback,writethrough"]).profile.writeback).toBe(false);
  expect(parseMountWords(["noopen,writeback,open"]).profile.writeback).toBe(true);
  expect(() => parseMountWords(["writeback,noopen"])).toThrow(/EINVAL.*choose one/);
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

test("words of fstab(5) that are meant for others are passed over", () => {
  const words = parseMountWords([
    "defaults,noauto,users,_netdev,nofail,x-systemd.automount,comment=a",
  ]);
  expect(words).toMatchObject({ readOnly: false, given: [] });
});

test("places are told by words too, with commas in quotes or behind a backslash", () => {
  expect(parseMountWords(['ro,sto="/a,b",base=http://h/?x=1'])).toMatchObject({
    storage: "/a,b",
    base: "http://h/?x=1",
    given: ["ro"],
  });
  expect(parseMountWords(["storage=/c\\,d,log=/l"])).toMatchObject({ storage: "/c,d", log: "/l" });
});

test("what is not known is passed over where that is asked for", () => {
  expect(parseMountWords(["qwerty,ro"], true)).toMatchObject({ readOnly: true, given: ["ro"] });
});

test("a mount that is there cannot be changed", () => {
  expect(() => parseMountWords(["remount,ro"])).toThrow(/unmount it and mount it anew/);
});
