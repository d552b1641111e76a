/**
 * How a storage lies in IndexedDB: the names of its database and of what is in there, for who writes it
 * (indexeddb.ts, fetch-cache.ts) and for who only reads it (stored-records.ts, kept-fetches.ts).
 */
import type { DBSchema } from "idb";
import type { NameRecord, NodeRecord, Superblock } from "../src/index.ts";

/** What stands before a storage's name in the name of its database. */
export const databasePrefix = "minifo:";

/** The database of what was fetched, which all storages of the origin share; no storage's is called like that. */
export const fetchCacheDatabase = "minifo-cache";

/** The version of the fetch cache's layout. */
export const fetchCacheVersion = 1;

/** The version of the object stores' layout; the records in them are versioned by the superblock. */
export const layoutVersion = 1;

/** The key of the only superblock. */
export const theSuperblock = "superblock";

/** The inode numbers of base objects begin here: the upper half of the safe integers. */
export const firstBaseIno = 2 ** 52;

/** The names of the object stores. */
export const stores = ["superblock", "nodes", "names", "aliases", "orphans", "data"] as const;

/** The object stores, as idb's `DBSchema`. */
export interface Layout extends DBSchema {
  superblock: { key: string; value: Superblock };
  nodes: { key: number; value: NodeRecord };
  names: { key: [parent: number, name: string]; value: NameRecord };
  aliases: { key: string; value: number };
  orphans: { key: number; value: true };
  data: { key: [content: number, chunk: number]; value: Uint8Array };
}
