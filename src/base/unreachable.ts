/**
 * Why a request got no answer at all, in words a user can act on. Node tells the cause, which node/base/telling-fetch.ts
 * puts into words; a browser hides it, on purpose, so that there it is found out as far as it can be: a server that answers a request nobody may read is one that
 * does not send the CORS header.
 */

/** The cause of an error that is the network's: there was no answer at all, or not in time. */
export class Unreachable extends Error {}

/** Why fetching failed with `error` before an answer came, as the end of a sentence about the URL. */
export function whyUnreachable(error: unknown): string {
  const cause = causeOf(error);
  if (typeof cause.code === "string") return cause.message ?? cause.code;
  return (
    `${cause.message ?? "network error"}; is the server running? A server of another origin must also send ` +
    "'Access-Control-Allow-Origin', as `minifo serve` does"
  );
}

/** The page's own place, in a browser; undefined in Node. */
function pageLocation(): { readonly origin: string } | undefined {
  return (globalThis as { location?: { origin: string } }).location;
}

/** Whether the browser may have withheld the answer from a page at `origin`. */
export function isCrossOrigin(url: string): boolean {
  const page = pageLocation();
  return page !== undefined && page.origin !== new URL(url).origin;
}

/** What to say once it is known that the server at `url` answers, but lets no other origin read. */
export function refusedByCors(url: string): string {
  return (
    `${url}: the server answers, but does not let this page read: it sends no 'Access-Control-Allow-Origin' header ` +
    `for ${pageLocation()?.origin ?? "this origin"}. Add 'Access-Control-Allow-Origin: *' there, or serve the ` +
    "directory with `minifo serve DIR`, which sends it"
  );
}

function causeOf(error: unknown): { readonly code?: unknown; readonly message?: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { cause } = error;
  if (cause instanceof Error) return cause as Error & { code?: unknown };
  return error as Error & { code?: unknown };
}
