import { MemoryFetchCache } from "../../src/index.ts";
import { fetchCacheContract } from "./fetch-cache-contract.ts";

fetchCacheContract({
  name: "memory",
  make: async (maxBytes) => async () => new MemoryFetchCache(maxBytes),
  lasts: false,
});
