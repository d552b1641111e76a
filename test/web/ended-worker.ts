/** A worker of databases.browser.test.ts: it leaves a database as it is told to, and says when it may be ended. */
import { close, untilClosed, whileOpening } from "../../web/databases.ts";
import { settled } from "../../web/stored-records.ts";

const open = (name: string): Promise<IDBDatabase> => {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("store");
  return settled(opening);
};

self.onmessage = async ({ data }: MessageEvent<{ name: string; at: "opening" | "reading" }>) => {
  const database = await whileOpening(() => open(data.name));
  if (data.at === "reading") {
    await settled(database.transaction("store").objectStore("store").get(1));
    close(database);
  } else {
    await close(database);
    whileOpening(() => open(data.name)).catch(() => {}); // It may come too late.
  }
  await untilClosed();
  postMessage("may be ended");
};
