/** minifo for Node programs. */
export { FsError } from "../src/index.ts";
export { openDirectoryBase } from "./base/directory.ts";
export { openBase } from "./base/open-base.ts";
export { type OpenOptions, type OpenOverlay, openOverlay } from "./open-overlay.ts";
export { type StaticServer, serveDirectory } from "./static-server.ts";
export { openDiskStorage } from "./storage/disk.ts";
