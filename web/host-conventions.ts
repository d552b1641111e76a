/**
 * What the host of a base does with a path that it has no file for: a page of the site's own, the start page of an
 * application that routes by itself, or the page of that name with .html. Hosts differ and do not tell, so the host is
 * asked for a path that cannot be there and for one that would only be there by such a rule, and its answers are compared
 * with the base's own files.
 */
import type { Snapshot } from "./view.ts";

/** See the head of this file. */
export interface HostConventions {
  /** `/about` gives `about.html`. */
  readonly cleanUrls: boolean;
  /** What is given for everything that is not there; undefined: nothing of the site's. */
  readonly fallback: { readonly path: string; readonly status: number } | undefined;
}

/** Bytes of the largest page that is compared. */
export const largestPage = 2 ** 20;

/** How long somebody who asked for what is not there waits for the host. */
const patience_ms = 5000;

/** What holds where the host cannot be asked: most hosts give a 404.html where there is one. */
export const usualConventions: HostConventions = {
  cleanUrls: false,
  fallback: { path: "/404.html", status: 404 },
};

/**
 * Asks the host of the base below `snapshot`.
 * @throws TypeError the host cannot be reached, or does not let this origin read
 */
export async function conventionsOf(snapshot: Snapshot): Promise<HostConventions> {
  const { locator } = snapshot;
  if (!locator.endsWith("/")) return usualConventions;
  const nowhere = `minifo-${crypto.randomUUID()}`;
  const isApplication = await givesPage(snapshot, nowhere, "index.html");
  const { fallback } = usualConventions;
  return {
    cleanUrls: await hasCleanUrls(snapshot, isApplication),
    fallback: isApplication ? { path: "/index.html", status: 200 } : fallback,
  };
}

async function hasCleanUrls(snapshot: Snapshot, isApplication: boolean): Promise<boolean> {
  const pages = (await snapshot.namesInBase()).filter((name) => /.\.html$/.test(name));
  const sample =
    pages.find((name) => !/^(index|404|200)\.html$/.test(name)) ??
    // An application's host gives its index.html for anything.
    (isApplication ? undefined : pages.find((name) => name === "index.html"));
  if (sample === undefined) return false;
  return await givesPage(snapshot, encodeURIComponent(sample.slice(0, -".html".length)), sample);
}

/** Whether the host answers `path` with the base's file `name`. */
async function givesPage(snapshot: Snapshot, path: string, name: string): Promise<boolean> {
  const page = await snapshot.contentInBase(name, largestPage);
  const signal = AbortSignal.timeout(patience_ms);
  const response = await fetch(snapshot.locator + path, { cache: "no-store", signal });
  if (page && response.status === 200) return await isPage(response, page);
  await response.body?.cancel();
  return false;
}

/** Whether the body of `response`, of which no more is read than that, is `page`. */
export async function isPage(response: Response, page: Uint8Array): Promise<boolean> {
  const reader = response.body?.getReader();
  let at = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return at === page.length;
    if (value.some((byte, index) => byte !== page[at + index])) break;
    at += value.length;
  }
  await reader?.cancel();
  return false;
}
