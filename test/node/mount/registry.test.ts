/** Which process serves which mount, as processes tell each other. */
import { expect, onTestFinished, test } from "vitest";
import { forgetMount, recordMount, servedMount } from "../../../node/mount/registry.ts";

test("a process that ends forgets its own mount, not the next one of the same device number", () => {
  const device = `4095:${process.pid}`;
  const ended = { device, mountpoint: "/first", storage: "/one", pid: process.pid + 1 };
  const next = { device, mountpoint: "/second", storage: "/two", pid: process.pid };
  onTestFinished(() => forgetMount(next));
  recordMount(ended);
  recordMount(next);
  forgetMount(ended);
  expect(servedMount(device)).toEqual(next);
  forgetMount(next);
  expect(servedMount(device)).toBeUndefined();
});
