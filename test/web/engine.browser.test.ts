/** What every engine must have for the browser side to work at all. */
import { expect, test } from "vitest";
import { sha256 } from "../../src/overlay/sha256.ts";

test("the SHA-256 of inode numbers is the engine's own, whose roots and cube roots it is made of", async () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, at) => at);
  for (const length of [0, 55, 56, 64, 200]) {
    const piece = bytes.slice(0, length);
    expect(sha256(piece)).toEqual(new Uint8Array(await crypto.subtle.digest("SHA-256", piece)));
  }
});

test("the engine has IndexedDB, module workers, service workers and Web Locks", async () => {
  expect(indexedDB).toBeDefined();
  expect(navigator.serviceWorker).toBeDefined();
  expect(navigator.locks).toBeDefined();
  const code = "import.meta.url; postMessage('a module')";
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const said = await new Promise((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = reject;
  });
  worker.terminate();
  URL.revokeObjectURL(url);
  expect(said).toBe("a module");
});
