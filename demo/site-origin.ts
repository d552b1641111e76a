/**
 * The origins of the workbench and of the sites it shows. Scripts of a site may do with its origin's storages what they
 * like, so each site has an origin of its own, a name beside the workbench's: `workbench.NAME` and `site-HASH.NAME`. Both
 * are one server's; being of one site they are not kept apart by what browsers do against tracking.
 */

/** Where the page is that keeps a site, on the site's origin. The path is left out of the view. */
export const corePath = "/minifo-workbench/core.html";

/** Where the page is that asks the browser to keep what the site's origin stores. */
export const keepPath = "/minifo-workbench/keep.html";

const workbenchLabel = "workbench";

/** The origin of the workbench that shows the site whose origin this is. */
export function workbenchOrigin(): string {
  return originBeside(workbenchLabel);
}

/**
 * The address under which this page should be open instead; undefined if it is: only there are there origins beside its
 * own. Browsers take every name below localhost for this machine.
 */
export function homeAddress(): string | undefined {
  if (location.hostname.startsWith(`${workbenchLabel}.`)) return undefined;
  const { port, hash } = location;
  return `http://${workbenchLabel}.minifo.localhost:${port}/${hash}`;
}

/** The origin of the site whose storage has this name. */
export async function siteOrigin(storage: string): Promise<string> {
  const bytes = new TextEncoder().encode(storage);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hash = Array.from(digest.subarray(0, 10), (byte) => byte.toString(16).padStart(2, "0"));
  return originBeside(`site-${hash.join("")}`);
}

function originBeside(label: string): string {
  const { protocol, hostname, port } = location;
  const beside = hostname.slice(hostname.indexOf(".") + 1);
  return `${protocol}//${label}.${beside}${port === "" ? "" : `:${port}`}`;
}
