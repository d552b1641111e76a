/** Errors that came from a worker, made on the page what they were there. See thrown-errors.ts. */
import { transferHandlers } from "comlink";
import { FsError } from "../src/index.ts";
import type { WireError } from "./thrown-errors.ts";

/** The error that `packed` tells of: an `FsError` where it was one, with its message and errno made anew. */
export function unpackError(packed: WireError): unknown {
  if (packed.kind === "other") return packed.text;
  const cause = packed.cause && unpackError(packed.cause);
  if (packed.kind === "fs") return new FsError(packed.code, { ...packed, cause });
  const { name, message, stack, code } = packed;
  const type = name === "TypeError" ? TypeError : name === "RangeError" ? RangeError : Error;
  const error = new type(message, cause === undefined ? undefined : { cause });
  if (error.name !== name) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}

/** Has errors that come from workers be whole in this realm; to be called before the first message. */
export function catchWholeErrors(): void {
  const installed = transferHandlers.get("throw");
  if (!installed) return;
  transferHandlers.set("throw", {
    ...installed,
    deserialize(packed) {
      throw unpackError(packed as WireError);
    },
  });
}
