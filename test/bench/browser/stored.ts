/** How much a page's origin keeps in IndexedDB: the bytes of all values, whoever wrote them. */

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (value instanceof Blob) return value.size;
  if (typeof value === "string") return value.length;
  if (value instanceof Map) return sizeOf([...value.keys()]) + sizeOf([...value.values()]);
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).reduce((sum, [key, one]) => sum + key.length + sizeOf(one), 0);
  }
  return 8;
}

/** Bytes of all values in all databases of this origin; one value is held at a time. */
export async function storedBytes(): Promise<number> {
  let bytes = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name as string));
    for (const store of database.objectStoreNames) {
      const request = database.transaction(store).objectStore(store).openCursor();
      for (let at = await settled(request); at; at = await settled(request)) {
        bytes += sizeOf(at.value);
        at.continue();
      }
    }
    database.close();
  }
  return bytes;
}
