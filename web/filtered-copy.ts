/** What `cp` with a filter needs on the page; loaded when it is first asked for. */
export { TreeCopy } from "../src/index.ts";
