/** What cp and rm say before they touch anything, with the codes and fields Node gives such errors. */

/** The codes, with Linux's positive errno and the sentence each begins with. */
const table = {
  ERR_FS_EISDIR: ["EISDIR", 21, "Path is a directory"],
  ERR_FS_CP_EEXIST: ["EEXIST", 17, "Target already exists"],
  ERR_FS_CP_EINVAL: ["EINVAL", 22, "Invalid src or dest"],
  ERR_FS_CP_DIR_TO_NON_DIR: ["EISDIR", 21, "Cannot overwrite non-directory with directory"],
  ERR_FS_CP_NON_DIR_TO_DIR: ["ENOTDIR", 20, "Cannot overwrite directory with non-directory"],
  ERR_FS_CP_UNKNOWN: ["EINVAL", 22, "Cannot copy an unknown file type"],
} as const;

/** A refusal by cp or rm. Unlike `FsError` its `errno` is positive: so it is in Node. */
export class TreeError extends Error {
  override readonly name = "SystemError";
  readonly code: keyof typeof table;
  readonly errno: number;
  readonly syscall: "cp" | "rm";
  readonly path: string;

  constructor(code: keyof typeof table, syscall: "cp" | "rm", path: string, problem: string) {
    const [word, errno, sentence] = table[code];
    super(`${sentence}: ${syscall} returned ${word} (${problem}) ${path}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}
