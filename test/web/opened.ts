/** Overlays for the browser suites, each in a storage of its own, given up and deleted after each test. */
import { afterEach } from "vitest";
import { deleteIndexedDbStorage, openOverlay, type PageOverlay } from "../../web/index.ts";

const open = new Set<PageOverlay>();
const used = new Set<string>();
let count = 0;

/** The URL of a base that the rig serves. */
export function baseUrl(name: "empty" | "site"): string {
  return new URL(`/bases/${name}/`, location.href).href;
}

/** A storage's name that no other test uses. */
export function unusedStorage(): string {
  const name = undeletedStorage();
  used.add(name);
  return name;
}

/**
 * As `unusedStorage`, but left behind: where a worker is killed in the middle of something WebKit may keep its connection,
 * and nobody can delete the database as long as the browser runs.
 */
export function undeletedStorage(): string {
  count += 1;
  return `test-${Date.now()}-${count}`;
}

/** Opens an overlay over one of the rig's bases. */
export async function opened(
  base: "empty" | "site",
  storage: string = unusedStorage(),
): Promise<PageOverlay> {
  const overlay = await openOverlay({ base: baseUrl(base), storage });
  open.add(overlay);
  return overlay;
}

/** Closes one of them before its test ends. */
export async function close(overlay: PageOverlay): Promise<void> {
  open.delete(overlay);
  await overlay.close();
}

afterEach(async () => {
  await Promise.all([...open].map(close));
  await Promise.all([...used].map(deleteIndexedDbStorage));
  used.clear();
});
