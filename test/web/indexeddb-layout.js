/**
 * `node test/web/indexeddb-layout.js`: measures in Chromium, on raw IndexedDB, what the layout of a storage was chosen by:
 * how large a chunk of data is, and whether records lie one by one. Medians of five; the numbers stand in ARCHITECTURE.md.
 */
import { createServer } from "node:http";
import { chromium } from "playwright";

/** Runs in the page. */
async function measured() {
  const rounds = 5;
  const opening = indexedDB.open("layout", 1);
  opening.onupgradeneeded = () => {
    for (const name of ["data", "records", "whole"]) opening.result.createObjectStore(name);
  };
  const wait = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await wait(opening);
  const write = (name, act) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(name, "readwrite", { durability: "relaxed" });
      act(transaction.objectStore(name));
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
  const read = (name, act) => wait(act(database.transaction(name).objectStore(name)));
  const median_ms = async (act) => {
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now();
      await act(round);
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[rounds >> 1];
  };
  const rows = [];
  const bulk = 16 * 2 ** 20;
  for (const size of [4, 16, 64, 256, 1024].map((kib) => kib * 1024)) {
    const chunks = bulk / size;
    const chunk = (at) => new Uint8Array(size).fill(at);
    const bulk_ms = await median_ms(() =>
      write("data", (store) => {
        for (let at = 0; at < chunks; at += 1) store.put(chunk(at), [size, at]);
      }),
    );
    const reads = 100;
    const read_ms = await median_ms(async (round) => {
      for (let at = 0; at < reads; at += 1) {
        await read("data", (store) => store.get([size, (at * 7919 + round) % chunks]));
      }
    });
    const rewrite_ms = await median_ms(async (round) => {
      for (let at = 0; at < reads; at += 1) {
        const key = [size, (at * 7919 + round) % chunks];
        const bytes = await read("data", (store) => store.get(key));
        bytes[at] ^= 1;
        await write("data", (store) => store.put(bytes, key));
      }
    });
    rows.push({
      chunk_KiB: size / 1024,
      "bulk MiB/s": Math.round(bulk / 2 ** 20 / (bulk_ms / 1000)),
      "reads/s": Math.round(reads / (read_ms / 1000)),
      "read-modify-write/s": Math.round(reads / (rewrite_ms / 1000)),
    });
  }
  const count = 10_000;
  const record = (ino) => ({ ino, type: "file", origin: `docs/page-${ino}.html`, mode: 0o644 });
  const all = Array.from({ length: count }, (_, ino) => record(ino));
  const putAll = (store) => {
    for (const one of all) store.put(one, one.ino);
  };
  const oneByOne = {
    layout: `${count} records`,
    save_ms: await median_ms(() => write("records", putAll)),
    load_ms: await median_ms(() => read("records", (store) => store.getAll())),
    change_ms: await median_ms((at) => write("records", (store) => store.put(record(at), at))),
  };
  const inOne = {
    layout: "one record of all",
    save_ms: await median_ms(() => write("whole", (store) => store.put(all, 0))),
    load_ms: await median_ms(() => read("whole", (store) => store.get(0))),
    change_ms: await median_ms(() => write("whole", (store) => store.put(all, 0))),
  };
  return { rows, records: [oneByOne, inOne] };
}

const server = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const { rows, records } = await page.evaluate(measured);
  console.table(rows);
  console.table(records);
} finally {
  await browser.close();
  server.close();
}
