/** What a page loads stays below the limits of .size-limit.json. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("page and worker in each of their two stages, and the service worker, stay below the limits that `npm run size` holds them to", () => {
  const program = fileURLToPath(new URL("size.js", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [program], { encoding: "utf8" });
  expect(stdout).toContain("loaded when it is asked for");
  expect(stdout).not.toContain("exceeded");
  expect(status).toBe(0);
});
