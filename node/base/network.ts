/** How Node programs fetch: as everybody does, but inflating by zlib. */
import { type Fetcher, httpFetcher } from "../../src/index.ts";
import { inflateByZlib } from "./sealing.ts";

/** A fetcher for this process. */
export function networkFetcher(): Fetcher {
  return httpFetcher({ inflate: inflateByZlib });
}
