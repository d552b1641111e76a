/**
 * Errors about a file's fate: one class, one table of codes. Each edge translates once (FUSE: the negative errno; a
 * worker: to plain data and back; HTTP: 404 is "not there", timeouts and 5xx are EIO with the cause).
 */

/** Linux's numbers and the C library's words for them (`errno(3)`), as Node prints them. */
const table = {
  EPERM: [1, "operation not permitted"],
  ENOENT: [2, "no such file or directory"],
  EINTR: [4, "interrupted system call"],
  EIO: [5, "i/o error"],
  ENXIO: [6, "no such device or address"],
  EBADF: [9, "bad file descriptor"],
  EAGAIN: [11, "resource temporarily unavailable"],
  EACCES: [13, "permission denied"],
  EBUSY: [16, "resource busy or locked"],
  EEXIST: [17, "file already exists"],
  EXDEV: [18, "cross-device link not permitted"],
  ENODEV: [19, "no such device"],
  ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "illegal operation on a directory"],
  EINVAL: [22, "invalid argument"],
  EFBIG: [27, "file too large"],
  ENOSPC: [28, "no space left on device"],
  EROFS: [30, "read-only file system"],
  EMLINK: [31, "too many links"],
  ERANGE: [34, "result too large"],
  ENAMETOOLONG: [36, "name too long"],
  ENOSYS: [38, "function not implemented"],
  ENOTEMPTY: [39, "directory not empty"],
  ELOOP: [40, "too many symbolic links encountered"],
  ENODATA: [61, "no data available"],
  EPROTO: [71, "protocol error"],
  EOVERFLOW: [75, "value too large for defined data type"],
  EILSEQ: [84, "illegal byte sequence"],
  EOPNOTSUPP: [95, "operation not supported on socket"],
  ENOTCONN: [107, "socket is not connected"],
  ETIMEDOUT: [110, "connection timed out"],
  ESTALE: [116, "stale file handle"],
  EDQUOT: [122, "disk quota exceeded"],
  ECANCELED: [125, "operation canceled"],
} as const satisfies Record<string, readonly [number, string]>;

/** The code of an `FsError`, such as `"ENOENT"`. */
export type ErrorCode = keyof typeof table;

/** What an `FsError` may tell besides its code. */
export interface ErrorDetails {
  /** The operation that failed, by its system call's name. */
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  /** The second path of rename, link, symlink, cp. */
  readonly dest?: string | undefined;
  /** Why it failed and what to try, as a sentence or two; stands in the message after the code's own words. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The fate of a file operation, in the shape of Node's errors: `message` is
 * `ENOENT: no such file or directory, open '/p'`, `errno` is negative.
 */
export class FsError extends Error {
  override readonly name = "Error";
  readonly code: ErrorCode;
  readonly errno: number;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
  readonly reason?: string;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const { syscall, path, dest, reason, cause } = details;
    const [errno, words] = table[code];
    let message = `${code}: ${words}`;
    if (syscall !== undefined) message += `, ${syscall}`;
    if (path !== undefined) message += `${syscall === undefined ? "," : ""} '${path}'`;
    if (dest !== undefined) message += ` -> '${dest}'`;
    if (reason !== undefined) message += `: ${reason}`;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.errno = -errno;
    if (syscall !== undefined) this.syscall = syscall;
    if (path !== undefined) this.path = path;
    if (dest !== undefined) this.dest = dest;
    if (reason !== undefined) this.reason = reason;
  }

  /** The same fate told again with `details` added: an edge knows the path, the overlay below knows only the inode. */
  at(details: ErrorDetails): FsError {
    return new FsError(this.code, { ...this.details(), ...details });
  }

  /** What this error tells besides its code, as plain data. */
  details(): ErrorDetails {
    const { syscall, path, dest, reason, cause } = this;
    return { syscall, path, dest, reason, cause };
  }
}

/** The code with this positive errno of Linux, or EIO if we never heard of it. */
export function codeOf(errno: number): ErrorCode {
  for (const [code, [number]] of Object.entries(table))
    if (number === errno) return code as ErrorCode;
  return "EIO";
}

/** Whether `code` names one of our error codes. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(table, code);
}
