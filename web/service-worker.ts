/**
 * The service worker that serves the view: `SCOPE/STORAGE/path` is the site of a storage with its changes applied. It
 * reads storage and base by itself, so that it answers when no page is open and after the browser was started again;
 * it answers requests under its scope only, and never with a network error.
 */
import { StoredSnapshots } from "./snapshots.ts";
import { answer } from "./view.ts";

declare const self: ServiceWorkerGlobalScope;

const scope = new URL(self.registration.scope);
const snapshots = new StoredSnapshots();

self.addEventListener("install", (event) => {
  // A newer worker takes over at once: it keeps no state that the older one could miss.
  event.waitUntil(self.skipWaiting());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  event.respondWith(answer(event.request, scope.pathname, (name) => snapshots.of(name)));
});
