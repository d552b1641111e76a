import { modelOnIndexedDb } from "./on-indexeddb.ts";

modelOnIndexedDb("the engine's IndexedDB", 40);
