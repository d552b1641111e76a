/**
 * A service worker's part in the view: which requests it answers, and how. By the query of its own URL it serves
 * - nothing: each storage of the origin under its name, `SCOPE/STORAGE/path`;
 * - `?storage=NAME`: that storage in all of its scope, but for `&except=PATH`, a path below which all is the network's;
 * - `?writable=NAME`: the site in its scope with the changes of that storage, the rest as the network has it (in-place.ts).
 * It reads storage and base by itself, so that it answers when no page is open and after the browser was started again.
 */
import { isBaseRequest } from "./base-request.ts";
import { answerInPlace } from "./in-place.ts";
import { type OpenBase, StoredSnapshots } from "./snapshots.ts";
import { answer, answerTarget, lookUp, targetOf } from "./view.ts";

declare const self: ServiceWorkerGlobalScope;

/** Serves the view from now on. To be called while the script is run first. */
export function serveView(openBase: OpenBase): void {
  const stored = new StoredSnapshots(openBase);
  const snapshots: StoredSnapshots["of"] = (name, failed) => stored.of(name, failed);
  const scope = new URL(self.registration.scope);
  const asked = new URL(self.location.href).searchParams;
  const writable = asked.get("writable");
  const storage = writable ?? asked.get("storage") ?? undefined;
  const except = asked.get("except");

  self.addEventListener("install", (event) => {
    // A newer worker takes over at once: it keeps no state that the older one could miss.
    event.waitUntil(self.skipWaiting());
  });

  self.addEventListener("activate", (event) => {
    event.waitUntil(self.clients.claim());
  });

  self.addEventListener("fetch", (event) => {
    const { request } = event;
    const url = new URL(request.url);
    const { pathname } = url;
    const isForNetwork =
      url.origin !== scope.origin ||
      isBaseRequest(request) ||
      (except !== null && pathname.startsWith(except));
    if (isForNetwork) return;
    if (!pathname.startsWith(scope.pathname)) {
      if (storage === undefined) answerAbsolute(event, pathname);
      return;
    }
    if (writable === null) {
      event.respondWith(answer(request, scope.pathname, snapshots, storage));
      return;
    }
    const target = targetOf(pathname, scope.pathname, writable);
    const isReading = request.method === "GET" || request.method === "HEAD";
    if (!target || !isReading) return;
    const network: typeof fetch = (input, init) => fetch(input, init);
    event.respondWith(answerInPlace(request, target, { root: scope.href, snapshots, network }));
  });

  /** A page under a prefix asks for something by a path from the root: it means the root of its own site. */
  function answerAbsolute(event: FetchEvent, pathname: string): void {
    const { request, clientId } = event;
    if (clientId === "" || (request.method !== "GET" && request.method !== "HEAD")) return;
    const answering = async (): Promise<Response> => {
      const client = await self.clients.get(clientId);
      const from = client && targetOf(new URL(client.url).pathname, scope.pathname, undefined);
      const target = from && targetOf(pathname, "/", from.storage);
      try {
        const found = target && (await lookUp(target, await snapshots(target.storage)));
        if (target && found?.is === "file") return await answerTarget(request, target, snapshots);
      } catch {
        // Not readable: then it is what it is without the view.
      }
      return await fetch(request);
    };
    event.respondWith(answering());
  }
}
