/**
 * How the core's requests for its base get past the view: where a site is its own base, a service worker would answer them
 * with what was changed. They carry a header, on the core's own origin only, for elsewhere it would have to be asked for
 * first, and there no view of ours is in the way.
 */
const header = "x-minifo-base";

/** Whether `request` is the core's. */
export function isBaseRequest(request: Request): boolean {
  return request.headers.has(header);
}

/** The runtime's fetch, for the core. */
export function fetchOfBase(url: string, init: RequestInit = {}): Promise<Response> {
  if (new URL(url).origin !== self.location.origin) return fetch(url, init);
  return fetch(url, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), [header]: "1" },
  });
}
