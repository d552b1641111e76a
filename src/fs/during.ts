/** Which call an error ended: the system call, and the paths the program gave. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";

/** What an error says of the call it ended. */
export interface Call {
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
}

/** Errors that tell already which call they ended. */
const told = new WeakSet<FsError>();

/** Runs `operation`; its errors tell that `call` failed, unless a `during` further in has said so of a part. */
export function* during<T>(call: Call, operation: Operation<T>): Operation<T> {
  try {
    return yield* operation;
  } catch (error) {
    if (!(error instanceof FsError) || told.has(error)) throw error;
    const telling = error.at({ path: undefined, dest: undefined, ...call });
    told.add(telling);
    throw telling;
  }
}
