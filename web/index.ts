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
  type KeptPart,
  type PathChange,
  type PrefetchOptions,
  type PrefetchProgress,
  readable,
  Stats,
  type WatchEvent,
  writable,
} from "../src/index.ts";
export {
  type Abortable,
  OverlayChangeEvent,
  OverlayLostEvent,
  openOverlay,
  PageOverlay,
  type PageOverlayOptions,
} from "./client.ts";
export type { AttachedBase, ListedEntry, Traffic } from "./protocol.ts";
export type { PageDir, PageFileHandle } from "./remote-file.ts";
export type { PageFs } from "./remote-fs.ts";
export {
  deleteIndexedDbStorage,
  listIndexedDbStorages,
  type OriginSpace,
  originSpace,
  type Persistence,
  persistStorages,
} from "./storages.ts";
export { registerView, type View, type ViewOptions, viewUrl } from "./view-registration.ts";
export { type WritableSite, type WritableSiteOptions, writableSite } from "./writable-site.ts";
