/** Gives each test in Node a cache of its own: else what one fetched would spare another the requests it counts. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach } from "vitest";

const caches = join(tmpdir(), `minifo-test-caches-${randomUUID()}`);

function newCache(): void {
  process.env.XDG_CACHE_HOME = join(caches, randomUUID());
}

newCache();
beforeEach(newCache);
afterAll(() => rmSync(caches, { recursive: true, maxRetries: 10, force: true }));
