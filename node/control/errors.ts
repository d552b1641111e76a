/** Errors as plain data, to cross to another thread or another process and be the same error there. */
import { type ErrorCode, FsError, isErrorCode } from "../../src/index.ts";

/** An error without its class. `code` is there for a file's fate, and absent for a defect. */
export interface PlainError {
  readonly message: string;
  readonly code?: string;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  readonly reason?: string | undefined;
  readonly stack?: string | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof FsError) {
    const { message, code, syscall, path, dest, reason } = error;
    return { message, code, syscall, path, dest, reason };
  }
  if (error instanceof Error) return { message: error.message, stack: error.stack };
  return { message: String(error) };
}

export function fromPlainError(plain: PlainError): Error {
  const { message, code, syscall, path, dest, reason, stack } = plain;
  if (isErrorCode(code)) return new FsError(code as ErrorCode, { syscall, path, dest, reason });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
