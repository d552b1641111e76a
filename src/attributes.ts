/**
 * File types, mode bits, times and what stat tells. Times are pairs of numbers, seconds since 1970 and nanoseconds, so
 * that nothing is rounded and no BigInt or Date is made on the hot path.
 */

/** The type of a file, by the word the documentation and `status` use. */
export type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block";

/** The type bits of `st_mode` (inode(7)), as they stand in its upper four bits. */
export const typeBits: Readonly<Record<FileType, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};

/** The mask of the type bits in `st_mode`. */
export const typeMask = 0o170000;

/** The type in the upper bits of `mode`, or undefined if they name none. */
export function typeOf(mode: number): FileType | undefined {
  const bits = mode & typeMask;
  for (const [type, value] of Object.entries(typeBits)) if (value === bits) return type as FileType;
  return undefined;
}

/** A moment: whole seconds since 1970 (negative before it) and 0 to 999,999,999 nanoseconds after them. */
export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Which of two moments is earlier: negative, 0 or positive, as sort wants it. */
export function compareTimes(a: Time, b: Time): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

/** The moment `milliseconds` after 1970; a fraction becomes nanoseconds. */
export function timeOfMilliseconds(milliseconds: number): Time {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.min(999_999_999, Math.round((milliseconds - seconds * 1000) * 1e6));
  return { seconds, nanoseconds };
}

/** Milliseconds since 1970, with the fraction a double can hold. */
export function millisecondsOf(time: Time): number {
  return time.seconds * 1000 + time.nanoseconds / 1e6;
}

/** What stat tells of an inode. `mode` includes the type bits; `blocks` counts units of 512 bytes. */
export interface Stat {
  readonly ino: number;
  readonly type: FileType;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blocks: number;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  readonly btime: Time;
}

/** What setattr changes; what is left out stays. `mode` holds the permission bits only. */
export interface AttributeChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: Time | "now";
  readonly mtime?: Time | "now";
  readonly ctime?: Time;
}

/** Permissions without setuid, and without setgid where the group may execute. */
export function unprivileged(mode: number): number {
  return mode & ~((mode & 0o010) === 0 ? 0o4000 : 0o6000);
}
