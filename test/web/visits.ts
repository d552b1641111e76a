/** Pages of a view, looked at in frames, which are gone after each test, as service workers are after the last one. */
import { afterAll, afterEach } from "vitest";

/** A window on `url`, once it has loaded. */
export async function visit(url: string): Promise<Window & typeof globalThis> {
  const frame = document.createElement("iframe");
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  frame.src = url;
  document.body.append(frame);
  await loaded;
  return frame.contentWindow as Window & typeof globalThis;
}

afterEach(() => {
  for (const frame of document.querySelectorAll("iframe")) frame.remove();
});

afterAll(async () => {
  const registrations = await navigator.serviceWorker.getRegistrations();
  await Promise.all(registrations.map((one) => one.unregister()));
});
