/**
 * The page's door to minifo: open an overlay, register the view.
 */
export {
  type BaseMove,
  BigIntStats,
  type Change,
  type ChangeState,
  Dirent,
  directoryHandle,
  type ErrorCode,
  FsError,
  fileSystemProvider,
  readable,
  Stats,
  writable,
} from "../src/index.ts";
export { openOverlay, type PageOverlay, type PageOverlayOptions } from "./client.ts";
export { deleteIndexedDbStorage } from "./indexeddb.ts";
export type { Traffic } from "./protocol.ts";
export type { PageDir, PageFileHandle } from "./remote-file.ts";
export type { PageFs } from "./remote-fs.ts";
export { registerView, type View, type ViewOptions, viewUrl } from "./view-registration.ts";
