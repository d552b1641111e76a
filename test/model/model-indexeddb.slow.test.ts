import "fake-indexeddb/auto";
import { modelOnIndexedDb } from "./on-indexeddb.ts";
import { said } from "./play.ts";

modelOnIndexedDb("IndexedDB, simulated,", Number(said("MINIFO_MODEL_DISK_SEQUENCES") ?? 60));
