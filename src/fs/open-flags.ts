/** What a program asks of open: Node's words ("r", "wx+" …) or Linux's bits, told as one set of predicates. */
import { wrongValue } from "./argument-error.ts";
import { constants } from "./constants.ts";

/** How to open a path. */
export interface OpenIntent {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly truncate: boolean;
  /** Create what is not there. */
  readonly create: boolean;
  /** With `create`: refuse what is there already, a dangling symlink too. */
  readonly exclusive: boolean;
  readonly noFollow: boolean;
  /** Refuse anything but a directory. */
  readonly directory: boolean;
  /** Every write is committed strictly. */
  readonly synchronous: boolean;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_SYNC, O_DSYNC } =
  constants;

/** Node's words without "x" (exclusive) and "s" (synchronous), which may stand at any place after the first letter. */
const words = new Map<string, number>([
  ["r", O_RDONLY],
  ["r+", O_RDWR],
  ["w", O_WRONLY | O_CREAT | O_TRUNC],
  ["w+", O_RDWR | O_CREAT | O_TRUNC],
  ["a", O_WRONLY | O_CREAT | O_APPEND],
  ["a+", O_RDWR | O_CREAT | O_APPEND],
]);

/** The marks each first letter may carry. */
const marks = new Map([
  ["r", "s"],
  ["w", "x"],
  ["a", "xs"],
]);

/**
 * Reads `flags`, or `fallback` where there are none.
 * @throws TypeError (ERR_INVALID_ARG_VALUE) no such flags
 */
export function openIntentOf(
  flags: string | number | null | undefined,
  fallback = "r",
): OpenIntent {
  const bits = typeof flags === "number" ? flags : bitsOf(flags ?? fallback);
  if (bits === undefined || !Number.isInteger(bits)) throw wrongValue("flags", "is invalid", flags);
  const access = bits & 3;
  return {
    read: access === O_RDONLY || access === O_RDWR,
    write: access === O_WRONLY || access === O_RDWR,
    append: (bits & O_APPEND) !== 0,
    truncate: (bits & O_TRUNC) !== 0,
    create: (bits & O_CREAT) !== 0,
    exclusive: (bits & O_CREAT) !== 0 && (bits & O_EXCL) !== 0,
    noFollow: (bits & constants.O_NOFOLLOW) !== 0,
    directory: (bits & constants.O_DIRECTORY) !== 0,
    synchronous: (bits & (O_SYNC | O_DSYNC)) !== 0,
  };
}

function bitsOf(flags: unknown): number | undefined {
  if (typeof flags !== "string") return undefined;
  const [, mark = ""] = /^[rwa]?([xs]?)[rwa]?\+?$/.exec(flags) ?? [];
  const word = flags.replace(mark, "");
  const bits = words.get(word);
  if (bits === undefined || !marks.get(word.charAt(0))?.includes(mark)) return undefined;
  return bits | (mark === "x" ? O_EXCL : 0) | (mark === "s" ? O_SYNC : 0);
}
