/**
 * The part of fuse-native that is used here; the package has no types of its own. Errors are negative errnos; reads and
 * writes give the number of bytes in the error's place.
 */
declare module "fuse-native" {
  type Done = (error: number) => void;
  type Given<T> = (error: number, value?: T) => void;

  interface NativeStat {
    mode: number;
    uid: number;
    gid: number;
    size: number;
    nlink: number;
    ino: number;
    rdev: number;
    blksize: number;
    blocks: number;
    atime: Date;
    mtime: Date;
    ctime: Date;
  }

  interface NativeOperations {
    statfs(path: string, done: Given<Record<string, number>>): void;
    getattr(path: string, done: Given<NativeStat>): void;
    fgetattr(path: string, fd: number, done: Given<NativeStat>): void;
    readlink(path: string, done: Given<string>): void;
    readdir(path: string, done: Given<string[]>): void;
    truncate(path: string, size: number, done: Done): void;
    ftruncate(path: string, fd: number, size: number, done: Done): void;
    chown(path: string, uid: number, gid: number, done: Done): void;
    chmod(path: string, mode: number, done: Done): void;
    utimens(path: string, atime_ms: number, mtime_ms: number, done: Done): void;
    mknod(path: string, mode: number, device: number, done: Done): void;
    mkdir(path: string, mode: number, done: Done): void;
    symlink(target: string, path: string, done: Done): void;
    link(from: string, to: string, done: Done): void;
    unlink(path: string, done: Done): void;
    rmdir(path: string, done: Done): void;
    rename(from: string, to: string, done: Done): void;
    open(path: string, flags: number, done: Given<number>): void;
    create(path: string, mode: number, done: Given<number>): void;
    read(path: string, fd: number, into: Buffer, length: number, offset: number, done: Done): void;
    write(
      path: string,
      fd: number,
      bytes: Buffer,
      length: number,
      offset: number,
      done: Done,
    ): void;
    flush(path: string, fd: number, done: Done): void;
    fsync(path: string, dataOnly: number, fd: number, done: Done): void;
    fsyncdir(path: string, dataOnly: number, fd: number, done: Done): void;
    release(path: string, fd: number, done: Done): void;
    getxattr(path: string, name: string, position: number, done: Given<Buffer>): void;
    setxattr(
      path: string,
      name: string,
      value: Buffer,
      position: number,
      flags: number,
      done: Done,
    ): void;
    listxattr(path: string, done: Given<string[]>): void;
    removexattr(path: string, name: string, done: Done): void;
  }

  interface NativeOptions {
    /** false: an operation may take as long as it takes. */
    timeout: false;
    allowOther: boolean;
    defaultPermissions: boolean;
    subtype: string;
    fsname: string;
  }

  export default class Fuse {
    constructor(mountpoint: string, operations: NativeOperations, options: NativeOptions);
    mount(done: (error: Error | null) => void): void;
  }
}
