/**
 * Errors on their way from a worker to a page: they keep everything an `FsError` tells, of which comlink alone keeps
 * message, name and stack. What they become on the page is the matter of caught-errors.ts.
 */
import { transferHandlers } from "comlink";
import { type ErrorCode, FsError } from "../src/index.ts";

/** An error on the wire. */
export type WireError =
  | {
      readonly kind: "fs";
      readonly code: ErrorCode;
      readonly syscall?: string | undefined;
      readonly path?: string | undefined;
      readonly dest?: string | undefined;
      readonly reason?: string | undefined;
      readonly cause?: WireError | undefined;
    }
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message: string;
      readonly stack?: string | undefined;
      /** Node's code of an argument error or an abort. */
      readonly code?: string | undefined;
      readonly cause?: WireError | undefined;
    }
  /** Something that is no error was thrown; it arrives as its text. */
  | { readonly kind: "other"; readonly text: string };

/** How many causes of causes cross. A chain that long tells nothing more, and one may be a circle. */
const deepestCause = 8;

/** `error` as plain data. */
export function packError(error: unknown, depth = 0): WireError {
  if (!(error instanceof Error)) return { kind: "other", text: String(error) };
  const cause =
    error.cause === undefined || depth === deepestCause
      ? undefined
      : packError(error.cause, depth + 1);
  if (error instanceof FsError) {
    const { code, syscall, path, dest, reason } = error;
    return { kind: "fs", code, syscall, path, dest, reason, cause };
  }
  const { name, message, stack } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { kind: "error", name, message, stack, code, cause };
}

/** Has errors that are thrown in this realm cross whole; to be called before the first message. */
export function throwWholeErrors(): void {
  const installed = transferHandlers.get("throw");
  if (!installed) return;
  transferHandlers.set("throw", {
    // Only comlink's own handler can tell a thrown value from a returned one.
    ...installed,
    serialize: ({ value }: { value: unknown }) => [packError(value), []],
  });
}
