/** What a worker needs to tell and undo changes, and to prefetch; loaded when it is first asked for. */
export { changesOf, poll, revertOf } from "../src/index.ts";
export { Prefetching } from "./prefetching.ts";
