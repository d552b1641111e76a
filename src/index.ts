/**
 * The one door of the core: all that adapters (web, node, and strangers') may use.
 */
export * from "./attributes.ts";
export { type ArchiveKeepingOptions, keepingArchives } from "./base/archive-keeping.ts";
export * from "./base/base.ts";
export { CacheRoom, useGrain_ms } from "./base/cache-room.ts";
export { type CachingOptions, cachingFetcher } from "./base/caching-fetcher.ts";
export { siteDrivers } from "./base/drivers.ts";
export * from "./base/fetch-cache.ts";
export * from "./base/fetcher.ts";
export { type HttpOptions, httpFetcher } from "./base/http.ts";
export { lazySiteDrivers } from "./base/lazy-drivers.ts";
export { type ListingBaseOptions, openListingBase } from "./base/listing/reader.ts";
export { Cutter, steppedWeight } from "./base/manifest/cuts.ts";
export {
  digestAt,
  digestColumn,
  digestLetters,
  hexOfDigest,
  isCompressed,
  referenceTo,
} from "./base/manifest/digests.ts";
export type { Content } from "./base/manifest/directory.ts";
export {
  chunkBytes,
  manifestName,
  maxChunks,
  maxEntries,
  maxManifestBytes,
  objectPath,
  objectsNames,
  type Pointer,
  packedBytes,
  readPointer,
} from "./base/manifest/format.ts";
export { compareTreePaths, flawOfName, flawOfTarget } from "./base/manifest/names.ts";
export { baseUrlOf, isManifest } from "./base/manifest/pointer.ts";
export { reachableObjects } from "./base/manifest/reachable.ts";
export type { ManifestBaseOptions } from "./base/manifest/reader.ts";
export type { FileContents, ManifestEntry, PutObject } from "./base/manifest/records.ts";
export { openManifestBase } from "./base/manifest/whole-reader.ts";
export { type ManifestTotals, writeManifest } from "./base/manifest/writer.ts";
export * from "./base/memory.ts";
export { MemoryFetchCache } from "./base/memory-fetch-cache.ts";
export { openPlainSite, type PlainSiteOptions } from "./base/plain-site.ts";
export { poll } from "./base/poll.ts";
export { type PrefetchOptions, type PrefetchProgress, prefetch } from "./base/prefetch.ts";
export {
  type DriverOptions,
  type OpenDriver,
  openSite,
  type SiteDrivers,
  type SiteOptions,
} from "./base/site.ts";
export { openTarBase, type TarBaseOptions } from "./base/tar/reader.ts";
export type { Inflate } from "./base/unpack.ts";
export { openZipBase, type ZipBaseOptions } from "./base/zip/reader.ts";
export * from "./errno.ts";
export { AbortError } from "./fs/abort.ts";
export { ChangeFeed, type ChangeListener, feedOf, type PathChange } from "./fs/change-feed.ts";
export { constants } from "./fs/constants.ts";
export type { ReadOptions } from "./fs/contents.ts";
export { type CopyOptions, TreeCopy } from "./fs/copy-tree.ts";
export { Dir } from "./fs/directory.ts";
export { FileHandle, type ReadTarget } from "./fs/file-handle.ts";
export {
  directoryHandle,
  type EntryHandle,
  type HandleFs,
  OverlayDirectoryHandle,
  OverlayFileHandle,
  OverlayWritableFileStream,
  type WriteParams,
} from "./fs/handles.ts";
export { FsPromises, fsOf, type MkdirOptions, type RemoveOptions } from "./fs/promises.ts";
export {
  type BufferOptions,
  type EncodingOptions,
  FsReading,
  type ReaddirOptions,
} from "./fs/reading.ts";
export { BigIntStats, Dirent, type StatFs, Stats } from "./fs/stats.ts";
export {
  type ReadableOptions,
  readable,
  type StreamChunk,
  type StreamFile,
  type StreamFs,
  type WritableOptions,
  writable,
} from "./fs/streams.ts";
export {
  fileSystemProvider,
  OverlayProvider,
  type ProviderChange,
  type ProviderErrors,
  type ProviderFileType,
  type ProviderStat,
  type ProviderUri,
} from "./fs/vscode.ts";
export { type WatchEvent, type WatchOptions, watch } from "./fs/watch.ts";
export type { DataSource, WriteOptions } from "./fs/written-contents.ts";
export * from "./operation.ts";
export type { BaseMove } from "./overlay/base-moves.ts";
export type { Change, ChangeKind, ChangeState } from "./overlay/changes.ts";
export { type CheckOptions, type CheckReport, check, type Finding } from "./overlay/check/check.ts";
export { OverlayFiles, type OverlayOptions } from "./overlay/files.ts";
export { Handle, type OpenFlags } from "./overlay/handle.ts";
export type { AllocationMode } from "./overlay/holes.ts";
export type { Inode, Place } from "./overlay/inode.ts";
export type { Listing, ListingEntry } from "./overlay/listing.ts";
export type { Context } from "./overlay/make.ts";
export type { RenameFlags } from "./overlay/namespace.ts";
export { Overlay } from "./overlay/overlay.ts";
export type { ReadableOverlay } from "./overlay/readable.ts";
export { type FoundInode, OverlayReader } from "./overlay/reader.ts";
export type { ReaderOptions } from "./overlay/reading-layers.ts";
export { ReadingOverlay } from "./overlay/reading-overlay.ts";
export type { Reverted } from "./overlay/revert.ts";
export { changesOf, revertOf } from "./overlay/review.ts";
export { baseBefore, type OpenedSuperblock, openSuperblock } from "./overlay/superblock.ts";
export { formatVersion, refuseStaleEpoch, refuseUnknownFormat } from "./storage/format.ts";
export type {
  NewRecords,
  Repair,
  StorageInspection,
  StoredContent,
  StoredRecord,
  StoredState,
} from "./storage/inspection.ts";
export * from "./storage/memory.ts";
export { MemoryInspection } from "./storage/memory-inspection.ts";
export * from "./storage/storage.ts";
export {
  importMiniFo,
  type MiniFoCounts,
  type MiniFoImport,
  type MiniFoLeftOut,
  type MiniFoObject,
  type MiniFoStorage,
} from "./transfer/mini-fo.ts";
