import { indexedDbSuite } from "./indexeddb-suite.ts";

indexedDbSuite("IndexedDB");
