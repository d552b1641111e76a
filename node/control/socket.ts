/**
 * Where the owner of a storage listens, and how both sides talk there: one JSON object per line, a call
 * `{id, method, params}` one way, `{id, result}` or `{id, error}` the other.
 */
import { closeSync, constants, openSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { PlainError } from "./errors.ts";

/** A call on its way. */
export interface CallLine {
  readonly id: number;
  readonly method: string;
  readonly params?: unknown;
}

/** Its answer. */
export type AnswerLine =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: PlainError };

/** Bytes of a path that fit a unix socket's address. */
const longestAddress = 107;

/** The owner's socket of a storage. */
export function controlPath(storage: string): string {
  return join(storage, "control");
}

/**
 * An address by which `controlPath(storage)` can be bound or connected to however long it is. `release` frees what it
 * needs; until then the address is good.
 */
export function controlAddress(storage: string): { address: string; release: () => void } {
  const path = controlPath(storage);
  if (Buffer.byteLength(path) <= longestAddress) return { address: path, release: () => {} };
  const directory = openSync(storage, constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    address: `/proc/self/fd/${directory}/control`,
    release: () => closeSync(directory),
  };
}

/** The longest call, in characters: it names paths, and hundreds of thousands of them fit. */
export const longestCall = 32 << 20;

/**
 * Calls `take` with every line that comes in on `socket`, without its end. Once one is longer than `limit` it calls
 * `tooLong` instead, and nothing more is heard of the socket.
 */
export function onLines(
  socket: Socket,
  take: (line: string) => void,
  { limit = Number.POSITIVE_INFINITY, tooLong = () => {} } = {},
): void {
  let pieces: string[] = [];
  let length = 0;
  socket.setEncoding("utf8");
  const hear = (text: string): void => {
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      const whole = pieces.join("") + line;
      pieces = [];
      length = 0;
      if (whole !== "") take(whole);
    }
    pieces.push(rest);
    length += rest.length;
    if (length <= limit) return;
    pieces = [];
    socket.off("data", hear);
    // What still comes is passed over, so that the other side hears the answer.
    socket.resume();
    tooLong();
  };
  socket.on("data", hear);
}

/** The line of a call or an answer. */
export function lineOf(message: CallLine | AnswerLine): string {
  return `${JSON.stringify(message)}\n`;
}
