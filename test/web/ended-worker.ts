/** A worker of databases.browser.test.ts: it leaves a database as it is told to, and says when it may be ended. */
import { close, untilClosed, watched, whileOpening } from "../../web/databases.ts";

/** What this posts to and hears of: a page's port, or the page that has this worker as its own. */
type Endpoint = Pick<MessagePort, "onmessage" | "postMessage">;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const open = async (name: string): Promise<IDBDatabase> => {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("store");
  return watched(await settled(opening));
};

type Order = { readonly name: string; readonly at: "opening" | "reading" | "writing" };

async function carryOut({ name, at }: Order): Promise<void> {
  const database = await whileOpening(() => open(name));
  const storeFor = (mode: IDBTransactionMode) =>
    database.transaction("store", mode).objectStore("store");
  if (at === "reading") await settled(storeFor("readonly").get(1));
  if (at === "writing") for (let i = 0; i < 5; i += 1) storeFor("readwrite").put(i, i);
  close(database);
  // It may come too late.
  if (at === "opening") whileOpening(() => open(name)).then(close, () => {});
  await untilClosed(!("onconnect" in self));
}

function obeyFrom(endpoint: Endpoint): void {
  endpoint.onmessage = async ({ data }: MessageEvent<Order>) => {
    await carryOut(data);
    endpoint.postMessage("may be ended");
  };
}

if ("onconnect" in self) {
  self.onconnect = ({ ports: [port] }: MessageEvent) => port && obeyFrom(port);
} else obeyFrom(self as unknown as Endpoint);
