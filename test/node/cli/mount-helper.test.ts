/** Which command lines are mount(8)'s. */
import { expect, onTestFinished, test, vi } from "vitest";
import { helperCall, mountAsHelper } from "../../../node/cli/mount-helper.ts";

const commands = new Set(["mount", "export"]);
const called = (program: string, ...args: string[]) =>
  helperCall(["node", program, ...args], commands);

test("a source, an absolute mountpoint and -o in place of a command are a call of mount.fuse3", () => {
  expect(called("/usr/bin/minifo", "https://a/", "/mnt", "-o", "rw,sto=/s")).toMatchObject({
    operands: ["https://a/", "/mnt"],
    options: ["rw,sto=/s"],
  });
});

test.each([
  [["export", "/storage", "-o", "file.tar"]],
  [["mount", "https://a/", "/mnt", "-o", "ro"]],
  [["https://a/", "mnt", "-o", "ro"]],
  [["--version", "/mnt", "-o", "ro"]],
  [["https://a/", "/mnt"]],
  [[]],
])("%j is none", (args) => {
  expect(called("/usr/bin/minifo", ...args)).toBeUndefined();
});

test("the dev and suid that mount.fuse3 adds by itself do not count", () => {
  const options = (words: string) => called("minifo", "a", "/m", "-o", words)?.options;
  expect(options("rw,sto=/s,dev,suid")).toEqual(["rw,sto=/s"]);
  expect(options("rw,nodev,suid")).toEqual(["rw,nodev"]);
  expect(options("dev")).toEqual([""]);
  expect(options("rw,sto=/suid")).toEqual(["rw,sto=/suid"]);
});

test("everything given to mount.minifo is a call of mount(8)", () => {
  expect(called("/sbin/mount.minifo", "a", "/m", "-sfn", "-v", "-o", "ro", "-t", "minifo")).toEqual(
    {
      operands: ["a", "/m"],
      options: ["ro"],
      unknown: [],
      sloppy: true,
      fake: true,
      verbose: true,
    },
  );
  expect(called("/sbin/mount.minifo", "a", "-Z")).toMatchObject({ unknown: ["-Z"] });
});

test("a base that is no URL and no absolute path is refused, for at boot it would be another one", async () => {
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  onTestFinished(() => said.mockRestore());
  const call = called("/sbin/mount.minifo", "tree", "/mnt", "-o", "sto=/s");
  expect(call && (await mountAsHelper(call))).toBe(1);
  expect(said.mock.calls.flat().join()).toMatch(/the base 'tree'.*absolute path/);
});
