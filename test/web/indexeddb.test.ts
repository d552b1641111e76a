import "fake-indexeddb/auto";
import { indexedDbSuite } from "./indexeddb-suite.ts";

indexedDbSuite("IndexedDB, simulated");
