/**
 * What stat and readdir give to programs, in Node's shape. All fields are plain own properties and the methods use
 * nothing else, so that an instance that crossed to another thread works again once it has its prototype back.
 */
import { type FileType, millisecondsOf, type Stat, type Time, typeOf } from "../attributes.ts";

/** The questions about a type that `Stats`, `BigIntStats` and `Dirent` answer. */
abstract class Typed {
  abstract fileType(): FileType | undefined;

  isFile(): boolean {
    return this.fileType() === "file";
  }
  isDirectory(): boolean {
    return this.fileType() === "directory";
  }
  isSymbolicLink(): boolean {
    return this.fileType() === "symlink";
  }
  isFIFO(): boolean {
    return this.fileType() === "fifo";
  }
  isSocket(): boolean {
    return this.fileType() === "socket";
  }
  isCharacterDevice(): boolean {
    return this.fileType() === "character";
  }
  isBlockDevice(): boolean {
    return this.fileType() === "block";
  }
}

/** What belongs to the file system as a whole and is told with every file. */
export interface Volume {
  /** `st_dev`: the same for all files of an overlay, and for the same overlay after a remount. */
  readonly dev: number;
  /** Preferred bytes per read. */
  readonly blksize: number;
}

/** Attributes of a file as numbers; times in milliseconds with a fraction, and as dates. */
export class Stats extends Typed {
  readonly dev: number;
  readonly ino: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: Stat, volume: Volume) {
    super();
    this.dev = volume.dev;
    this.ino = stat.ino;
    this.mode = stat.mode;
    this.nlink = stat.nlink;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.rdev = stat.rdev;
    this.size = stat.size;
    this.blksize = volume.blksize;
    this.blocks = stat.blocks;
    this.atimeMs = millisecondsOf(stat.atime);
    this.mtimeMs = millisecondsOf(stat.mtime);
    this.ctimeMs = millisecondsOf(stat.ctime);
    this.birthtimeMs = millisecondsOf(stat.btime);
    this.atime = dateOf(stat.atime);
    this.mtime = dateOf(stat.mtime);
    this.ctime = dateOf(stat.ctime);
    this.birthtime = dateOf(stat.btime);
  }

  override fileType(): FileType | undefined {
    return typeOf(this.mode);
  }
}

/** Attributes of a file as BigInts; times in whole milliseconds, in nanoseconds, and as dates. */
export class BigIntStats extends Typed {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: Stat, volume: Volume) {
    super();
    this.dev = BigInt(volume.dev);
    this.ino = BigInt(stat.ino);
    this.mode = BigInt(stat.mode);
    this.nlink = BigInt(stat.nlink);
    this.uid = BigInt(stat.uid);
    this.gid = BigInt(stat.gid);
    this.rdev = BigInt(stat.rdev);
    this.size = BigInt(stat.size);
    this.blksize = BigInt(volume.blksize);
    this.blocks = BigInt(stat.blocks);
    this.atimeNs = nanosecondsOf(stat.atime);
    this.mtimeNs = nanosecondsOf(stat.mtime);
    this.ctimeNs = nanosecondsOf(stat.ctime);
    this.birthtimeNs = nanosecondsOf(stat.btime);
    this.atimeMs = this.atimeNs / 1_000_000n;
    this.mtimeMs = this.mtimeNs / 1_000_000n;
    this.ctimeMs = this.ctimeNs / 1_000_000n;
    this.birthtimeMs = this.birthtimeNs / 1_000_000n;
    this.atime = dateOf(stat.atime);
    this.mtime = dateOf(stat.mtime);
    this.ctime = dateOf(stat.ctime);
    this.birthtime = dateOf(stat.btime);
  }

  override fileType(): FileType | undefined {
    return typeOf(Number(this.mode));
  }
}

/** An entry of a directory. */
export class Dirent extends Typed {
  readonly name: string;
  /** Path of the directory it was found in, as the caller gave it. */
  readonly parentPath: string;
  /** The same as `parentPath`, under its older name. */
  readonly path: string;
  readonly type: FileType;

  constructor(name: string, parentPath: string, type: FileType) {
    super();
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
    this.type = type;
  }

  override fileType(): FileType {
    return this.type;
  }
}

/** What statfs tells: sizes in blocks of `bsize` bytes; files are not counted, so they are 0. */
export interface StatFs<N extends number | bigint = number> {
  readonly type: N;
  readonly bsize: N;
  readonly blocks: N;
  readonly bfree: N;
  readonly bavail: N;
  readonly files: N;
  readonly ffree: N;
}

function dateOf(time: Time): Date {
  return new Date(Math.round(millisecondsOf(time)));
}

function nanosecondsOf(time: Time): bigint {
  return BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds);
}
