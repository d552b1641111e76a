/** What every engine must have for the browser side to work at all. */
import { expect, test } from "vitest";

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
