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

/** Calls `take` with every line that comes in on `socket`, without its end. */
export function onLines(socket: Socket, take: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  });
}

/** The line of a call or an answer. */
export function lineOf(message: CallLine | AnswerLine): string {
  return `${JSON.stringify(message)}\n`;
}
