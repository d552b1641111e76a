/** What a worker needs to tell and undo changes; loaded when it is first asked for. */
export { changesOf, revertOf } from "../src/index.ts";
