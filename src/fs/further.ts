/**
 * The part of the programs' API that many a page never calls, loaded in one piece when it is first asked for: a page that
 * opens an overlay, reads files and writes them does without.
 */
export { copyFile } from "./copy-file.ts";
export { TreeCopy } from "./copy-tree.ts";
export { Dir } from "./directory.ts";
export { FileHandle } from "./file-handle.ts";
export { link, mkdir, mkdirs, mkdtemp, rename, rmdir, symlink, unlink } from "./names.ts";
export { remove, removeDirectory } from "./removal.ts";
